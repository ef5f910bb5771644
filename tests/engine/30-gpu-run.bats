# tests/gpu/run needs a GPU for what it is there for; what leads up to that is tried here.

load ../lib/engine

bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
}

setup() {
    folder=$(shared_folder)
}

# gpu_run HOST: as root or, for an ordinary user's run, as that user.
gpu_run() {
    NVBIND_HOST_ROOT=$1 "$NVBIND_T_SRC/tests/gpu/run" --build "$NVBIND_BUILD" --parts "$folder/parts" \
        --json "$folder/gpu.json"
}

@test "without a driver it skips all of it and says why" {
    mkdir "$folder/bare"
    run -0 gpu_run "$folder/bare"
    [[ $output == *"ok 2 - everything else # skip no NVIDIA driver is loaded"* ]]
    [[ $output == *"# 1 passed, 0 failed, 1 skipped"* ]]
}

@test "a GPU without a node is not tried" {
    "$NVBIND_BIN/nvbind" simulate "$folder/host"
    rm "$folder/host/dev/nvidia0"
    run -0 gpu_run "$folder/host"
    [[ $output == *"# skip no GPU of this machine has a device node here"* ]]
}

@test "packed and on a simulated host, containers by each runtime work, with the hook and without" {
    local kind
    "$NVBIND_BIN/nvbind" simulate "$folder/host" --gpus 2
    "$NVBIND_T_SRC/tests/gpu/run" --pack "$folder/parts" --build "$NVBIND_BUILD"
    [ -x "$folder/parts/bin/nvbind-probe" ]
    run -0 gpu_run "$folder/host"
    echo "$output"
    for kind in runc crun; do
        command -v "$kind" >/dev/null || continue
        [ "$kind/$NVBIND_T_CGROUP" != crun/hybrid ] || continue
        grep -q "^ok [0-9]* - a container by $kind (hook): libraries, nodes$" <<<"$output"
        grep -q "^ok [0-9]* - a container by $kind (hookless): libraries, nodes$" <<<"$output"
    done
    [ "$(jq .generate.runs "$folder/gpu.json")" = 200 ]
}

@test "a library that discovery does not find is one failure, with the folder's name" {
    local libraries
    "$NVBIND_BIN/nvbind" simulate "$folder/host"
    libraries=$(dirname "$(find "$folder/host/usr/lib" -name 'libcuda.so.*.*' -not -path '*i386*')")
    mkdir -p "$folder/host/opt/odd"
    mv "$libraries"/lib*.so* "$folder/host/opt/odd/"
    rm -rf "$folder/host/usr/lib/i386-linux-gnu" "$folder/host/etc/ld.so.cache"
    run -1 gpu_run "$folder/host"
    [[ $output == *"not ok 3 - the driver's libraries are found without being told where"*"/opt/odd"* ]]
}
