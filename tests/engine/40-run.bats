# engines: host podman5
# nvbind run and create on real engines: a simulated host's GPUs arrive in a container, and the real
# nvidia-smi of Debian's driver packages finds its libraries in an unmodified Debian image.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    simulate_host --gpus 2
}

# What the container of the arguments shows.
# shellcheck disable=SC2016 # for the shell inside
readonly look='ls /dev | grep "^nvidia"; ls /usr/lib/x86_64-linux-gnu/libcuda.so.1; echo "visible=$NVIDIA_VISIBLE_DEVICES"'

shows_gpu() {
    local identity=$1 image
    need_identity "$identity"
    use_runtime "$2"
    image=$(import_image "$identity" busybox)

    run sim "$identity" run --rm --network=none --gpu 1 "$image" sh -c "$look"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "nvidia-uvm
nvidia-uvm-tools
nvidia1
nvidiactl
/usr/lib/x86_64-linux-gnu/libcuda.so.1
visible=void" ]

    run sim "$identity" run --rm --network=none --gpu none "$image" sh -c 'ls /dev'
    [ "$status" -eq 0 ]
    [[ $output != *nvidia* ]]
}

@test "a chosen GPU of a simulated host and its driver: rootless, runc" { shows_gpu rootless runc; }
@test "a chosen GPU of a simulated host and its driver: rootless, crun" { shows_gpu rootless crun; }
@test "a chosen GPU of a simulated host and its driver: rootful, runc" { shows_gpu rootful runc; }
@test "a chosen GPU of a simulated host and its driver: rootful, crun" { shows_gpu rootful crun; }

# The program loads every library that it finds and counts the nodes.
probes() {
    local identity=$1 image
    need_identity "$identity"
    need_part debian-trixie
    use_runtime "$2"
    image=$(import_image "$identity" debian-trixie)
    run sim "$identity" run --rm --network=none --gpu all --capabilities all \
        -v "$NVBIND_BIN/nvbind-probe:/nvbind-probe:ro" \
        "$image" /nvbind-probe --expect-gpus 2 --require libcuda.so.1,libnvidia-ml.so.1
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "every library of the simulated driver loads inside: rootless, runc" { probes rootless runc; }
@test "every library of the simulated driver loads inside: rootless, crun" { probes rootless crun; }
@test "every library of the simulated driver loads inside: rootful, runc" { probes rootful runc; }
@test "every library of the simulated driver loads inside: rootful, crun" { probes rootful crun; }

runs_smi() {
    local identity=$1 image tree
    need_identity "$identity"
    need_part driver-550
    need_part debian-trixie
    use_runtime "$2"
    tree=$(part_path driver-550)
    image=$(import_image "$identity" debian-trixie)
    run as "$identity" "$NVBIND_BIN/nvbind" --host-root "$tree" run --rm --network=none --gpu all \
        "$image" nvidia-smi
    echo "$status $output"
    [ "$status" -eq "$(smi_status "$tree")" ]
}

@test "the real nvidia-smi finds its libraries: rootless, runc" { runs_smi rootless runc; }
@test "the real nvidia-smi finds its libraries: rootless, crun" { runs_smi rootless crun; }
@test "the real nvidia-smi finds its libraries: rootful, runc" { runs_smi rootful runc; }
@test "the real nvidia-smi finds its libraries: rootful, crun" { runs_smi rootful crun; }

@test "the exit status is the container's; 126 and 127 are the engine's; 125 comes before it" {
    local image
    image=$(import_image rootless busybox)
    run sim rootless run --rm --network=none --gpu 0 "$image" sh -c 'exit 42'
    [ "$status" -eq 42 ]
    run sim rootless run --rm --network=none --gpu 0 "$image" /etc
    [ "$status" -eq 126 ]
    run -127 sim rootless run --rm --network=none --gpu 0 "$image" /no/such/program
    run sim rootless run --rm --network=none --gpu 0 localhost/no/such/image:at-all
    [ "$status" -eq 125 ]
}

@test "nothing of nvbind stays: the process becomes the engine" {
    local image
    image=$(import_image rootless busybox)
    as_user bash -c 'echo $$ >"$1"; shift; exec "$@"' - "$NVBIND_T_DIR/tmp/pid" \
        "$NVBIND_BIN/nvbind" --host-root "$HOST" run --rm --network=none --gpu 0 "$image" \
        sh -c 'echo ready; sleep 2' >"$BATS_TEST_TMPDIR/out" &
    for _ in $(seq 100); do
        ! grep -q ready "$BATS_TEST_TMPDIR/out" || break
        sleep 0.1
    done
    run cat "/proc/$(<"$NVBIND_T_DIR/tmp/pid")/comm"
    wait
    echo "$output"
    [ "$output" = podman ]
}

@test "a signal reaches the container's process, and its answer comes back" {
    local image pid=$NVBIND_T_DIR/tmp/pid-signal status=0 child
    image=$(import_image rootless busybox)
    rm -f "$pid"
    as_user bash -c 'echo $$ >"$1"; shift; exec "$@"' - "$pid" \
        "$NVBIND_BIN/nvbind" --host-root "$HOST" run --rm --network=none --gpu 0 "$image" \
        sh -c 'trap "exit 33" TERM; echo ready; while :; do sleep 0.1; done' \
        >"$BATS_TEST_TMPDIR/out" &
    child=$!
    for _ in $(seq 100); do
        ! grep -q ready "$BATS_TEST_TMPDIR/out" || break
        sleep 0.1
    done
    kill -TERM "$(<"$pid")"
    wait "$child" || status=$?
    [ "$status" -eq 33 ]
}

@test "what create makes starts by plain podman start, with its GPU" {
    local image
    image=$(import_image rootless busybox)
    run sim rootless create --name nvbind-made --network=none --gpu 0 "$image" sh -c "$look"
    [ "$status" -eq 0 ]
    run as_user podman start -a nvbind-made
    echo "$output"
    as_user podman rm -f nvbind-made >/dev/null
    [ "$status" -eq 0 ]
    [[ $output = *nvidia0* ]]
    [[ $output != *nvidia1* ]]
}

@test "the user's own CDI name is honoured where no specification has it" {
    local image
    image=$(import_image rootless busybox)
    run sim rootless run --rm --network=none --device nvidia.com/gpu=1 "$image" sh -c "$look"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = *nvidia1* ]]
    [[ $output != *nvidia0* ]]
}

