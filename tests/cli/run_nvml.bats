# What depends on NVML, with one that answers as a test says (tests/fake/nvml.c), as this machine's
# own: UUIDs of MIG devices, and which GPUs are the least busy.

load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    local why
    export RUN_HOST=$BATS_FILE_TMPDIR/host WITH=$NVB_SOURCE/tests/lib/with-driver
    why=$("$WITH" --why) || skip "$why"
    # Before HOME is another.
    NO_PART=$("$NVB_SOURCE/tests/lib/cache" why driver-550) || true
    PART=$("$NVB_SOURCE/tests/lib/cache" path driver-550)
    export NO_PART PART
    "$NVBIND_BIN/nvbind" simulate "$RUN_HOST" --gpus 3 --mig 1:4g.20gb,2g.10gb,1g.5gb >/dev/null
}

setup() {
    run_setup
    fake_engine podman 5.8.0
    library=$(find "$NVBIND_BUILD/tests" -name '*fakenvml.so')
    export NVBIND_FAKE_NVML=$BATS_TEST_TMPDIR/answers
    nvml
}

# nvml LINES...: what NVML says beside this.
nvml() {
    : >inits
    {
        printf '%s\n' "calls $PWD/inits" "$@"
        echo 'gpu 0000:10:00.0 90 50 1
gpu 0000:12:00.0 - 40 0
mig 0000:12:00.0 1 0 MIG-aaaa1111-0000-0000-0000-000000000000 60 2 4g.20gb
mig 0000:12:00.0 5 0 MIG-aaaa2222-0000-0000-0000-000000000000 20 0 2g.10gb
mig 0000:12:00.0 13 0 MIG-bbbb3333-0000-0000-0000-000000000000 10 0 1g.5gb
gpu 0000:14:00.0 0 30 0'
    } >"$NVBIND_FAKE_NVML"
}

here() {
    "$WITH" "$RUN_HOST" "$library" "$NVBIND_BIN/nvbind" "$@"
}

chosen() {
    here run --dry-run=json --rm "$@" img 2>err | jq -r '[.gpus.devices[] |
        if .mig then "\(.index):\(.mig.index)" else "\(.index)" end] | join(" ")'
}

inits() {
    wc -l <inits
}

