# The specification and its hook under containerd, as a kubelet has it started: containers made
# through the Container Runtime Interface, whose CDI devices containerd itself resolves.

# engines: containerd

load ../lib/engine
load ../lib/hook
load ../lib/cri

setup_file() {
    engine_setup_file
    need_rootful
    need_part driver-550-full
    need_part debian-trixie
    need_part busybox
    export HOOK_TOOLS=${NVBIND_BUILD:?}/tests/hook
    export CRI_SOCKET=/run/containerd-test/sock
    CRI_DIR=$NVBIND_T_DIR/containerd
    export CRI_DIR
    mkdir -p /etc/cdi /run/containerd-test "$CRI_DIR/logs"
    "$NVBIND_BIN/nvbind" simulate "$NVBIND_T_DIR/tmp/host" --gpus 2 >&2
    "$NVBIND_BIN/nvbind" --host-root "$NVBIND_T_DIR/tmp/host" \
        --driver-root "$(part_path driver-550-full)" cdi generate --output /etc/cdi/nvidia.json >&2
    # Of which containerd makes the pod's own.
    touch /etc/hosts /etc/resolv.conf
    write_config
    containerd --config "$CRI_DIR/config.toml" >"$CRI_DIR/log" 2>&1 3>&- &
    echo $! >"$CRI_DIR/pid"
    wait_for_containerd
    import debian-trixie trixie /bin/bash
    import busybox pause /bin/busybox sleep 100000
    start_sandbox >"$CRI_DIR/sandbox"
}

# The runtimes' programs are given by name; nothing is fetched, no network is set up.
write_config() {
    cat >"$CRI_DIR/config.toml" <<CONFIG
version = 2
root = "$CRI_DIR/root"
state = "/run/containerd-test/state"
[grpc]
  address = "$CRI_SOCKET"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/nvbind-test/pause:1"
  enable_cdi = true
  cdi_spec_dirs = ["/etc/cdi"]
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
      BinaryName = "/usr/bin/crun"
CONFIG
}

wait_for_containerd() {
    local i
    for ((i = 0; i < 300; i++)); do
        if cri RuntimeService/Version >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.1
    done
    tail -20 "$CRI_DIR/log" >&2
    return 1
}

# import PART NAME COMMAND...: the cached tree as an archive of an image.
import() {
    local dir layer name=localhost/nvbind-test/$2:1
    dir=$(mktemp -d "$NVBIND_T_DIR/tmp/image.XXXXXX")
    layer=$(part_path "$1")
    ln -s "$layer" "$dir/layer.tar"
    jq -n --arg id "sha256:$(sha256sum <"$layer" | cut -d' ' -f1)" '{architecture: "amd64", os: "linux",
        config: {Cmd: $ARGS.positional, Env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
        rootfs: {type: "layers", diff_ids: [$id]}}' --args "${@:3}" >"$dir/config.json"
    jq -n --arg name "$name" '[{Config: "config.json", RepoTags: [$name], Layers: ["layer.tar"]}]' \
        >"$dir/manifest.json"
    tar -chf "$dir/image.tar" -C "$dir" manifest.json config.json layer.tar
    ctr --address "$CRI_SOCKET" --namespace k8s.io images import "$dir/image.tar" >&2
    rm -rf "$dir"
}

# sandbox_config FIELD: the configuration as that field. The machine's network: no plugin is needed.
sandbox_config() {
    field_message "$1" \
        "$(field_message 1 "$(field_text 1 "${SANDBOX:-sandbox}")" "$(field_text 2 u1)" "$(field_text 3 default)")" \
        "$(field_text 3 "$CRI_DIR/logs")" \
        "$(field_message 8 "$(field_message 2 "$(field_message 1 "$(field_number 1 2)")")")"
}

# start_sandbox [RUNTIME]: prints its name.
start_sandbox() {
    local answer
    answer=$(cri RuntimeService/RunPodSandbox "$(sandbox_config 1)" "$(field_text 2 "${1:-runc}")")
    text_of 1 "$answer"
}

