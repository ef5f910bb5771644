# engines: host podman5 podman54
# The hook without CDI, on real engines: nvbind run gives Podman a folder of hooks. The loader's own
# list then has the driver, and each library is mounted once.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    simulate_host --gpus 2
}

# sim IDENTITY WORDS...: nvbind on the simulated host, without CDI.
sim() {
    local identity=$1 verb=$2
    shift 2
    as "$identity" "$NVBIND_BIN/nvbind" --host-root "$HOST" "$verb" --no-cdi --network=none "$@"
}

works() {
    local identity=$1 image mounts
    need_identity "$identity"
    need_part debian-trixie
    use_runtime "$2"
    image=$(import_image "$identity" debian-trixie)
    [ "$(sim "$identity" run --rm --gpu 0 --dry-run=json "$image" | jq '.edits.hooks | length')" -eq 1 ]

    run sim "$identity" run --rm --gpu all --capabilities all \
        -v "$NVBIND_BIN/nvbind-probe:/nvbind-probe:ro" \
        "$image" /nvbind-probe --expect-gpus 2 --require libcuda.so.1,libnvidia-ml.so.1
    echo "$output"
    [ "$status" -eq 0 ]

    for mounts in --read-only=false --read-only; do
        run sim "$identity" run --rm --gpu 0 "$mounts" "$image" ldconfig -p
        [ "$status" -eq 0 ]
        grep -F 'libcuda.so.1 (libc6,x86-64) => ' <<<"$output"
        grep -F 'libc.so.6 (libc6,x86-64) => ' <<<"$output"
    done

    # In the foreground or not, the hook has run before the program.
    run sim "$identity" run --rm --gpu 0 --pid=host "$image" \
        sh -c 'ls -L /usr/lib/x86_64-linux-gnu/libcuda.so /usr/lib/x86_64-linux-gnu/libcuda.so.1; exit 7'
    echo "$output"
    [ "$status" -eq 7 ]
    [[ $output = *"/libcuda.so.1"* && $output != *"No such"* ]]
}

@test "every library loads and the loader lists them: rootless, runc" { works rootless runc; }
@test "every library loads and the loader lists them: rootless, crun" { works rootless crun; }
@test "every library loads and the loader lists them: rootful, runc" { works rootful runc; }
@test "every library loads and the loader lists them: rootful, crun" { works rootful crun; }

@test "a user namespace of its own: the libraries load, with the hook or, where crun starts none, without" {
    local identity userns runtime image
    need_rootful
    need_part debian-trixie
    id containers >/dev/null 2>&1 || useradd -r -M containers
    echo 'containers:200000000:1000000' >>/etc/subuid
    echo 'containers:200000000:1000000' >>/etc/subgid
    while read -r identity userns; do
        image=$(import_image "$identity" debian-trixie)
        for runtime in crun runc; do
            use_runtime "$runtime"
            run sim "$identity" run --rm --gpu 0 --runtime "$runtime" "--userns=$userns" \
                -v "$NVBIND_BIN/nvbind-probe:/nvbind-probe:ro" "$image" \
                /nvbind-probe --expect-gpus 1 --require libcuda.so.1,libnvidia-ml.so.1
            echo "$identity $runtime $userns: $output"
            [ "$status" -eq 0 ]
        done
    done <<'ROWS'
rootful auto
rootless nomap
ROWS
}

runs_smi() {
    local identity=$1 image tree
    need_identity "$identity"
    need_part driver-550
    need_part debian-trixie
    use_runtime "$2"
    tree=$(part_path driver-550)
    image=$(import_image "$identity" debian-trixie)
    for mode in --rm --rm=false; do
        run as "$identity" "$NVBIND_BIN/nvbind" --host-root "$tree" run --no-cdi $mode \
            --name nvbind-smi --replace --network=none --gpu all "$image" nvidia-smi
        echo "$mode $status $output"
        as "$identity" podman rm -fi nvbind-smi >/dev/null
        [ "$status" -eq "$(smi_status "$tree")" ]
    done
}

@test "the real nvidia-smi finds its libraries with the hook and without: rootless, runc" { runs_smi rootless runc; }
@test "the real nvidia-smi finds its libraries with the hook and without: rootless, crun" { runs_smi rootless crun; }
@test "the real nvidia-smi finds its libraries with the hook and without: rootful, runc" { runs_smi rootful runc; }
@test "the real nvidia-smi finds its libraries with the hook and without: rootful, crun" { runs_smi rootful crun; }