@test "MIG UUIDs in info and in specifications; NVML is started once a command" {
    here info --json >json
    [ "$(jq -r '[.gpus[1].mig[].uuid[:8]] | join(" ")' json)" = "MIG-aaaa MIG-aaaa MIG-bbbb" ]
    [ "$(inits)" = 1 ]
    nvml
    here cdi generate --format json --hookless >spec.json
    [ "$(inits)" = 1 ]
    [ "$(jq -r '[.devices[].name | select(startswith("MIG"))[:12]] | join(" ")' spec.json)" = \
        "MIG-aaaa1111 MIG-aaaa2222 MIG-bbbb3333" ]
    [ "$(jq -r '.devices[] | select(.name | startswith("MIG-aaaa2222")).containerEdits.deviceNodes |
        map(.path) | join(" ")' spec.json)" = \
        "/dev/nvidia1 /dev/nvidia-caps/nvidia-cap183 /dev/nvidia-caps/nvidia-cap184" ]
    [ "$(here cdi generate --format json --hookless --device-name-strategy uuid |
        jq -r '[.devices[].name[:4]] | join(" ")')" = "GPU- GPU- GPU- MIG- MIG- MIG- all" ]
    # Without names that need it, it is not started.
    nvml
    here cdi generate --device-name-strategy index --hookless >/dev/null
    here run --dry-run=json --gpu 1:0 img >/dev/null 2>&1
    here run --dry-run=json --gpu all img >/dev/null 2>&1
    [ "$(inits)" = 0 ]
}

@test "a MIG device by UUID, or by the beginning of one" {
    [ "$(chosen --gpu MIG-bbbb3333-0000-0000-0000-000000000000)" = 1:2 ]
    [ "$(chosen --gpu MIG-bb,0)" = "0 1:2" ]
    [ "$(chosen -e NVIDIA_VISIBLE_DEVICES=MIG-aaaa2222-0000-0000-0000-000000000000)" = 1:1 ]
    [ "$(CUDA_VISIBLE_DEVICES=MIG-aaaa2222-0000-0000-0000-000000000000 chosen)" = 1:1 ]
    fails "'MIG-aaaa' is the beginning of several UUIDs: MIG-aaaa1111-0000-0000-0000-000000000000, MIG-aaaa2222" \
        "" here run --gpu MIG-aaaa img
    fails "there is no MIG device 'MIG-ff'" "nvbind info" here run --gpu MIG-ff img
    # By CDI under the name that the user gave it.
    mkdir -m 0700 run
    XDG_RUNTIME_DIR=$PWD/run here run --rm --dry-run=json \
        --device nvidia.com/gpu=MIG-bbbb3333-0000-0000-0000-000000000000 img >json
    [ "$(jq -r .mode json)" = cdi ]
    [ "$(jq -r '.gpus.devices[].mig.index' json)" = 2 ]
}

@test "count takes the least busy: without programs first, then by use" {
    [ "$(chosen --gpu count=1)" = 1:2 ]
    grep -qF 'note: count=1: chose 1:2, the least busy' err
    [ "$(inits)" = 1 ]
    [ "$(chosen --gpu count=2)" = "1:1 1:2" ]
    [ "$(chosen --gpu count=3)" = "1:1 1:2 2" ]
    [ "$(chosen --gpu count=4)" = "1:0 1:1 1:2 2" ]
    [ "$(chosen --gpus 3)" = "1:1 1:2 2" ]
    # Where all are taken nothing depends on it.
    nvml
    [ "$(chosen --gpu count=5)" = "0 1:0 1:1 1:2 2" ]
    [ "$(inits)" = 0 ]
    [ "$(CUDA_VISIBLE_DEVICES=MIG-aaaa1111-0000-0000-0000-000000000000,0 chosen --gpu count=1)" = 1:0 ]
    [ "$(inits)" = 1 ]
}

@test "an NVML that hangs costs 200 ms, one that dies nothing: by index then, and it says so" {
    local begin
    nvml hangs
    begin=$(date +%s%N)
    [ "$(chosen --gpu count=1)" = 0 ]
    # The namespace and its mounts take their time as well.
    [ $((($(date +%s%N) - begin) / 1000000)) -lt 2000 ]
    grep -qF 'note: count=1: chose 0, the first by index: how busy they are is not known, because NVML gave no answer within 200 ms' err
    nvml dies
    [ "$(chosen --gpu count=1)" = 0 ]
    grep -qF 'because NVML died of signal 6' err
    here cdi generate --format json --hookless >spec.json
    [ "$(jq -r '[.devices[].name[:4]] | join(" ")' spec.json)" = \
        "0 1 2 1:0 1:1 1:2 GPU- GPU- GPU- all" ]
    nvml prints
    run -0 --separate-stderr here run --dry-run=shell --gpu count=1 img
    # shellcheck disable=SC2154 # run sets it
    [[ $output$stderr != *speaks* ]]
    nvml 'init 999'
    fails "'MIG-bbbb' cannot be told: only NVML knows MIG UUIDs, and NVML does not start (nvmlInit: 999)" \
        "names such as 0:1" here run --gpu MIG-bbbb img
}

@test "as root a library that others could write is not loaded" {
    # shellcheck disable=SC2016 # for the shell inside
    run "$WITH" "$RUN_HOST" "$library" sh -c 'chmod o+w /usr/lib/*/libnvidia-ml.so.550.163.01
        exec "$0" run --dry-run=json --gpu count=1 img' "$NVBIND_BIN/nvbind"
    [[ $output = *"NVML is not asked: "*"can be written by others"* ]]
    [ "$(inits)" = 0 ]
}

@test "Debian's own NVML without a driver: it says 9, and names go by index" {
    [ -z "$NO_PART" ] || skip "$NO_PART"
    library=$(find "$PART/usr/lib" -path '*x86_64*' -name 'libnvidia-ml.so.550*' -type f | head -n1)
    [ -n "$library" ]
    [ "$(chosen --gpu count=1)" = 0 ]
    grep -qF 'because NVML does not start (nvmlInit: 9)' err
    run -0 --separate-stderr here -v info
    [[ $stderr = *"the UUIDs of MIG devices are not known: NVML does not start (nvmlInit: 9)"* ]]
}

@test "kube play: MIG devices by their profile" {
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n' >a.yaml
    printf '  - {name: c, image: img, resources: {limits: {nvidia.com/mig-2g.10gb: 1}}}\n' >>a.yaml
    here kube play --dry-run a.yaml >out
    grep -qx '    nvbind.gpus/c: "0000:12:00.0/5/0"' out
    grep -q 'mountPath: /dev/nvidia-caps/' out
    [ "$(grep -c 'mountPath: /dev/nvidia[0-9]' out)" -eq 1 ]
    sed 's/mig-2g.10gb: 1/mig-2g.10gb: 2/' a.yaml >b.yaml
    run ! here kube play --dry-run b.yaml
    grep -qF "b.yaml:6:48: container 'c' of pod 'a' asks for nvidia.com/mig-2g.10gb: 2; free of 1: 1:1" <<<"$output"
    sed 's/mig-2g.10gb/mig-7g.40gb/' a.yaml >b.yaml
    run ! here kube play --dry-run b.yaml
    grep -qF 'what there is: nvidia.com/gpu, nvidia.com/mig-4g.20gb, nvidia.com/mig-2g.10gb, nvidia.com/mig-1g.5gb' <<<"$output"
    nvml 'init 9'
    run ! here kube play --dry-run a.yaml
    grep -qF 'only NVML could tell: NVML does not start (nvmlInit: 9)' <<<"$output"
}
