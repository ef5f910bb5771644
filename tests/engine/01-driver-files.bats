# The oracle that later tests lean on, held against itself with plain podman: the real nvidia-smi of
# Debian's packages exits 12 in a container that lacks the driver's libraries, and otherwise in one
# that has them (there is no kernel driver behind them). And the tree is linked as a host is.

load ../lib/engine

setup_file() {
    engine_setup_file
}

setup() {
    need_part driver-550
    tree=$(part_path driver-550)
    if [ -c "$tree/dev/nvidiactl" ]; then
        node=(--device "$tree/dev/nvidiactl:/dev/nvidiactl")
    else
        node=(-v "$tree/dev/nvidiactl:/dev/nvidiactl")
    fi
    current=$tree/usr/lib/x86_64-linux-gnu/nvidia/current
}

runs_smi() {
    local identity=$1 runtime=$2 image
    need_identity "$identity"
    need_part debian-trixie
    use_runtime "$runtime"
    image=$(import_image "$identity" debian-trixie)

    run as "$identity" podman run --rm --network=none \
        -v "$tree/usr/lib/nvidia/current/nvidia-smi:/usr/bin/nvidia-smi:ro" "$image" nvidia-smi
    echo "without: $status $output"
    [ "$status" -eq 12 ]

    # Without CAP_MKNOD, which rootful containers have here: the library would make itself a node.
    run as "$identity" podman run --rm --network=none --cap-drop=MKNOD \
        -v "$tree/usr/lib/nvidia/current/nvidia-smi:/usr/bin/nvidia-smi:ro" \
        -v "$(readlink -f "$current/libnvidia-ml.so.1"):/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1:ro" \
        "$image" nvidia-smi
    echo "with: $status $output"
    [ "$status" -eq 9 ]

    run as "$identity" podman run --rm --network=none \
        -v "$tree/usr/lib/nvidia/current/nvidia-smi:/usr/bin/nvidia-smi:ro" \
        -v "$(readlink -f "$current/libnvidia-ml.so.1"):/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1:ro" \
        "${node[@]}" "$image" nvidia-smi
    echo "with a node: $status $output"
    [ "$status" -eq "$(smi_status "$tree")" ]
}

@test "nvidia-smi tells by its exit status whether it found its library: rootless, runc" {
    runs_smi rootless runc
}

@test "nvidia-smi tells by its exit status whether it found its library: rootless, crun" {
    runs_smi rootless crun
}

@test "nvidia-smi tells by its exit status whether it found its library: rootful, runc" {
    runs_smi rootful runc
}

@test "nvidia-smi tells by its exit status whether it found its library: rootful, crun" {
    runs_smi rootful crun
}

@test "the driver tree has the alternatives' absolute links and a linker cache that knows them" {
    [ "$(readlink "$tree/usr/lib/x86_64-linux-gnu/libcuda.so.1")" = \
        /etc/alternatives/nvidia--libcuda.so.1-x86_64-linux-gnu ]
    [ "$(readlink "$tree/etc/alternatives/nvidia--libcuda.so.1-x86_64-linux-gnu")" = \
        /usr/lib/x86_64-linux-gnu/nvidia/current/libcuda.so.1 ]
    [ "$(readlink "$tree/usr/bin/nvidia-smi")" = /etc/alternatives/nvidia--nvidia-smi ]
    run ldconfig -r "$tree" -p
    [[ $output = *"libcuda.so.1 (libc6,x86-64) => "* ]]
    [[ $output = *"libnvidia-ml.so.1 (libc6,x86-64) => "* ]]
    [[ $output = *"libnvidia-ptxjitcompiler.so.1 (libc6,x86-64) => "* ]]
}
