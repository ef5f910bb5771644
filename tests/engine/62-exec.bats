# engines: host podman5
# more engines: podman54 podman6
# nvbind exec on real engines: the environment of the container's GPUs, which "podman exec" drops
# where a CDI specification brought it, the engine's options, exit status.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    simulate_host --gpus 2
}

# start IDENTITY NAME WORDS...: a container that stays up.
start() {
    local identity=$1 name=$2 image
    shift 2
    need_identity "$identity"
    image=$(import_image "$identity" busybox)
    as "$identity" podman rm -fit0 "$name" >/dev/null
    sim "$identity" run --rm -d --name "$name" --network=none --gpu 1 "$@" "$image" sleep 300 >/dev/null
}

execs() {
    local identity=$1
    need_identity "$identity"
    use_runtime "$2"
    start "$identity" nvbind-exec
    run as "$identity" "$NVBIND_BIN/nvbind" exec nvbind-exec sh -c 'echo "visible=$NVIDIA_VISIBLE_DEVICES"; ls /dev/nvidia[0-9]; exit 42'
    echo "$output"
    [ "$status" -eq 42 ]
    [ "$output" = "visible=void
/dev/nvidia1" ]
    # Options of the engine's own, in its spellings; the user's word wins.
    run as "$identity" "$NVBIND_BIN/nvbind" exec -w /etc -eA=b --env NVIDIA_VISIBLE_DEVICES=mine nvbind-exec \
        sh -c 'pwd; echo "$A $NVIDIA_VISIBLE_DEVICES"'
    [ "$output" = "/etc
b mine" ]
    output=$(printf 'a line' | as "$identity" "$NVBIND_BIN/nvbind" exec -i nvbind-exec cat)
    [ "$output" = "a line" ]
    # The last container, and one by the beginning of its number.
    run as "$identity" "$NVBIND_BIN/nvbind" exec -l echo hi
    [ "$output" = hi ]
    run as "$identity" "$NVBIND_BIN/nvbind" exec "$(as "$identity" podman ps -q -f name=nvbind-exec)" echo hi
    [ "$output" = hi ]
    run -127 as "$identity" "$NVBIND_BIN/nvbind" exec nvbind-exec /no/such/program
    as "$identity" podman rm -ft0 nvbind-exec >/dev/null
}

@test "a command in a container: rootless, runc" { execs rootless runc; }
@test "a command in a container: rootless, crun" { execs rootless crun; }
@test "a command in a container: rootful, runc" { execs rootful runc; }
@test "a command in a container: rootful, crun" { execs rootful crun; }

@test "the variables of a CDI specification are back" {
    local image version
    use_runtime runc
    need_rootful
    image=$(import_image rootful busybox)
    mkdir -p /etc/cdi
    jq -n '{cdiVersion: "0.5.0", kind: "nvidia.com/gpu", devices: [{name: "0", containerEdits:
        {env: ["NVIDIA_VISIBLE_DEVICES=void", "NVIDIA_DRIVER_CAPABILITIES=a \"b\" $c", "SECRET=x"]}}]}' \
        >/etc/cdi/nvbind-exec.json
    as_root podman run --rm -d --name nvbind-cdi --network=none --device nvidia.com/gpu=0 "$image" sleep 300 >/dev/null
    # What the bare engine does.
    run as_root podman exec nvbind-cdi sh -c 'echo "$NVIDIA_VISIBLE_DEVICES"'
    bare=$output
    run as_root "$NVBIND_BIN/nvbind" exec nvbind-cdi sh -c 'echo "$NVIDIA_VISIBLE_DEVICES $NVIDIA_DRIVER_CAPABILITIES $SECRET"'
    echo "$output"
    as_root podman rm -ft0 nvbind-cdi >/dev/null
    rm -f /etc/cdi/nvbind-exec.json
    [ "$status" -eq 0 ]
    [ "$output" = 'void a "b" $c ' ]
    [ "$bare" = "" ]
}

@test "a container that is not there is said at once" {
    use_runtime runc
    run --separate-stderr as_user "$NVBIND_BIN/nvbind" exec --runtime podman nvbind-absent true
    [ "$status" -eq 125 ]
    [[ $stderr = *"podman has no container 'nvbind-absent'"* ]]
}
