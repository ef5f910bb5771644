# nvbind run with the devices of other vendors: by name where the engine reads their specification,
# else what it says on the command line.

bats_require_minimum_version 1.5.0
# shellcheck disable=SC2154 # run_setup sets calls, run sets stderr

load ../lib/run

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    root=$PWD/root
    mkdir -p root/etc/cdi root/dev root/opt
    : >root/dev/kfd
    : >root/opt/lib.so
    fake_engine podman 4.3.1
    cat >root/etc/cdi/amd.json <<'SPEC'
{ "cdiVersion": "0.7.0", "kind": "amd.com/gpu",
  "devices": [
    { "name": "0", "containerEdits": { "env": ["AMD_GPU=0"],
        "mounts": [ { "hostPath": "/dev/kfd", "containerPath": "/dev/kfd", "options": ["rw", "bind"] } ] } },
    { "name": "all", "containerEdits": { "env": ["AMD_GPU=all"] } } ],
  "containerEdits": { "additionalGids": [44],
    "mounts": [ { "hostPath": "/opt/lib.so", "containerPath": "/opt/lib.so", "options": ["ro", "bind"] } ] } }
SPEC
}

from_root() {
    nvbind --host-root "$root" run --dry-run=shell "$@"
}

@test "what the specification says, on the command line" {
    run -0 from_root --rm --gpu amd.com/gpu=0 img
    [ "$output" = "$BATS_TEST_TMPDIR/bin/podman run --env AMD_GPU=0 --group-add 44 --volume $root/dev/kfd:/dev/kfd:rw,bind --volume $root/opt/lib.so:/opt/lib.so:ro,bind --rm img" ]
    fake_engine docker 26.1.5
    run -0 from_root --runtime docker --rm --gpu amd.com/gpu=0 img
    [[ $output = *"--mount type=bind,source=$root/opt/lib.so,target=/opt/lib.so,readonly"* ]]
    # What the user's own words bring is not brought twice.
    run -0 from_root --rm --gpu amd.com/gpu=0 -v /x:/opt/lib.so -e AMD_GPU=7 img
    [[ $output != *"$root/opt/lib.so"* && $output != *AMD_GPU=0* && $output = *"AMD_GPU=7"* ]]
    # This machine's GPUs beside it.
    cp -a "$root"/etc/cdi "$BATS_TEST_TMPDIR/more"
    cp -a "$RUN_HOST" both
    mkdir -p both/etc/cdi both/opt
    cp root/etc/cdi/amd.json both/etc/cdi/
    : >both/opt/lib.so
    : >both/dev/kfd
    run -0 nvbind --host-root "$PWD/both" run --dry-run=shell --rm --gpu 1,amd.com/gpu=0 img
    [[ $output = *"--env AMD_GPU=0"* && $output = *"/dev/nvidia1"* && $output = */opt/lib.so* ]]
}

# On this machine's own specifications: tests/engine/47-foreign.bats.
@test "nothing of another root runs on this machine, or leads out of that root" {
    jq '.containerEdits.hooks = [
        {hookName: "createRuntime", path: "/bin/sh", args: ["sh", "-c", "touch x"]},
        {hookName: "createContainer", path: "/usr/bin/y"}]' root/etc/cdi/amd.json >new
    mv new root/etc/cdi/amd.json
    run -0 --separate-stderr from_root --rm --gpu amd.com/gpu=0 img
    [[ $output != *hooks-dir* && $output != *annotation* ]]
    [[ $stderr = *"2 hooks of the device's specification are left out"*"'/bin/sh'"*"another root"* ]]
    # A link is followed inside, and ".." stops at the root.
    ln -s /opt/lib.so root/opt/link
    jq '.containerEdits.mounts[0].hostPath = "/../../../opt/link"' root/etc/cdi/amd.json >new
    mv new root/etc/cdi/amd.json
    run -0 --separate-stderr from_root --rm --gpu amd.com/gpu=0 img
    [[ $output = *"--volume $root/opt/lib.so:/opt/lib.so:ro,bind"* && $output != *..* ]]
    ln -sf /etc/hostname root/opt/link
    fails "'/../../../opt/link' below '$root'" "" nvbind --host-root "$root" run --rm --gpu amd.com/gpu=0 img
    jq '.containerEdits.mounts = [] | .containerEdits.deviceNodes = [{path: "/dev/../../../../dev/null"}]' \
        root/etc/cdi/amd.json >new
    mv new root/etc/cdi/amd.json
    fails "'/dev/../../../../dev/null' below '$root'" "" nvbind --host-root "$root" run --rm --gpu amd.com/gpu=0 img
}

@test "what cannot be passed, or is not there, is an error" {
    fails "'amd.com/gpu=0' is given by '/etc/cdi/amd.json', which declares CDI 0.7.0, and podman 4.3.1 takes CDI up to 0.5.0" \
        "leave '--cdi' out" nvbind --host-root "$root" run --cdi --gpu amd.com/gpu=0 img
    fails "no CDI specification in /etc/cdi or /var/run/cdi gives 'amd.com/gpu=1'" "did you mean 'amd.com/gpu=0'" \
        nvbind --host-root "$root" run --gpu amd.com/gpu=1 img
    rm root/etc/cdi/amd.json
    fails "gives 'amd.com/gpu=0'" "amd-ctk cdi generate" nvbind --host-root "$root" run --gpu amd.com/gpu=0 img
    fails "gives 'intel.com/gpu=0'" "nvbind cdi list" nvbind --host-root "$root" run --gpu intel.com/gpu=0 img
    jq -n '{cdiVersion: "1.1.0", kind: "v.com/net", devices: [{name: "0", containerEdits: {netDevices: [{hostInterfaceName: "eth9", name: "eth0"}]}}]}' \
        >root/etc/cdi/net.json
    fails "'v.com/net=0' brings a network interface ('/etc/cdi/net.json'), which cannot be passed without CDI" \
        "nvbind cdi validate" nvbind --host-root "$root" run --gpu v.com/net=0 img
    jq '.cdiVersion = "0.5.0" | .kind = "v.com/gpu" | .devices[0].containerEdits = {env: ["A=b"]}' root/etc/cdi/net.json >root/etc/cdi/a.json
    cp root/etc/cdi/a.json root/etc/cdi/b.json
    fails "'v.com/gpu=0' is given by '/etc/cdi/b.json' and by '/etc/cdi/a.json'" "remove one" \
        nvbind --host-root "$root" run --gpu v.com/gpu=0 img
    [ "$(id -u)" = 0 ] || skip "the rest is about root"
    rm root/etc/cdi/b.json
    chmod 0777 root/etc/cdi
    fails "$root/etc/cdi" "chmod go-w" nvbind --host-root "$root" run --gpu v.com/gpu=0 img
}

@test "a folder that the caller names is between him and the engine" {
    fake_engine podman 5.6.0
    run -0 nvbind run --dry-run=shell --cdi-spec-dir /my/cdi --gpu amd.com/gpu=0 img
    [[ $output = *"--device amd.com/gpu=0"* ]]
}
