# The specification and its hook under Docker 26, with a daemon of this test's own.

# engines: docker26

load ../lib/engine
load ../lib/hook

setup_file() {
    engine_setup_file
    need_rootful
    need_part driver-550-full
    need_part debian-trixie
    export HOOK_TOOLS=${NVBIND_BUILD:?}/tests/hook
    export DOCKER_HOST=unix:///run/docker-test.sock
    local dir=$NVBIND_T_DIR/docker i
    mkdir -p /etc/cdi /run/docker-test "$dir"
    "$NVBIND_BIN/nvbind" simulate "$NVBIND_T_DIR/tmp/host" --gpus 2 >&2
    "$NVBIND_BIN/nvbind" --host-root "$NVBIND_T_DIR/tmp/host" \
        --driver-root "$(part_path driver-550-full)" cdi generate --output /etc/cdi/nvidia.json >&2
    cat >"$dir/daemon.json" <<'CONFIG'
{"features": {"cdi": true}, "bridge": "none", "iptables": false, "ip6tables": false,
 "runtimes": {"crun": {"path": "/usr/bin/crun"}}}
CONFIG
    dockerd --config-file "$dir/daemon.json" --data-root "$dir/data" --exec-root /run/docker-test/exec \
        -p /run/docker-test/pid -H "$DOCKER_HOST" >"$dir/log" 2>&1 3>&- &
    for ((i = 0; i < 300; i++)); do
        docker version >/dev/null 2>&1 && break
        sleep 0.1
    done
    docker version >/dev/null || { tail -20 "$dir/log" >&2; return 1; }
    docker import - trixie <"$(part_path debian-trixie)" >/dev/null
}

teardown_file() {
    [ ! -f /run/docker-test/pid ] || kill "$(cat /run/docker-test/pid)"
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
