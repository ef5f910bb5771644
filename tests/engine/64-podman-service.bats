# engines: host
# more engines: podman54 podman6
#
# Podman behind its socket on this machine: the GPUs are this machine's, and what only Podman itself
# takes (folders of specifications and of hooks) is not asked of its service.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    use_runtime crun
    TREE=$(part_path driver-550)
    import_image rootless busybox
    SOCKET=$NVBIND_T_DIR/tmp/podman.sock
    export TREE SOCKET BATS_TEST_RETRIES=0
    # shellcheck disable=SC2016 # for the shell inside
    as_user bash -c 'echo $$ >"$1"; exec podman system service -t 0 "$2"' - \
        "$NVBIND_T_DIR/tmp/service" "unix://$SOCKET" >/dev/null 2>&1 3>&- &
    for _ in $(seq 100); do
        [ ! -S "$SOCKET" ] || return 0
        sleep 0.1
    done
    return 1
}

teardown_file() {
    kill "$(cat "$NVBIND_T_DIR/tmp/service")"
}

readonly image=localhost/nvbind-test/busybox

# by_service VARIABLES -- WORDS...
by_service() {
    local vars=()
    while [ "$1" != -- ]; do vars+=("$1"); shift; done
    shift
    run --separate-stderr as_user env "NVBIND_HOST_ROOT=$TREE" "${vars[@]}" \
        "$NVBIND_BIN/nvbind" run "$@"
    echo "$output $stderr"
}

sees_gpu() {
    [ "$status" -eq 0 ]
    [[ $output = *nvidia1* && $output != *nvidia0* && $output = *libcuda.so.1* ]]
}

look=(ls /dev /usr/lib/x86_64-linux-gnu)

@test "--url, CONTAINER_HOST: a GPU of this machine" {
    by_service -- --url "unix://$SOCKET" --rm --network=none --gpu 1 "$image" "${look[@]}"
    sees_gpu
    [[ $stderr != *"not this machine"* ]]
    by_service "CONTAINER_HOST=unix://$SOCKET" -- --rm --network=none --gpu 1 "$image" "${look[@]}"
    sees_gpu
    by_service -- --url "unix://$SOCKET" --rm --network=none --gpu 1 --dry-run "$image"
    [[ $output != *--hooks-dir* && $output != *--cdi-spec-dir* ]]
}

@test "a connection that leads there" {
    # Podman 4 keeps connections in containers.conf, which is Podman's to read.
    [[ $(as_user podman --version) != *" 4."* ]] || skip "this Podman has no podman-connections.json"
    as_user podman system connection add here "unix://$SOCKET"
    by_service -- --connection here --rm --network=none --gpu 1 "$image" "${look[@]}"
    as_user podman system connection remove here
    sees_gpu
}

@test "no service: said before Podman would" {
    by_service -- --url unix:///run/nobody-listens.sock --rm --gpu 1 "$image" true
    [ "$status" -eq 125 ]
    [[ $stderr = *"podman's service does not run: nothing listens at '/run/nobody-listens.sock'"* ]]
    [[ $stderr = *"hint: systemctl --user start podman.socket"* ]]
}
