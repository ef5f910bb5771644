# The hook's file that `make install` lays for engines that read folders of hooks, and the file of
# arguments that it reads: containers of plain podman with nothing but the annotation.

# engines: host podman5 podman54

load ../lib/engine
load ../lib/hook

readonly arguments=/run/cdi/nvbind-hook.args
readonly mark=nvbind.hook=system

setup_file() {
    engine_setup_file
    need_rootful
    need_part driver-550-full
    need_part debian-trixie
    export HOOK_TOOLS=${NVBIND_BUILD:?}/tests/hook
    local dir=$NVBIND_T_DIR/tmp/installed
    mkdir -p "$dir/oci/hooks.d"
    # The one difference from what is installed is the prefix.
    jq --arg path "$NVBIND_BIN/nvbind-hook" '.hook.path = $path' "$NVBIND_BIN/nvbind-hook.json" \
        >"$dir/oci/hooks.d/nvbind-hook.json"
    chmod -R a+rX "$dir"
    mount -n -t overlay overlay -o "lowerdir=$dir:/usr/share/containers" /usr/share/containers
    "$NVBIND_BIN/nvbind" simulate "$NVBIND_T_DIR/tmp/host" --gpus 2 >&2
    mknod -m 0666 "$NVBIND_T_DIR/tmp/nvidiactl" c 195 255
}

setup() {
    rm -rf /run/cdi
    "$NVBIND_BIN/nvbind" --host-root "$NVBIND_T_DIR/tmp/host" \
        --driver-root "$(part_path driver-550-full)" cdi generate --format hook --output "$arguments"
}

# plain IDENTITY RUNTIME [OPTION...] -- COMMAND...
plain() {
    local identity=$1 image options=()
    use_runtime "$2"
    shift 2
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    image=${IMAGE:-$(import_image "$identity" debian-trixie)}
    run as "$identity" podman run --rm --network=none \
        -v "$HOOK_TOOLS/dlopen_all:/usr/bin/dlopen_all:ro" "${options[@]}" "$image" "$@"
    echo "$output"
}

works() {
    local identity=$1 runtime=$2
    shift 2
    plain "$identity" "$runtime" --annotation "$mark" "$@" -- dlopen_all libcuda.so.1 \
        libnvidia-ml.so.1 libcuda.so libnvidia-ptxjitcompiler.so.1 libnvidia-encode.so.1 libc.so.6
    [ "$status" -eq 0 ]
    plain "$identity" "$runtime" --annotation "$mark" "$@" -- ldconfig -p
    [[ $output = *'libcuda.so.1 (libc6,x86-64) => '* ]]
    # Both say that its library was found, which 12 does not: there is no driver behind the node,
    # and there is no node, which runc cannot make in a user namespace from where it lies here.
    local answer=9
    if [[ $* = *userns* ]]; then
        answer=17
    else
        set -- "$@" --device "$NVBIND_T_DIR/tmp/nvidiactl:/dev/nvidiactl"
    fi
    plain "$identity" "$runtime" --annotation "$mark" "$@" -- nvidia-smi
    [ "$status" -eq "$answer" ]
}

@test "the annotation alone: rootless, runc" { works rootless runc; }
@test "the annotation alone: rootless, crun" { works rootless crun; }
@test "the annotation alone: rootful, runc" { works rootful runc; }
@test "the annotation alone: rootful, crun" { works rootful crun; }
@test "the annotation alone, --read-only" {
    works rootless crun --read-only
    works rootful crun --read-only
    works rootful runc --read-only
}

@test "without the annotation, or with another value, nothing comes" {
    plain rootful crun -- ldconfig -p
    [ "$status" -eq 0 ]
    [[ $output != *libcuda* ]]
    plain rootful crun --annotation nvbind.hook=systems -- ldconfig -p
    [ "$status" -eq 0 ]
    [[ $output != *libcuda* ]]
}

@test "what it brings is read-only and goes with the container: the machine sees no mount" {
    local runtime before after
    before=$(wc -l </proc/self/mountinfo)
    for runtime in runc crun; do
        plain rootful "$runtime" --annotation "$mark" -v "$NVBIND_T_DIR/tmp:/t:shared" -- sh -c '
            lib=$(readlink -f $(ldconfig -p | sed -n "s/.*libcuda.so.1 .*=> //p" | head -1))
            ! echo x >>$lib && grep -q " $lib ro.*nosuid.*nodev" /proc/self/mountinfo && echo "kept $lib"'
        [[ $output = *'kept /'* ]]
        after=$(wc -l </proc/self/mountinfo)
        [ "$before" = "$after" ]
    done
}