@test "the file is the caller's own, and written once" {
    local image folder=/run/user/$NVBIND_T_UID/nvbind/hooks
    [ "$NVBIND_T_MODE" = root ] || folder=$NVBIND_T_DIR/run/nvbind/hooks
    use_runtime runc
    image=$(import_image rootless busybox)
    rm -rf "$folder"
    for _ in 1 2; do
        run sim rootless run --rm --gpu 0 "$image" ls /dev/nvidia0
        [ "$status" -eq 0 ]
    done
    run find "$folder" -type f -printf '%m %f\n'
    echo "$output"
    [[ $output =~ ^600\ nvbind-[0-9a-f]{16}\.json$ ]]
}

# marker FOLDER NAME: a hook in FOLDER for every container, which leaves a mark.
marker() {
    mkdir -p "$1"
    printf '#!/bin/sh\n: >%q\n' "$1/$2.mark" >"$1/$2.sh"
    jq -n --arg path "$1/$2.sh" '{version: "1.0.0", when: {always: true}, stages: ["createRuntime"],
        hook: {path: $path, args: ["sh"], env: ["LC_ALL=C"]}}' >"$1/$2.json"
    chmod 0755 "$1/$2.sh"
    chmod -R a+rwX "$1"
}

@test "hooks that were in force stay so: the user's folder, and the default one" {
    local image his
    use_runtime runc
    image=$(import_image rootless debian-trixie)
    his=$(shared_folder)/hooks
    marker "$his" his
    run sim rootless run --rm --gpu 0 --hooks-dir "$his" "$image" ldconfig -p
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = *libcuda.so.1* ]]
    [ -e "$his/his.mark" ]
}

@test "the default folder is the engine's own" {
    local named
    # What nvbind names is what the engine says of itself.
    named=$(as_user podman --help | grep -o 'hooks-dir.*(default \[.*\])')
    [ "${named##*default }" = "[/usr/share/containers/oci/hooks.d])" ]
}

@test "hooks of the machine's run as they would without nvbind, and no others" {
    local default=/usr/share/containers/oci/hooks.d admin=/etc/containers/oci/hooks.d
    local folders=("$admin") identity image plain
    [ "$NVBIND_T_MODE" = root ] || skip "only root could lay a hook into the machine's folders"
    use_runtime runc
    # Where /usr is a copy too, that one as well.
    [ "$(stat -f -c %T /usr)" != overlayfs ] || folders+=("$default")
    for folder in "${folders[@]}"; do
        marker "$folder" marker
    done
    marks() { find "${folders[@]}" -name '*.mark' -printf '%h\n' | sort; }
    for identity in rootful rootless; do
        image=$(import_image "$identity" busybox)
        as "$identity" podman run --rm --network=none "$image" true
        plain=$(marks)
        find "${folders[@]}" -name '*.mark' -delete
        run sim "$identity" run --rm --gpu 0 "$image" ls /usr/lib/x86_64-linux-gnu/libcuda.so.1
        echo "$identity: $output; in force: $plain"
        [ "$status" -eq 0 ]
        [ "$(marks)" = "$plain" ]
        find "${folders[@]}" -name '*.mark' -delete
    done
    # The default one is in force, and was so in both.
    [ "${#folders[@]}" -eq 1 ] || [ "$plain" = "$default" ]
    find "${folders[@]}" -name 'marker.*' -delete
}

@test "a pod's infra container is left alone" {
    local image
    use_runtime runc
    image=$(import_image rootless debian-trixie)
    as_user podman pod create --network=none --infra-image "$image" --infra-command 'sleep 60' \
        --name nvbind-pod >/dev/null
    run as_user "$NVBIND_BIN/nvbind" --host-root "$HOST" run --no-cdi --rm --gpu 0 --pod nvbind-pod \
        "$image" ldconfig -p
    echo "$output"
    infra=$(as_user podman pod inspect --format '{{.InfraContainerID}}' nvbind-pod)
    as_user podman exec "$infra" ldconfig -p >"$BATS_TEST_TMPDIR/infra"
    as_user podman pod rm -f nvbind-pod >/dev/null
    [ "$status" -eq 0 ]
    [[ $output = *libcuda.so.1* ]]
    run ! grep libcuda "$BATS_TEST_TMPDIR/infra"
    grep -q libc.so.6 "$BATS_TEST_TMPDIR/infra"
}