# in_pod DEVICE COMMAND...: a container in the file's sandbox, its exit status and its output.
in_pod() {
    local device=$1 word config answer id status i log
    shift
    log=$BATS_TEST_NUMBER-$RANDOM.log
    config=$(field_message 1 "$(field_text 1 "c-$BATS_TEST_NUMBER-$RANDOM")")
    config+=$(field_message 2 "$(field_text 1 localhost/nvbind-test/trixie:1)")
    for word; do
        config+=$(field_text 3 "$word")
    done
    config+=$(field_message 7 "$(field_text 1 /usr/bin/dlopen_all)" \
        "$(field_text 2 "$HOOK_TOOLS/dlopen_all")" "$(field_number 3 1)")
    config+=$(field_text 11 "$log")
    # readonly_rootfs of the container's security context.
    [ -z "${READ_ONLY:-}" ] ||
        config+=$(field_message 15 "$(field_message 2 "$(field_number 7 1)")")
    [ -z "$device" ] || config+=$(field_message 17 "$(field_text 1 "$device")")
    answer=$(cri RuntimeService/CreateContainer "$(field_text 1 "$(cat "$CRI_DIR/${SANDBOX:-sandbox}")")" \
        "$(field_message 2 "$config")" "$(sandbox_config 3)") || return 100
    id=$(text_of 1 "$answer")
    cri RuntimeService/StartContainer "$(field_text 1 "$id")" >/dev/null || return 100
    for ((i = 0; i < 200; i++)); do
        status=$(find_field 1 "$(cri RuntimeService/ContainerStatus "$(field_text 1 "$id")")")
        [ "$(find_field 3 "$status")" != 2 ] || break
        sleep 0.1
    done
    # "TIME STREAM TAG TEXT"
    cut -d' ' -f4- "$CRI_DIR/logs/$log"
    status=$(find_field 7 "$status")
    cri RuntimeService/RemoveContainer "$(field_text 1 "$id")" >/dev/null
    return "${status:-0}"
}

finds_driver() {
    run in_pod nvidia.com/gpu=0 dlopen_all libcuda.so.1 libnvidia-ml.so.1 libcuda.so \
        libnvidia-ptxjitcompiler.so.1 libnvidia-encode.so.1 libc.so.6
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = *'libcuda.so.1 /'* ]]
    run in_pod nvidia.com/gpu=all ldconfig -p
    [ "$status" -eq 0 ]
    [[ $output = *'libcuda.so.1 (libc6,x86-64) => '* ]]
    run in_pod nvidia.com/gpu=all nvidia-smi
    echo "$output"
    [ "$status" -eq 17 ] # its library is loaded and a stand-in of a node opened; without it: 12
}

# A sandbox left running would keep its shim, and that the test's own pipes.
teardown_file() {
    local file
    for file in "$CRI_DIR"/sandbox*; do
        cri RuntimeService/StopPodSandbox "$(field_text 1 "$(cat "$file")")" >/dev/null || true
        cri RuntimeService/RemovePodSandbox "$(field_text 1 "$(cat "$file")")" >/dev/null || true
    done
    [ ! -f "$CRI_DIR/pid" ] || kill "$(cat "$CRI_DIR/pid")"
}

@test "containerd is the one that answers, and without a device nothing comes" {
    [ "$(text_of 2 "$(cri RuntimeService/Version)")" = containerd ]
    run in_pod '' dlopen_all libc.so.6
    [ "$status" -eq 0 ]
    run in_pod '' dlopen_all libcuda.so.1
    [ "$status" -ne 0 ]
}

@test "containerd, runc" { finds_driver; }
@test "containerd, runc, a read-only root" { READ_ONLY=1 finds_driver; }

@test "containerd, crun" {
    export SANDBOX=sandbox-crun
    start_sandbox crun >"$CRI_DIR/$SANDBOX"
    finds_driver
    READ_ONLY=1 finds_driver
}

@test "a device that no specification has is refused by containerd" {
    run in_pod nvidia.com/gpu=77 true
    echo "$output"
    [ "$status" -eq 100 ]
    [[ $output = *'unresolvable CDI devices'* ]]
}
