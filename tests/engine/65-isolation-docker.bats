# engines: docker20 docker26
# more engines: docker28
# --isolate and exec with a Docker daemon: what a container can open, and what exec sees of its
# environment. The host's GPUs are device nodes without a driver behind them.

load ../lib/engine
load ../lib/docker
bats_require_minimum_version 1.5.0

setup_file() {
    local name
    engine_setup_file
    need_rootful
    need_part busybox
    HOST=$(shared_folder)/host
    "$NVBIND_BIN/nvbind" simulate "$HOST" --gpus 3 >/dev/null
    for name in nvidia0:0 nvidia1:1 nvidia2:2 nvidiactl:255 nvidia-modeset:254 nvidia-uvm:100 nvidia-uvm-tools:101; do
        rm "$HOST/dev/${name%:*}"
        mknod -m 0666 "$HOST/dev/${name%:*}" c 195 "${name#*:}"
    done
    chmod -R a+rX "$HOST"
    # A fresh daemon has lost the output of its first container, once in seven runs.
    export HOST
    docker_start '"features": {"cdi": true}'
    docker_image busybox box
}

teardown_file() {
    docker_stop
}

sim() {
    as_root env DOCKER_HOST="$DOCKER_HOST" "$NVBIND_BIN/nvbind" --host-root "$HOST" "$@"
}

# shellcheck disable=SC2016 # for the shell inside
readonly look='
for node in $(find /dev -name "nvidia*" ! -type d ! -type l | sort); do
    answer=$( (: <"$node") 2>&1) && answer=open
    case $answer in *"No such device"*) answer=open ;; esac
    echo "$node ${answer##*: }"
done
mknod /tmp/other c 195 2 2>/dev/null && {
    answer=$( (: <>/tmp/other) 2>&1) && answer=open
    case $answer in *"No such device"* | open) echo "made: open" ;; esac
}; true'

@test "nothing of the other GPUs can be opened, not even by making a node" {
    local how
    for how in --cap-add=MKNOD --no-cdi; do
        run --separate-stderr sim run --runtime docker --rm --network=none --gpu 1 --isolate "$how" box sh -c "$look"
        echo "$how: $status $output $stderr"
        [ "$status" -eq 0 ]
        [ "$output" = "/dev/nvidia-uvm open
/dev/nvidia1 open
/dev/nvidiactl open" ]
    done
}

@test "strict: no privileges, a read-only root with places to write, no network" {
    # shellcheck disable=SC2016 # for the shell inside
    run --separate-stderr sim run --runtime docker --rm --gpu 1 --isolate=strict box sh -c '
        grep -E "^(NoNewPrivs|CapEff|CapBnd):" /proc/self/status | tr -s "\t" " "
        for place in / /etc; do touch $place/x 2>/dev/null && echo "$place written"; done
        for place in /tmp /var/tmp /run /dev/shm; do touch $place/x || echo "$place not written"; done
        ls /sys/class/net; ls /dev/nvidia[0-9]'
    echo "$status $output $stderr"
    [ "$status" -eq 0 ]
    [ "$output" = "CapEff: 0000000000000000
CapBnd: 0000000000000000
NoNewPrivs: 1
lo
/dev/nvidia1" ] || [ "$(sort <<<"$output")" = "$(printf '%s\n' 'CapBnd: 0000000000000000' \
        'CapEff: 0000000000000000' 'NoNewPrivs: 1' /dev/nvidia1 lo | sort)" ]
}

@test "exec: the container's environment, the engine's options, exit status" {
    sim run --runtime docker --rm -d --name nvbind-exec-docker --network=none --gpu 1 box sleep 300 >/dev/null
    # Podman, where it is there as well, has no such container.
    run --separate-stderr sim exec -w /etc -e A=b nvbind-exec-docker sh -c 'pwd; echo "$A"; ls /dev/nvidia[0-9]; exit 9'
    echo "$status $output $stderr"
    docker rm -f nvbind-exec-docker >/dev/null
    [ "$status" -eq 9 ]
    [ "$output" = "/etc
b
/dev/nvidia1" ]
    run --separate-stderr sim exec --runtime docker nvbind-exec-docker true
    [ "$status" -eq 125 ]
    [[ $stderr = *"docker has no container"* ]]
}
