# nvbind run on a host with MIG: which devices words mean, and what each brings.

load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    # GPU 0 whole, GPU 1 cut in three, GPU 2 in one GPU instance of two compute instances.
    export RUN_HOST=$BATS_FILE_TMPDIR/host
    "$NVBIND_BIN/nvbind" simulate "$RUN_HOST" --gpus 3 --mig 1:4g.20gb,2g.10gb,1g.5gb \
        --mig 2:3g.20gb/2 >/dev/null
}

setup() {
    run_setup
    fake_engine podman 4.3.1
    uuid=$(sim info --json | jq -r '.gpus[1].uuid')
}

# chosen WORDS...: names of the devices that a run gets.
chosen() {
    sim run --dry-run=json "$@" img 2>err | jq -r '[.gpus.devices[] |
        if .mig then "\(.index):\(.mig.index)" else "\(.index)" end] | join(" ")'
}

# nodes WORDS...: the nodes of GPUs that it gets.
nodes() {
    sim run --dry-run=json --rm "$@" img 2>err | jq -r '[.edits.mounts[].container |
        select(test("^/dev/nvidia([0-9]|-caps)")) | sub("^/dev/(nvidia-caps/)?nvidia-?"; "")] |
        join(" ")'
}

@test "every way to name a MIG device" {
    [ "$(chosen --gpu 1:1)" = 1:1 ]
    [ "$(chosen --gpu mig1:1)" = 1:1 ]
    [ "$(chosen --gpu nvidia.com/gpu=1:1)" = 1:1 ]
    [ "$(chosen --gpu 2:1,0,1:0)" = "0 1:0 2:1" ]
    [ "$(chosen --gpu 1:1,1:1)" = 1:1 ]
    [ "$(chosen --gpu "MIG-$uuid/5/0")" = 1:1 ]
    [ "$(chosen --gpus device=1:2)" = 1:2 ]
    [ "$(chosen --gpus '"device=1:2,2:0"')" = "1:2 2:0" ]
    [ "$(chosen -e NVIDIA_VISIBLE_DEVICES=1:0,2:1)" = "1:0 2:1" ]
    [ "$(chosen -e "NVIDIA_VISIBLE_DEVICES=MIG-$uuid/13/0")" = 1:2 ]
    [ "$(chosen --device nvidia.com/gpu=2:0)" = 2:0 ]
}

@test "a MIG device brings its GPU's node and its own two, and nothing of another" {
    [ "$(nodes --gpu 1:1)" = "1 cap183 cap184" ]
    [ "$(nodes --gpu 2:1)" = "2 cap282 cap284" ]
    [ "$(nodes --gpu 2:0,2:1)" = "2 cap282 cap283 cap284" ]
    [ "$(nodes --gpu 0)" = 0 ]
    [ "$(nodes --gpu 1:1 --isolate)" = "1 cap183 cap184" ]
    [ "$(nodes --gpu 1:1 --isolate=strict)" = "1 cap183 cap184" ]
    [ "$(nodes --gpu 1:1 --capabilities all)" = "1 cap183 cap184" ]
    run ! grep -q /dev/dri <(sim run --dry-run=shell --gpu 1:1 --capabilities all img)
}

@test "all is every GPU and every MIG device; a range is of whole GPUs" {
    [ "$(chosen --gpu all)" = "0 1 1:0 1:1 1:2 2 2:0 2:1" ]
    [ "$(nodes --gpu all)" = "0 1 cap147 cap148 cap183 cap184 cap255 cap256 2 cap282 cap283 cap284" ]
    [ "$(chosen --gpu 0-1)" = "0 1" ]
    grep -q 'warning: GPU 1 is cut into MIG devices' err
    grep -q 'hint: nvbind run --gpu 1:0' err
    [ "$(chosen --gpu 0)" = 0 ]
    run ! grep -q 'cut into MIG' err
}

@test "count takes what programs can compute on" {
    [ "$(chosen --gpu count=2)" = "0 1:0" ]
    grep -qF 'note: count=2: chose 0,1:0, the first by index' err
    [ "$(chosen --gpu count=6)" = "0 1:0 1:1 1:2 2:0 2:1" ]
    fails "7 GPUs are wanted and 6 are there" "nvbind info" sim run --gpu count=7 img
}

