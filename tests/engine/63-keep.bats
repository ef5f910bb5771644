# engines: host podman5
# more engines: podman54 podman6
# Containers that outlive the command start again by plain "podman start" after a reboot, which
# takes the runtime folder away: by a specification of the system's, by nvbind's folder in the user's
# containers.conf (Podman 5.6 on), and directly.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    simulate_host --gpus 2
}

teardown() {
    [ "$NVBIND_T_MODE" != root ] || rm -f /etc/cdi/nvbind-keep.yaml
}

# What a reboot takes away. The engine's own state there would be lost as well; it notices by a file.
reboot() {
    rm -rf "/run/user/$NVBIND_T_UID/nvbind" "$NVBIND_T_DIR/run/nvbind"
    [ "$NVBIND_T_MODE" != root ] || rm -rf /run/nvbind
}

# shellcheck disable=SC2016 # for the shell inside
readonly look='ls /dev | grep "^nvidia[0-9]"; ls -L /usr/lib/x86_64-linux-gnu/libcuda.so.1; ldconfig -p 2>/dev/null | grep -c "libcuda.so.1 " || true'

# starts_again IDENTITY WORDS...: made by nvbind run -d and by create, each starts again twice.
starts_again() {
    local identity=$1 image verb
    shift
    image=$(import_image "$identity" debian-trixie)
    for verb in create run; do
        as "$identity" podman rm -fit0 nvbind-keep >/dev/null
        run --separate-stderr sim "$identity" $verb --name nvbind-keep --network=none --gpu 1 "$@" "$image" sh -c "$look"
        echo "$verb: $status $output $stderr"
        [ "$status" -eq 0 ]
        said=$stderr
        for _ in 1 2; do
            reboot
            run as "$identity" podman start -a nvbind-keep
            echo "start: $status $output"
            [[ $output = *nvidia1* && $output != *nvidia0* && $output = *libcuda.so.1* ]]
        done
    done
    as "$identity" podman inspect --format '{{.Config.CreateCommand}}' nvbind-keep >"$BATS_TEST_TMPDIR/words"
    as "$identity" podman rm -fit0 nvbind-keep >/dev/null
    [ "$(grep -c 'driver upgrade' <<<"$said")" -eq 1 ]
}

directly() {
    need_identity "$1"
    use_runtime "$2"
    starts_again "$1"
    run ! grep -q 'nvidia.com/gpu' "$BATS_TEST_TMPDIR/words"
    grep -q -- --volume "$BATS_TEST_TMPDIR/words"
}

@test "directly: rootless, runc" { directly rootless runc; }
@test "directly: rootless, crun" { directly rootless crun; }
@test "directly: rootful, runc" { directly rootful runc; }

by_system() {
    need_rootful
    need_identity "$1"
    use_runtime "$2"
    mkdir -p /etc/cdi
    # Podman 4.3 takes no CDI above 0.5.
    "$NVBIND_BIN/nvbind" --host-root "$HOST" cdi generate --cdi-version 0.5 --output /etc/cdi/nvbind-keep.yaml
    chmod a+r /etc/cdi/nvbind-keep.yaml
    starts_again "$1"
    grep -q 'nvidia.com/gpu=1' "$BATS_TEST_TMPDIR/words"
    run ! grep -q -- --volume "$BATS_TEST_TMPDIR/words"
    [[ $said = *"/etc/cdi/nvbind-keep.yaml"* ]]

    # One whose files are gone, or that lacks something that is wanted, is passed over.
    sed -i 's|libcuda.so.550|libcuda.so.549|g' /etc/cdi/nvbind-keep.yaml
    starts_again "$1"
    run ! grep -q 'nvidia.com/gpu=1' "$BATS_TEST_TMPDIR/words"
    "$NVBIND_BIN/nvbind" --host-root "$HOST" cdi generate --cdi-version 0.5 --capabilities utility \
        --output /etc/cdi/nvbind-keep.yaml
    starts_again "$1"
    run ! grep -q 'nvidia.com/gpu=1' "$BATS_TEST_TMPDIR/words"
}

@test "by the system's specification: rootless, runc" { by_system rootless runc; }
@test "by the system's specification: rootless, crun" { by_system rootless crun; }
@test "by the system's specification: rootful, runc" { by_system rootful runc; }

@test "by nvbind's folder in the user's containers.conf" {
    local home conf
    # Without CONTAINERS_CONF Podman reads the user's own file.
    home=$(shared_folder)
    use_runtime crun
    plain() { as_user env -u CONTAINERS_CONF HOME="$home" "$@"; }
    conf=$home/.config/containers/containers.conf
    plain mkdir -p "${conf%/*}"
    plain cp "$NVBIND_T_DIR/conf/user/crun.conf" "$conf"
    if ! plain "$NVBIND_BIN/nvbind" config engine >/dev/null 2>&1; then
        run --separate-stderr plain "$NVBIND_BIN/nvbind" config engine
        [ "$status" -ne 0 ]
        [[ $stderr = *"5.6 does"* ]]
        skip "this Podman reads no such folder"
    fi
    image=$(import_image rootless debian-trixie)
    as_keep() { plain "$NVBIND_BIN/nvbind" --host-root "$HOST" "$@"; }
    cp "$conf" "$BATS_TEST_TMPDIR/before"
    # Shown, then written, then there.
    run plain "$NVBIND_BIN/nvbind" config engine
    echo "$output"
    [[ $output = *"+ cdi_spec_dirs = "*"$home/.local/share/nvbind/cdi"* ]]
    cmp "$conf" "$BATS_TEST_TMPDIR/before"
    run plain "$NVBIND_BIN/nvbind" config engine --write
    [ "$status" -eq 0 ]
    [ "$(diff "$BATS_TEST_TMPDIR/before" "$conf" | grep -c '^[<>]')" -eq 1 ]
    run plain "$NVBIND_BIN/nvbind" config engine --write
    [[ $output = *already* ]]

    for verb in create run; do
        plain podman rm -fit0 nvbind-keep2 >/dev/null
        run --separate-stderr as_keep $verb --name nvbind-keep2 --network=none --gpu 1 "$image" sh -c "$look"
        echo "$verb: $status $output $stderr"
        [ "$status" -eq 0 ]
        [[ $stderr = *"$home/.local/share/nvbind/cdi/"*"driver upgrade"* ]]
        reboot
        run plain podman start -a nvbind-keep2
        echo "start: $status $output"
        [[ $output = *nvidia1* && $output != *nvidia0* && $output = *libcuda.so.1* ]]
        # With the hook: the loader's own list has it.
        [ "${lines[-1]}" -ge 1 ]
    done
    plain podman rm -fit0 nvbind-keep2 >/dev/null
}
