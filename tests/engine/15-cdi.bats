# engines: host podman5
# Specifications of "nvbind cdi generate" on real engines: written to /etc/cdi as an administrator
# does, taken by rootful and rootless Podman with runc and crun, hookless and with the hook.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    simulate_host --gpus 2
}

setup() {
    # /etc is this run's own there, and Podman looks nowhere else before 5.5.
    [ "$NVBIND_T_MODE" = root ] || skip "started by an ordinary user, who cannot write /etc/cdi"
    rm -rf /etc/cdi
}

# probe IDENTITY RUNTIME GENERATE-WORD...: one GPU and all of them arrive, and every library loads.
probe() {
    local identity=$1 image
    need_part debian-trixie
    use_runtime "$2"
    shift 2
    as_root "$NVBIND_BIN/nvbind" --host-root "$HOST" cdi generate --output=/etc/cdi/nvidia.yaml "$@"
    "$NVBIND_BIN/nvbind" cdi validate /etc/cdi/nvidia.yaml
    image=$(import_image "$identity" debian-trixie)

    run as "$identity" podman run --rm --network=none --device nvidia.com/gpu=all \
        -v "$NVBIND_BIN/nvbind-probe:/nvbind-probe:ro" \
        "$image" /nvbind-probe --expect-gpus 2 --require libcuda.so.1,libnvidia-ml.so.1
    echo "$output"
    [ "$status" -eq 0 ]

    # shellcheck disable=SC2016 # the container's variable
    run as "$identity" podman run --rm --network=none --device nvidia.com/gpu=1 "$image" \
        sh -c 'ls /dev /dev/dri | grep -e "^nvidia" -e "^card"; echo "$NVIDIA_VISIBLE_DEVICES"'
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "nvidia-modeset
nvidia-uvm
nvidia-uvm-tools
nvidia1
nvidiactl
card2
void" ]
}

@test "hookless: rootful, runc" { probe rootful runc --hookless; }
@test "hookless: rootful, crun" { probe rootful crun --hookless; }
@test "hookless: rootless, runc" { probe rootless runc --hookless; }
@test "hookless: rootless, crun" { probe rootless crun --hookless; }
@test "with the hook: rootful, runc" { probe rootful runc; }
@test "with the hook: rootful, crun" { probe rootful crun; }
@test "with the hook: rootless, runc" { probe rootless runc; }
@test "with the hook: rootless, crun" { probe rootless crun; }

# What refresh writes has comments at its head, and lies where this engine reads it.
@test "cdi refresh: rootful and rootless take it from its folder" {
    local image identity
    need_part debian-trixie
    use_runtime runc
    sleep 0.1
    mkdir -p /etc/cdi
    as_root "$NVBIND_BIN/nvbind" --host-root "$HOST" cdi refresh
    cp "$HOST"/var/run/cdi/nvidia.com-gpu.yaml /etc/cdi/
    grep -q '^# nvbind: facts' /etc/cdi/nvidia.com-gpu.yaml
    for identity in rootful rootless; do
        image=$(import_image "$identity" debian-trixie)
        run as "$identity" podman run --rm --network=none --device nvidia.com/gpu=0 "$image" \
            sh -c 'ls /dev/nvidia0 && ldconfig -p | grep -c libcuda.so.1'
        echo "$output"
        [ "$status" -eq 0 ]
    done
}

# The real nvidia-smi exits 12 where it lacks a library. The driver files of Debian's packages lie
# behind alternatives: absolute links, which lead out of the tree unless they are followed in it.
# Rootful: a tree's real nodes have another hostPath, which rootless Podman does not take.
smi() {
    local image tree
    need_part driver-550
    need_part debian-trixie
    use_runtime "$1"
    shift
    tree=$(part_path driver-550)
    as_root "$NVBIND_BIN/nvbind" --host-root "$tree" cdi generate --output=/etc/cdi/nvidia.json "$@"
    image=$(import_image rootful debian-trixie)
    run as_root podman run --rm --network=none --device nvidia.com/gpu=all "$image" nvidia-smi
    echo "$status $output"
    [ "$status" -eq "$(smi_status "$tree")" ]
}

@test "the real nvidia-smi finds its libraries: hookless, runc" { smi runc --hookless; }
@test "the real nvidia-smi finds its libraries: hookless, crun" { smi crun --hookless; }
@test "the real nvidia-smi finds its libraries: with the hook, runc" { smi runc; }
@test "the real nvidia-smi finds its libraries: with the hook, crun" { smi crun; }

@test "with the hook, ldconfig -p inside lists the driver" {
    local image
    need_part debian-trixie
    use_runtime runc
    as_root "$NVBIND_BIN/nvbind" --host-root "$HOST" cdi generate --output=/etc/cdi/nvidia.yaml
    image=$(import_image rootful debian-trixie)
    run as_root podman run --rm --network=none --device nvidia.com/gpu=0 "$image" ldconfig -p
    [ "$status" -eq 0 ]
    [[ $output = *"libcuda.so.1 "* ]]
    # The image's own are still there.
    [[ $output = *"libc.so.6 "* ]]
}

# What validate says, the engine says: a fault of each kind makes it refuse the whole file.
@test "what validate refuses, Podman refuses" {
    local image broken
    need_part busybox
    local low='.cdiVersion = "0.4.0"'
    # Podman 4.3's parser does not ask what the names need.
    [[ $(as_root podman --version) != *" 4."* ]] || low='.cdiVersion = ""'
    use_runtime runc
    image=$(import_image rootful busybox)
    as_root "$NVBIND_BIN/nvbind" --host-root "$HOST" cdi generate --hookless --format=json \
        --output=/etc/cdi/good.json
    as_root podman run --rm --network=none --device nvidia.com/gpu=0 "$image" true
    mv /etc/cdi/good.json "$BATS_TEST_TMPDIR/"
    for broken in "$low" '.cdiVersion = "9.9.9"' '.kind = "nvidia"' \
        '.kind = "1nvidia/gpu"' '.nonsense = 1' '.devices[0].name = "a="' '.devices = []' \
        '.devices[1].name = .devices[0].name' '.devices[1].containerEdits = {}' \
        '.containerEdits.env = ["novalue"]' '.containerEdits.mounts[0].hostPath = ""' \
        '.containerEdits.hooks = [{hookName: "nonsense", path: "/bin/true"}]' \
        '.containerEdits.deviceNodes = [{path: "/dev/null", permissions: "x"}]' \
        '.containerEdits.deviceNodes = [{path: "/dev/null", type: "x"}]'; do
        jq "$broken" "$BATS_TEST_TMPDIR/good.json" >/etc/cdi/broken.json
        echo "$broken"
        run -1 "$NVBIND_BIN/nvbind" cdi validate /etc/cdi/broken.json
        run as_root podman run --rm --network=none --device nvidia.com/gpu=0 "$image" true
        [ "$status" -ne 0 ]
        [[ $output = *"unresolvable CDI device"* ]]
    done
}
