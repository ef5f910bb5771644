# engines: host podman5
#
# additional_libraries of the configuration in real containers: found by the loader under its SONAME,
# with the hook and without, directly and by CDI.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    host=$(shared_folder)/host
    "$NVBIND_BIN/nvbind" simulate "$host" --gpus 1 >/dev/null
    mkdir -p "$host/opt/extra"
    "$NVBIND_BUILD/tests/mkelf" --soname libnvextra.so.3 --function nvextra=7 \
        --out "$host/opt/extra/libnvextra.so.3.1.4"
    ln -s libnvextra.so.3.1.4 "$host/opt/extra/libnvextra.so"
    chmod -R a+rX "$host"
    conf=$(shared_folder)/nvbind.toml
    echo 'gpu.additional_libraries = ["/opt/extra/libnvextra.so"]' >"$conf"
    # Whoever runs nvbind must own what it reads.
    chown "$NVBIND_T_UID" "$conf"
    export host conf
}

setup() { need_part debian-trixie; }

# look [WORD...]: what the loader says of the library in a container.
look() {
    local image
    image=$(import_image rootless debian-trixie)
    run --separate-stderr as_user "$NVBIND_BIN/nvbind" --config "$conf" --host-root "$host" run \
        --network=none "$@" "$image" \
        sh -c 'LD_PRELOAD=libnvextra.so.3 ls /lib/x86_64-linux-gnu/libnvextra.so.3 2>&1
               ldconfig -p | grep nvextra; cat /proc/self/mountinfo | grep -c /libnvextra'
    printf '%s\n' "$output" "-- $stderr"
    [ "$status" -eq 0 ]
    # The loader says so where it finds no library to preload, and goes on.
    [[ $output != *"cannot be preloaded"* ]]
}

@test "with the hook: under its own path, in the linker cache" {
    look --rm --no-cdi --gpu 0
    [[ $output = *"libnvextra.so.3 (libc6,x86-64) => /opt/extra/libnvextra.so.3"* ]]
    [ "${lines[-1]}" = 1 ]
}

@test "hookless: by its SONAME in the loader's folders" {
    look --name nvbind-libraries --gpu 0
    as_user podman rm -fi nvbind-libraries >/dev/null
    [ "${lines[0]}" = /lib/x86_64-linux-gnu/libnvextra.so.3 ]
}

@test "by CDI" {
    [[ $(podman --version) =~ \ 5\.([5-9]|[1-9][0-9]) ]] || skip "this Podman has no folder of one's own for CDI"
    look --rm --cdi --gpu 0
    [[ $output = *"libnvextra.so.3 (libc6,x86-64) => /opt/extra/libnvextra.so.3"* ]]
}

@test "a container without GPUs goes without" {
    local image
    image=$(import_image rootless busybox)
    run as_user "$NVBIND_BIN/nvbind" --config "$conf" --host-root "$host" run --rm --gpu none \
        --network=none "$image" grep -c nvextra /proc/self/mountinfo
    [ "${lines[0]}" = 0 ]
}
