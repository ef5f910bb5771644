# engines: host podman5
#
# The whole set of Debian's driver packages, of two branches, in a container that has nothing but Debian.

load ../lib/engine

setup_file() {
    engine_setup_file
}

setup() {
    need_part debian-trixie
}

# nvbind_run IDENTITY OPTION... IMAGE COMMAND...: on the host that the full driver tree stands for.
nvbind_run() {
    local identity=$1
    shift
    as "$identity" "$NVBIND_BIN/nvbind" --host-root "$tree" run --rm --network=none "$@"
}

# loads_everything IDENTITY PART: the probe loads every driver library that it finds. Its verdict is
# on the nodes as well, which have no driver behind them here: its lines on libraries count.
loads_everything() {
    local identity=$1 image libraries name
    need_identity "$identity"
    need_part "$2"
    tree=$(part_path "$2")
    use_runtime runc
    image=$(import_image "$identity" debian-trixie)
    run nvbind_run "$identity" --gpu all --capabilities compute,utility,video \
        -v "$NVBIND_BIN/nvbind-probe:/nvbind-probe:ro" "$image" /nvbind-probe --expect-gpus 2
    echo "$output"
    libraries=$(grep -E '^ +lib[^ ]+ +/' <<<"$output")
    [ "$(wc -l <<<"$libraries")" -ge 12 ]
    [[ $libraries != *FAILED* ]]
    for name in libcuda.so.1 libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1 libnvcuvid.so.1 \
        libnvidia-encode.so.1 libnvidia-opencl.so.1 libnvidia-nvvm.so.4; do
        grep -qE "^ +$name +/.* ok$" <<<"$libraries"
    done
    # What the driver's own libraries say once they are loaded and have found no kernel driver.
    [ "$(smi_status "$tree")" -ne 9 ] ||
        [[ $output = *"NVML: init 9 "* && $output = *"CUDA: init 100 "* ]]
}

@test "Debian's libraries for compute, utility and video all load: rootless" {
    loads_everything rootless driver-550-full
}

@test "Debian's libraries for compute, utility and video all load: rootful" {
    loads_everything rootful driver-550-full
}

@test "those of driver 535 too: rootless" {
    loads_everything rootless driver-535
}

@test "those of driver 535 too: rootful" {
    loads_everything rootful driver-535
}
