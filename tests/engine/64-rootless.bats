# engines: host podman5
# more engines: podman54 podman6
# Containers without root on real engines: user namespaces, security options, a systemd unit's main
# process, CDI with device nodes below another root.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    simulate_host --gpus 2
}

user_namespaces() {
    local image userns
    use_runtime "$1"
    image=$(import_image rootless debian-trixie)
    for userns in keep-id nomap auto host; do
        run --separate-stderr sim rootless run --rm --network=none --gpu 1 --userns=$userns "$image" \
            sh -c 'ls /dev | grep "^nvidia[0-9]"; head -c4 /usr/lib/x86_64-linux-gnu/libcuda.so.1 | tail -c3'
        echo "$userns: $status $output $stderr"
        [ "$status" -eq 0 ]
        [ "$output" = "nvidia1
ELF" ]
    done
}

@test "--userns=keep-id, nomap, auto: runc" { user_namespaces runc; }
@test "--userns=keep-id, nomap, auto: crun" { user_namespaces crun; }

@test "the document's security options reach the engine and work" {
    local image words
    use_runtime crun
    image=$(import_image rootless busybox)
    for words in "--security-opt label=type:container_runtime_t" "--security-opt apparmor=unconfined" \
        "--security-opt label=disable --privileged" "-v $NVBIND_T_DIR/tmp:/w:Z -w /w" "-v $NVBIND_T_DIR/tmp:/w:z"; do
        # shellcheck disable=SC2086 # several words
        run --separate-stderr sim rootless run --rm --network=none --gpu all $words "$image" ls /dev/nvidia0 /dev/nvidia1
        echo "$words: $status $output $stderr"
        [ "$status" -eq 0 ]
    done
}

# unit NAME: nvbind run -d as systemd starts a unit's main process.
# shellcheck disable=SC2016 # for the shell inside
unit() {
    local image=$1 seconds=$2
    as_user bash -c 'export SYSTEMD_EXEC_PID=$$; exec "$@"' - "$NVBIND_BIN/nvbind" --host-root "$HOST" \
        run --runtime podman --gpu all --network=none --name user-gpu-service -d "$image" \
        sh -c "ls /dev/nvidia0; sleep $seconds; exit 3"
}

@test "the document's unit stays in the foreground, and starts again over what is left of it" {
    local image child
    use_runtime crun
    image=$(import_image rootless busybox)
    as_user podman rm -fit0 user-gpu-service >/dev/null
    # It ends with the container's status, not at once.
    run unit "$image" 1
    echo "$output"
    [ "$status" -eq 3 ]
    [[ $output = *"'-d' is left out"*/dev/nvidia0* ]]
    # Killed without its stop: the container is left behind, by that name.
    as_user podman create --name user-gpu-service --replace "$image" true >/dev/null
    run unit "$image" 1
    [ "$status" -eq 3 ]
    # ExecStop of the unit.
    unit "$image" 100 >"$BATS_TEST_TMPDIR/out" 2>&1 &
    child=$!
    for _ in $(seq 100); do
        ! grep -q nvidia0 "$BATS_TEST_TMPDIR/out" || break
        sleep 0.1
    done
    as_user podman stop -t0 user-gpu-service >/dev/null
    run ! wait "$child"
    as_user podman rm -fi user-gpu-service >/dev/null
}

@test "--cdi without root, with device nodes below another root" {
    local image nodes name
    need_rootful
    use_runtime crun
    image=$(import_image rootless busybox)
    nodes=$(shared_folder)/nodes
    cp -a "$HOST" "$nodes"
    for name in nvidia0:0 nvidia1:1 nvidiactl:255 nvidia-uvm:100 nvidia-uvm-tools:101; do
        rm "$nodes/dev/${name%:*}"
        mknod -m 0666 "$nodes/dev/${name%:*}" c 195 "${name#*:}"
    done
    run --separate-stderr as_user "$NVBIND_BIN/nvbind" --host-root "$nodes" run --rm --network=none --cdi --gpu 1 \
        "$image" stat -c '%F %n' /dev/nvidia1 /dev/nvidiactl
    echo "$status $output $stderr"
    if [ "$(as_user podman --help | grep -c -- --cdi-spec-dir)" -eq 0 ]; then
        [ "$status" -eq 125 ]
        [[ $stderr = *"takes no folder"* ]]
        return 0
    fi
    [ "$status" -eq 0 ]
    [ "$output" = "character special file /dev/nvidia1
character special file /dev/nvidiactl" ]
}