@test "the user's words win: his mount, his variable" {
    local image mine
    image=$(import_image rootless busybox)
    mine=$(shared_folder)/mine
    echo "not a library" >"$mine"
    chmod a+r "$mine"
    run sim rootless run --rm --network=none --gpu 0 \
        -v "$mine:/usr/lib/x86_64-linux-gnu/libcuda.so.1:ro" -e NVIDIA_VISIBLE_DEVICES=mine \
        "$image" sh -c 'cat /usr/lib/x86_64-linux-gnu/libcuda.so.1; echo $NVIDIA_VISIBLE_DEVICES'
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "not a library
mine" ]
}

@test "a variable that narrows the caller is not passed in" {
    local image
    image=$(import_image rootless busybox)
    CUDA_VISIBLE_DEVICES=1 run sim rootless run --rm --network=none --env-host "$image" \
        sh -c 'ls /dev | grep "^nvidia[0-9]"; echo "cuda=$CUDA_VISIBLE_DEVICES"'
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "nvidia1
cuda=" ]
}

@test "isolation leaves out what reaches past the chosen GPU" {
    local image
    image=$(import_image rootless busybox)
    run sim rootless run --rm --network=none --gpu 0 --isolate "$image" \
        sh -c 'ls /dev | grep "^nvidia"'
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "nvidia-uvm
nvidia0
nvidiactl" ]
}

@test "wrong words make no container" {
    local image before
    image=$(import_image rootless busybox)
    before=$(as_user podman ps -aq | wc -l)
    run sim rootless run --gpu 9 "$image" true
    [ "$status" -eq 125 ]
    run sim rootless run --gpu 0 --no-such-option "$image" true
    [ "$status" -eq 125 ]
    [ "$(as_user podman ps -aq | wc -l)" -eq "$before" ]
}

@test "a host's path with a colon, a comma and a quote in it reaches the engine" {
    local image odd=$NVBIND_T_DIR/tmp/'a:b,c"d'
    image=$(import_image rootless busybox)
    cp -a "$HOST" "$odd"
    run as_user "$NVBIND_BIN/nvbind" --host-root "$odd" run --rm --network=none --gpu 1 "$image" \
        sh -c "$look"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = *nvidia1* && $output = *libcuda.so.1* ]]
}