@test "stop and start again: the same, and nothing but the places of the mounts is left" {
    local runtime image first
    image=$(import_image rootless debian-trixie)
    for runtime in runc crun; do
        use_runtime "$runtime"
        as rootless podman create -q --name "installed-$runtime" --network=none \
            --annotation "$mark" "$image" \
            sh -c 'sha256sum </etc/ld.so.cache; find / -xdev -name ".nvbind*"; ldconfig -p | grep -c libcuda.so.1'
        run as rootless podman start -a "installed-$runtime"
        echo "$output"
        first=$output
        [ "${#lines[@]}" -eq 2 ]
        [ "${lines[1]}" -eq 1 ]
        run as rootless podman start -a "installed-$runtime"
        as rootless podman rm -f "installed-$runtime" >/dev/null
        [ "$output" = "$first" ]
    done
}

# Under runc, which shows what a hook says.
refused() {
    plain rootful runc --annotation "$mark" -- true
    [ "$status" -eq 126 ]
    [[ $output = *"$1"* ]]
    plain rootless runc --annotation "$mark" -- true
    [ "$status" -eq 126 ]
    [[ $output = *"$1"* ]]
}

@test "a file of arguments that others could have written stops the start" {
    chmod 0664 "$arguments"
    refused "'$arguments' can be written by others"
    chmod 0644 "$arguments"
    chmod 0777 /run/cdi
    refused "'/run/cdi' can be written by others"
    chmod 0755 /run/cdi
    mv "$arguments" /run/cdi/real
    ln -s real "$arguments"
    refused "'$arguments' is a link"
    rm "$arguments"
    mkfifo "$arguments"
    refused "'$arguments' is no file"
    rm "$arguments"
    mv /run/cdi/real "$arguments"
    echo --arguments=/etc/passwd >>"$arguments"
    refused --arguments=/etc/passwd
    rm "$arguments"
    refused "there is no file of arguments '$arguments'"
}

@test "a file of arguments of another user's does not count for root's containers" {
    chown "$NVBIND_T_UID" "$arguments"
    plain rootful runc --annotation "$mark" -- true
    [ "$status" -eq 126 ]
    [[ $output = *"'$arguments' is not root's"* ]]
}

@test "an image's links and a volume do not move the mounts to elsewhere" {
    local dir lib
    dir=$(shared_folder)
    lib=$(sed -n 's,^--mount=.*::\(/.*/libcuda.so\..*\),\1,p' "$arguments" | head -1)
    mkdir -p "$dir/image" "$dir/vol" "$dir/host"
    chmod -R a+rwX "$dir"
    tar -xf "$(part_path busybox)" -C "$dir/image"
    mkdir -p "$dir/image${lib%/*/*}"
    # The folder of the libraries leads to a volume in one container, to the host's in another.
    for to in /vol "$dir/host"; do
        rm -rf "$dir/image${lib%/*}"
        ln -s "$to" "$dir/image${lib%/*}"
        tar -C "$dir/image" -cf "$dir/links.tar" .
        as rootful podman import -q - localhost/nvbind-test/links <"$dir/links.tar" >/dev/null
        IMAGE=localhost/nvbind-test/links plain rootful runc --annotation "$mark" \
            -v "$dir/vol:/vol" -- /bin/busybox true
        [ "$status" -eq 0 ]
        [ -z "$(find "$dir/vol" "$dir/host" -mindepth 1)" ]
    done
}

@test "files that the engine mounted already are right, and no word is lost about them" {
    local lib from
    lib=$(sed -n 's,^--mount=.*::\(/.*/libcuda.so\..*\),\1,p' "$arguments" | head -1)
    from=$(sed -n "s,^--mount=\(.*\)::$lib$,\1,p" "$arguments")
    dir=$(shared_folder)
    cat >"$dir/look" <<SCRIPT
#!/bin/busybox sh
exec '$NVBIND_BIN/nvbind-hook' "\$@" 2>>'$dir/said'
SCRIPT
    mkdir "$dir/hooks"
    : >"$dir/said"
    jq --arg path "$dir/look" '.hook.path = $path' "$NVBIND_BIN/nvbind-hook.json" \
        >"$dir/hooks/nvbind-hook.json"
    chmod -R a+rwX "$dir"
    chmod 0755 "$dir/look"
    use_runtime runc
    run as rootful podman --hooks-dir "$dir/hooks" run --rm --network=none --annotation "$mark" \
        -v "$from:$lib:ro" "$(import_image rootful debian-trixie)" ldconfig -p
    [ "$status" -eq 0 ]
    [[ $output = *'libcuda.so.1 (libc6,x86-64) => '* ]]
    cat "$dir/said"
    [ ! -s "$dir/said" ]
}

@test "a user namespace of its own" {
    id containers >/dev/null 2>&1 || useradd -r -M containers
    echo 'containers:200000000:1000000' >>/etc/subuid
    echo 'containers:200000000:1000000' >>/etc/subgid
    works rootful runc --userns=auto
    crun_starts_hooks || skip "this crun starts no hook in such a namespace"
    works rootful crun --userns=auto
}
