# The specification that nvbind writes, with its hook and without, in real containers: real driver
# files, a simulated host's GPUs. An ordinary user's Podman 4 reads specifications in /etc/cdi alone,
# which here is this test's own.

# engines: host podman5

load ../lib/engine
load ../lib/hook

setup_file() {
    engine_setup_file
    need_rootful
    need_part driver-550-full
    need_part debian-trixie
    export HOOK_TOOLS=${NVBIND_BUILD:?}/tests/hook
    [ -x "${NVBIND_BIN:?}/nvbind" ]
    "$NVBIND_BIN/nvbind" simulate "$NVBIND_T_DIR/tmp/host" --gpus 8 >&2
    mkdir -p /etc/cdi
}

# generate [OPTION...]: writes /etc/cdi/nvidia.json.
generate() {
    rm -f /etc/cdi/*
    "$NVBIND_BIN/nvbind" --host-root "$NVBIND_T_DIR/tmp/host" \
        --driver-root "$(part_path driver-550-full)" cdi generate --output /etc/cdi/nvidia.json "$@"
    chmod 0644 /etc/cdi/nvidia.json
}

# cdi_run IDENTITY RUNTIME DEVICE [OPTION...] -- COMMAND...
cdi_run() {
    local identity=$1 device=$3 image options=()
    use_runtime "$2"
    shift 3
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    image=$(import_image "$identity" debian-trixie)
    run as "$identity" podman run --rm --network=none --device "nvidia.com/gpu=$device" \
        -v "$HOOK_TOOLS/dlopen_all:/usr/bin/dlopen_all:ro" "${options[@]}" "$image" "$@"
    echo "$output"
}

# What the container must have, by whichever way.
finds_driver() {
    local identity=$1 runtime=$2
    shift 2
    cdi_run "$identity" "$runtime" all "$@" -- nvidia-smi
    # It has loaded its library and opened the stand-in of a node; without its library it says 12.
    [ "$status" -eq 17 ]
    cdi_run "$identity" "$runtime" 0 "$@" -- dlopen_all libcuda.so.1 libnvidia-ml.so.1 libcuda.so \
        libnvidia-ptxjitcompiler.so.1 libnvidia-encode.so.1 libc.so.6
    [ "$status" -eq 0 ]
}

@test "every identity and runtime: all GPUs and one, by CDI with the hook" {
    local identity runtime
    generate
    for identity in rootless rootful; do
        for runtime in runc crun; do
            finds_driver "$identity" "$runtime"
        done
    done
}

@test "with the hook, ldconfig -p lists what it did and every library of the driver" {
    generate
    image=$(import_image rootless debian-trixie)
    use_runtime runc
    before=$(as rootless podman run --rm --network=none "$image" ldconfig -p |
        sed '1d; /^Cache/d' | LC_ALL=C sort)
    cdi_run rootless runc all -- ldconfig -p
    after=$(sed '1d; /^Cache/d' <<<"$output" | LC_ALL=C sort)
    [ -z "$(comm -23 <(echo "$before") <(echo "$after"))" ]
    added=$(comm -13 <(echo "$before") <(echo "$after") | sed 's/^[[:space:]]*//; s/ .*//' | LC_ALL=C sort)
    wanted=$(jq -r '.containerEdits.hooks[0].args[] | select(startswith("--library=x86_64")) |
        split("::")[2:][]' /etc/cdi/nvidia.json | LC_ALL=C sort)
    diff <(echo "$wanted" | uniq) <(echo "$added" | uniq)
}

@test "a read-only container, which the incumbent's hook cannot start under crun" {
    generate
    finds_driver rootless crun --read-only
    finds_driver rootful crun --read-only
}

@test "by-path links are there for the GPUs that were given, and no others" {
    generate
    cdi_run rootful runc 3 -- sh -c 'cd /dev/dri/by-path && for i in *; do echo "$i $(readlink $i) $([ -e $i ] && echo there)"; done'
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[0]} = *there && ${lines[1]} = *there ]]
}

@test "hookless: no code runs, and the loader finds the libraries in its own folders" {
    local identity runtime
    generate --hookless
    [ "$(jq '[.. | .hooks? // empty | .[]] | length' /etc/cdi/nvidia.json)" -eq 0 ]
    for identity in rootless rootful; do
        for runtime in runc crun; do
            finds_driver "$identity" "$runtime"
        done
    done
}

@test "--disable-hook leaves out a part" {
    generate --disable-hook ldcache
    cdi_run rootless runc all -- ldconfig -p
    [ "$status" -eq 0 ]
    [[ $output != *libcuda.so.1* ]]
    generate --disable-hook links
    cdi_run rootless runc all -- ldconfig -p
    [[ $output = *libcuda.so.1* ]]
}

@test "the plan's hook is the one that is installed: an absolute path that exists" {
    generate
    path=$(jq -r '.containerEdits.hooks[0].path' /etc/cdi/nvidia.json)
    [[ $path = /* ]]
    [ -x "$path" ]
    [ "$(jq -c '.containerEdits.hooks | length' /etc/cdi/nvidia.json)" -eq 1 ]
    [ "$(jq -c '.containerEdits.hooks[0].env' /etc/cdi/nvidia.json)" = '["LC_ALL=C"]' ]
}

@test "forward compatibility is allowed where every GPU is of a class that supports it" {
    local host=$NVBIND_T_DIR/tmp/mixed
    "$NVBIND_BIN/nvbind" simulate "$host" --gpus 2 >&2
    allowed() {
        "$NVBIND_BIN/nvbind" --host-root "$host" cdi generate --format json --output - |
            jq -r '.containerEdits.hooks[0].args[] | select(startswith("--cuda-compat"))'
    }
    [ "$(allowed)" = "--cuda-compat=550.163.01" ]
    file=$(find "$host/proc/driver/nvidia/gpus" -name information | head -1)
    for model in 'NVIDIA GeForce RTX 4090' 'NVIDIA RTX A6000' 'NVIDIA A1000 Laptop GPU'; do
        sed -i "s/^Model:.*/Model:\t\t $model/" "$file"
        [ -z "$(allowed)" ]
    done
    for model in 'Tesla V100-SXM2-32GB' 'NVIDIA H100 80GB HBM3' 'NVIDIA L40S'; do
        sed -i "s/^Model:.*/Model:\t\t $model/" "$file"
        [ -n "$(allowed)" ]
    done
}