@test "what narrows the caller may name MIG devices" {
    export CUDA_VISIBLE_DEVICES=MIG-$uuid/5/0
    [ "$(chosen --gpu all)" = 1:1 ]
    [ "$(chosen --gpu count=1)" = 1:1 ]
    # Slurm numbers them in its own way: what it tells CUDA is the truth.
    [ "$(SLURM_JOB_GPUS=0 chosen --gpu all)" = 1:1 ]
    [ "$(chosen --gpu 1:0)" = 1:0 ]
    grep -q 'warning: GPU 1:0 is not among those that CUDA_VISIBLE_DEVICES=' err
    # A GPU means all that is on it.
    [ "$(CUDA_VISIBLE_DEVICES=2 chosen --gpu all)" = "2 2:0 2:1" ]
    [ "$(CUDA_VISIBLE_DEVICES=$uuid chosen --gpu count=3)" = "1:0 1:1 1:2" ]
    [ "$(SLURM_JOB_GPUS=0,2 CUDA_VISIBLE_DEVICES=0 chosen --gpu all)" = "0 2 2:0 2:1" ]
    [ "$(CUDA_VISIBLE_DEVICES= NVIDIA_VISIBLE_DEVICES=1:0,2:1 chosen --gpu all)" = "1:0 2:1" ]
}

@test "MIG UUIDs without NVML: an error that says so, and nothing is left to a caller narrowed by one" {
    fails "'MIG-0b5181c5' cannot be told: only NVML knows MIG UUIDs, and NVML is not asked about another root" \
        "names such as 0:1" sim run --gpu MIG-0b5181c5 img
    export CUDA_VISIBLE_DEVICES=MIG-0b5181c5-09f8-48ce-ac7c-b627ca2f4a0c
    fails "leaves the caller no GPU: only NVML knows MIG UUIDs" "--gpu none" sim run --gpu all img
    fails "there is no MIG device '1:3': this machine has 1:0 to 1:2, 2:0 to 2:1" "nvbind info" \
        sim run --gpu 1:3 img
    fails "there is no MIG device '0:0'" "nvbind info" sim run --gpu 0:0 img
}

@test "only the nodes of what is chosen have to be there" {
    cp -a "$RUN_HOST" host
    rm host/dev/nvidia-caps/nvidia-cap184
    RUN_HOST=$PWD/host
    [ "$(nodes --gpu 1:0)" = "1 cap147 cap148" ]
    [ "$(chosen --gpu 0)" = 0 ]
    fails "/dev/nvidia-caps/nvidia-cap184 (MIG device 1:1) is missing" \
        "nvidia-modprobe -f /proc/driver/nvidia/capabilities/gpu1/mig/gi5/ci0/access" \
        sim run --gpu 1:1 img
}

@test "by CDI: a name of its own in a specification of its own" {
    fake_engine podman 5.8.0
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    sim run --rm --gpu 1:1,2:1 --dry-run=json img >json
    [ "$(jq -r .mode json)" = cdi ]
    [ "$(jq -c .cdi.devices json)" = '["nvidia.com/gpu=1:1","nvidia.com/gpu=2:1"]' ]
    sim run --rm --gpu 1:1 img
    grep -q -- '--device nvidia.com/gpu=1:1' "$calls"
    folder=$(grep -oE -- '--cdi-spec-dir [^ ]*' "$calls" | tail -n1 | cut -d' ' -f2)
    nvbind cdi validate "$folder"/*.json
}

@test "the node of a capability is no GPU of the user's own" {
    [ "$(chosen --gpu none --device /dev/nvidia-caps/nvidia-cap2)" = "" ]
    [ "$(chosen --device /dev/nvidia-caps/nvidia-cap2)" = "0 1 1:0 1:1 1:2 2 2:0 2:1" ]
}

@test "who manages MIG gets the nodes for that, when asked, and not with a slice alone" {
    [ "$(nodes --gpu 1 -e NVIDIA_MIG_MONITOR_DEVICES=all)" = "cap2 1" ]
    [ "$(nodes --gpu 0 -e NVIDIA_MIG_CONFIG_DEVICES=all -e NVIDIA_MIG_MONITOR_DEVICES=all)" = \
        "cap1 cap2 0" ]
    [[ "$(nodes --gpu all -e NVIDIA_MIG_MONITOR_DEVICES=all)" = "cap2 0 1 cap147 "* ]]
    [ "$(nodes --gpu 0 -e NVIDIA_MIG_MONITOR_DEVICES=)" = 0 ]
    fails "a container of the MIG device 1:0 cannot manage MIG" "--gpu all" \
        sim run --gpu 1:0 -e NVIDIA_MIG_CONFIG_DEVICES=all img
    fails "NVIDIA_MIG_CONFIG_DEVICES is '0', and only all of them can be" \
        "-e NVIDIA_MIG_CONFIG_DEVICES=all" sim run --gpu 0 -e NVIDIA_MIG_CONFIG_DEVICES=0 img
    cp -a "$RUN_HOST" host
    rm host/dev/nvidia-caps/nvidia-cap2
    RUN_HOST=$PWD/host
    fails "/dev/nvidia-caps/nvidia-cap2 is missing" "capabilities/mig/monitor" \
        sim run --gpu 0 -e NVIDIA_MIG_MONITOR_DEVICES=all img
    [ "$(nodes --gpu 0)" = 0 ]
}
