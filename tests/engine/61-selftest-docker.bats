# nvbind selftest on Docker: the root goes in as an image, and the image goes again.

# engines: docker26

load ../lib/engine
load ../lib/docker

setup_file() {
    engine_setup_file
    need_rootful
    # What root writes lies where nobody else can move it.
    export HOME=$NVBIND_T_DIR/home/root
    mkdir -p "$HOME"
    "$NVBIND_BIN/nvbind" simulate "$NVBIND_T_DIR/tmp/host" --gpus 2 >&2
    docker_start
}

teardown_file() {
    docker_stop
}

@test "selftest on Docker, hookless, and its image is gone afterwards" {
    run "$NVBIND_BIN/nvbind" --host-root "$NVBIND_T_DIR/tmp/host" selftest --runtime docker
    echo "$output"
    [ "$status" -eq 0 ]
    grep -qE '^ok +libraries +libcuda.so.1 ' <<<"$output"
    [[ ${lines[-1]} = 'selftest: ok: 2 GPUs, '* ]]
    [ -z "$(docker images -q)" ]
    [ -z "$(docker ps -aq)" ]
}

@test "a service for Docker stays in the foreground, and its command line starts the container" {
    local line
    docker import - localhost/busybox <"$(part_path busybox)" >/dev/null
    "$NVBIND_BIN/nvbind" --host-root "$NVBIND_T_DIR/tmp/host" generate systemd --scope system \
        --runtime docker --gpu 0 --network none --name ai localhost/busybox sh -c 'echo "in $HOSTNAME%"; ls /dev/nvidia0' \
        >"$NVBIND_T_DIR/ai.service"
    grep -qx 'Type=simple' "$NVBIND_T_DIR/ai.service"
    grep -qx 'Requires=docker.service' "$NVBIND_T_DIR/ai.service"
    mapfile -d '' -t line < <("$NVBIND_BUILD/tests/unit_words" ExecStart <"$NVBIND_T_DIR/ai.service")
    [[ " ${line[*]} " != *detach* && " ${line[*]} " != *sdnotify* ]]
    run "${line[@]}"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = *'%'*'/dev/nvidia0' ]]
    run "$NVBIND_BIN/nvbind" generate quadlet --runtime docker --gpu none localhost/busybox
    [ "$status" -eq 2 ]
    [[ $output = *"Quadlet is Podman's"* ]]
}
