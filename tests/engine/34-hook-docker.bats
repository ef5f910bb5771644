# The specification and its hook under Docker 26, with a daemon of this test's own.

# engines: docker26

load ../lib/engine
load ../lib/docker
load ../lib/hook

setup_file() {
    engine_setup_file
    need_rootful
    need_part driver-550-full
    need_part debian-trixie
    export HOOK_TOOLS=${NVBIND_BUILD:?}/tests/hook
    mkdir -p /etc/cdi
    "$NVBIND_BIN/nvbind" simulate "$NVBIND_T_DIR/tmp/host" --gpus 2 >&2
    "$NVBIND_BIN/nvbind" --host-root "$NVBIND_T_DIR/tmp/host" \
        --driver-root "$(part_path driver-550-full)" cdi generate --output /etc/cdi/nvidia.json >&2
    docker_start '"features": {"cdi": true}'
    docker import - trixie <"$(part_path debian-trixie)" >/dev/null
}

teardown_file() {
    docker_stop
}

in_docker() {
    run docker run --rm --network=none "$@"
    echo "$output"
}

finds_driver() {
    in_docker --device nvidia.com/gpu=all "$@" trixie nvidia-smi
    [ "$status" -eq 17 ] # its library is loaded and a stand-in of a node opened; without it: 12
    in_docker --device nvidia.com/gpu=0 -v "$HOOK_TOOLS/dlopen_all:/usr/bin/dlopen_all:ro" "$@" trixie \
        dlopen_all libcuda.so.1 libnvidia-ml.so.1 libcuda.so libc.so.6
    [ "$status" -eq 0 ]
    in_docker --device nvidia.com/gpu=0 "$@" trixie ldconfig -p
    [[ $output = *'libcuda.so.1 (libc6,x86-64) => '* ]]
}

@test "docker, runc" { finds_driver; }
@test "docker, crun" { finds_driver --runtime crun; }
@test "docker, --read-only, runc and crun" {
    finds_driver --read-only
    finds_driver --read-only --runtime crun
}

@test "docker start again: the same, and nothing is left behind" {
    name=again
    docker create --name "$name" --network=none --device nvidia.com/gpu=all trixie \
        sh -c 'sha256sum </etc/ld.so.cache; find / -xdev -name ".nvbind*"'
    run docker start -a "$name"
    first=$output
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 1 ]
    run docker start -a "$name"
    docker rm "$name" >/dev/null
    [ "$output" = "$first" ]
}
