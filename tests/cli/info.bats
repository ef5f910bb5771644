# nvbind info: what it tells of a host, as JSON and as text.

bats_require_minimum_version 1.5.0

setup_file() {
    PATH=$NVBIND_BIN:$PATH
    cd "$BATS_FILE_TMPDIR" || return
    nvbind simulate two --gpus 2 >/dev/null
    nvbind simulate packages --gpus 2 --layout debian >/dev/null
    export PATH
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    NVBIND_HOST_ROOT=$BATS_FILE_TMPDIR/two
    export NVBIND_HOST_ROOT
}

# A copy of the simulated host that a test may change.
copy() {
    cp -r "$BATS_FILE_TMPDIR/two" host
    chmod -R u+w host
    export NVBIND_HOST_ROOT=$PWD/host
}

information() {
    find host/proc/driver/nvidia/gpus -name information | sort | sed -n "$1p"
}

# is EXPRESSION: what jq says of "info --json" is true.
is() {
    nvbind info --json >json || [ $? = 1 ]
    jq -e "$1" json >/dev/null || {
        echo "not so: $1"
        cat json
        return 1
    }
}

@test "the driver, the GPUs and the nodes of a host" {
    run -0 --separate-stderr nvbind info --json
    [ -z "$stderr" ]
    is '.simulated == true'
    is '.driver | .version == "550.163.01" and .flavour == "proprietary" and .loaded'
    is '.driver | .libraries > 20 and .files > .libraries'
    is '[.gpus[].index] == [0, 1]'
    is '[.gpus[].minor] == [0, 1]'
    is '[.gpus[].pci | test("^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]$")] | all'
    is '[.gpus[].pci] | . == sort'
    is '[.gpus[].uuid | test("^GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")] | all'
    is '[.gpus[].nodes[0].path] == ["/dev/nvidia0", "/dev/nvidia1"]'
    is '[.gpus[].nodes[] | .present and .mode == "0666" and (.device | not)] | all'
    is '[.nodes[].path] == ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools",
        "/dev/nvidia-modeset"]'
    is ".user.uid == $(id -u) and .user.rootless == ($(id -u) != 0)"
}

@test "both layouts of the driver's files are one driver" {
    nvbind info --json >run
    NVBIND_HOST_ROOT=$BATS_FILE_TMPDIR/packages nvbind info --json >debian
    diff <(jq 'del(.driver.libraries, .driver.files)' run) \
        <(jq 'del(.driver.libraries, .driver.files)' debian)
    jq -e '.driver.libraries > 20' debian
}

@test "the text says what the JSON says" {
    nvbind info >text
    nvbind info --json >json
    jq -r '.driver.version, (.gpus[] | .model, .uuid, .pci, .nodes[].path), .nodes[].path,
        (.engines[] | "\(.name) \(.version) (\(.path))")' json >facts
    [ "$(wc -l <facts)" -ge 16 ]
    while read -r fact; do
        grep -qF -e "$fact" text || { echo "missing: $fact"; cat text; return 1; }
    done <facts
    [[ $(head -n1 text) = *simulated* ]]
    grep -qE '^0  .*  /dev/nvidia0( |$)' text
}

@test "the manual page tells every key, and no other" {
    copy
    # With MIG and a folder of specifications, so that every key is there.
    nvbind simulate mig --mig 0:1g.5gb >/dev/null
    mkdir -p mig/etc/cdi
    nvbind --host-root mig info --json | jq -r '[paths[] | strings] | unique | .[]' | sort >is
    sed -n '/^\*--json\*/,/^# /p' "$NVB_SOURCE/man/nvbind-info.1.scd" | grep -oE '_[a-z_]*[a-z]_' |
        sed 's/^_//;s/_$//' | sort -u >told
    # "name" is an engine's alone, and a machine may have none.
    [ "$(wc -l <is)" -ge 20 ]
    diff <(grep -vx name told) <(grep -vx name is)
}

@test "MIG devices stand below their GPU, with their nodes" {
    nvbind simulate mig --gpus 2 --mig 1:4g.20gb,2g.10gb/2 >/dev/null
    nvbind --host-root mig info --json >json
    [ "$(jq -c '[.gpus[] | .cut]' json)" = "[false,true]" ]
    [ "$(jq -c '[.gpus[1].mig[] | [.index, .gpu_instance, .compute_instance, .uuid]]' json)" = \
        "[[0,1,0,null],[1,5,0,null],[2,5,1,null]]" ]
    [ "$(jq -r '.gpus[1].mig[2].nodes | map(.path) | @csv' json)" = \
        '"/dev/nvidia-caps/nvidia-cap183","/dev/nvidia-caps/nvidia-cap185"' ]
    rm mig/dev/nvidia-caps/nvidia-cap185
    nvbind --host-root mig info >text
    grep -qE '^1:2 .*MIG, instance 5/1 .*nvidia-cap183 /dev/nvidia-caps/nvidia-cap185 \(missing\)$' text
    grep -qE '^1  .*A100.*cut by MIG' text
    ! grep -qE '^0:' text
}

@test "a capability file that says nonsense is named" {
    nvbind simulate mig --mig 0:1g.5gb >/dev/null
    local file=mig/proc/driver/nvidia/capabilities/gpu0/mig/gi7/ci0/access bad
    for bad in '' 'DeviceFileMinor: ' 'DeviceFileMinor: x' 'DeviceFileMinor: 99999999999' \
        'DeviceFileMinor: 4 5' 'nothing'; do
        rm -f "$file"
        printf '%s\n' "$bad" >"$file"
        run -1 --separate-stderr nvbind --host-root mig info
        [[ $stderr = *"error: "*"/gpu0/mig/gi7/ci0/access:1:"*"DeviceFileMinor: NUMBER"* ]]
    done
    rm "$file"
    mkfifo "$file"
    run -1 timeout 10 "$NVBIND_BIN/nvbind" --host-root mig info
    rm "$file"
    ln -s /proc/driver/nvidia/capabilities/gpu0 "$file"
    nvbind --host-root mig info >/dev/null
}

@test "the root is the option's, before the variable's" {
    nvbind simulate three --gpus 3 >/dev/null
    [ "$(nvbind --host-root three info --json | jq '.gpus | length')" = 3 ]
    [ "$(nvbind --host-root=three info --json | jq '.gpus | length')" = 3 ]
    [ "$(nvbind info --json | jq '.gpus | length')" = 2 ]
    [ "$(NVBIND_HOST_ROOT=three nvbind info --json | jq '.gpus | length')" = 3 ]
}

@test "the driver's files and the nodes may lie under other roots" {
    mkdir -p nodes/dev empty
    : >nodes/dev/nvidia0
    nvbind --dev-root nodes info --json >json
    jq -e '[.gpus[].nodes[0].present] == [true, false]' json
    jq -e '[.nodes[].present] | any | not' json
    jq -e '.gpus[1].nodes[0].mode == null' json
    NVBIND_DEV_ROOT=nodes nvbind info --json | diff json -
    run -1 --separate-stderr nvbind --driver-root empty info --json
    [ "$(jq .driver.libraries <<<"$output")" = 0 ]
    [ "$(jq '.gpus | length' <<<"$output")" = 2 ]
    [[ $stderr = *"libraries were not found"* ]]
}

@test "a host without a GPU: everything is printed, then one error and a hint, and 1" {
    mkdir empty
    run -1 --separate-stderr nvbind --host-root empty info
    [ "${stderr_lines[0]}" = "nvbind: error: no NVIDIA driver is loaded" ]
    [[ ${stderr_lines[1]} = "  hint: "*"nvbind simulate "* ]]
    [ "${#stderr_lines[@]}" = 2 ]
    [[ $output = *"driver "*none* ]]
    [[ $output = *"/dev/nvidiactl missing"* ]]
    run -1 --separate-stderr nvbind --host-root empty info --json
    jq -e '.simulated == false and .gpus == [] and .driver.version == null and
        (.driver.loaded | not)' <<<"$output"
}

@test "the hint of a host without a GPU works as it stands" {
    mkdir empty
    run -1 --separate-stderr nvbind --host-root empty info
    hint=${stderr_lines[1]#  hint: without a GPU, try: }
    [ "$hint" != "${stderr_lines[1]}" ]
    run -0 sh -c "${hint//\/tmp\/gpus/$PWD/gpus}"
    [[ $output = *GPU-* ]]
}

@test "a driver without a GPU, and one without its libraries, are told apart" {
    copy
    rm -r host/proc/driver/nvidia/gpus/*
    run -1 --separate-stderr nvbind info
    [ "${stderr_lines[0]}" = "nvbind: error: the NVIDIA driver has no GPU" ]
    rm -r host
    copy
    find host/usr -name '*.so*' -delete
    rm -f host/etc/ld.so.cache
    run -1 --separate-stderr nvbind info
    [ "${stderr_lines[-2]}" = \
        "nvbind: error: the NVIDIA driver's libraries were not found" ]
}

@test "a GPU that the driver has not initialised yet has no UUID, and counts" {
    copy
    sed -i 's/^GPU UUID:.*/GPU UUID: \t GPU-????????-????-????-????-????????????/' \
        "$(information 1)"
    is '.gpus[0].uuid == null and .gpus[1].uuid != null'
    run -0 nvbind info
    sed -i '/^GPU UUID:/d' "$(information 1)"
    is '.gpus[0].uuid == null and .gpus[0].pci != null'
    : >"$(information 1)"
    is '[.gpus[].index] == [0, 1] and .gpus[0].model == null'
    run -0 nvbind info
    [[ $output = *" - "* ]]
}

@test "the driver's order of GPUs is the bus's, not that of the minors" {
    copy
    sed -i 's/^Device Minor:.*/Device Minor: \t 1/' "$(information 1)"
    sed -i 's/^Device Minor:.*/Device Minor: \t 0/' "$(information 2)"
    is '[.gpus[].index] == [0, 1] and [.gpus[].minor] == [1, 0] and
        .gpus[0].nodes[0].path == "/dev/nvidia1"'
}

@test "an information file that no driver wrote is an error that names it" {
    copy
    head -c 64 /dev/zero >"$(information 1)"
    run -1 --separate-stderr nvbind info
    [[ $stderr = "nvbind: error: "*"$(basename "$(dirname "$(information 1)")")/information"* ]]
}

@test "specifications in the system's folders are listed" {
    copy
    mkdir -p host/etc/cdi host/run/cdi
    [ -e host/var/run ] || { mkdir -p host/var; ln -s ../run host/var/run; }
    : >host/etc/cdi/nvidia.yaml
    : >host/etc/cdi/notes.txt
    : >host/run/cdi/amd.json
    is '.cdi == [{"folder": "/etc/cdi", "files": ["nvidia.yaml"]},
        {"folder": "/var/run/cdi", "files": ["amd.json"]}]'
    run -0 nvbind info
    [[ $output = *nvidia.yaml* ]]
    [[ $output = *amd.json* ]]
    [[ $output != *notes.txt* ]]
}

@test "the engines in PATH, with what they say of themselves" {
    mkdir bin empty
    printf '#!/bin/sh\necho "podman version 5.4.2"\n' >bin/podman
    printf '#!/bin/sh\necho "Docker version 26.1.5+dfsg1, build a72d7cd"\n' >bin/docker
    chmod +x bin/*
    jq=$(command -v jq)
    PATH=$NVBIND_BIN:$PWD/bin nvbind info --json >json
    "$jq" -e --arg d "$PWD/bin" '.engines == [
        {"name": "podman", "path": ($d + "/podman"), "version": "5.4.2"},
        {"name": "docker", "path": ($d + "/docker"), "version": "26.1.5+dfsg1"}]' json
    PATH=$NVBIND_BIN:$PWD/empty nvbind info --json >json
    "$jq" -e '.engines == []' json
    PATH=$NVBIND_BIN:bin nvbind info --json >json
    "$jq" -e '.engines == []' json # an element of PATH that is not absolute does not count
}

@test "control characters of a host's files do not reach the terminal" {
    copy
    mkdir -p host/etc/cdi
    : >"host/etc/cdi/$(printf 'a\033[31mb.yaml')"
    run -0 nvbind info
    [[ $output = *"a?[31mb.yaml"* ]]
    [[ $output != *$'\x1b'* ]]
}

@test "words that info does not take" {
    run -2 --separate-stderr nvbind info gpu0
    [ -z "$output" ]
    [ "${stderr_lines[0]}" = "nvbind: error: info takes no 'gpu0'" ]
    run -2 --separate-stderr nvbind info --jsom
    [ -z "$output" ]
    [ "${stderr_lines[1]}" = "  hint: did you mean --json?" ]
}

@test "a root that is not there, and one that is no folder" {
    : >file
    run -2 --separate-stderr nvbind --host-root nowhere info
    [ -z "$output" ]
    [[ $stderr = "nvbind: error: "*nowhere*"No such file or directory"* ]]
    run -2 --separate-stderr nvbind --host-root file info
    [[ $stderr = "nvbind: error: "*file*"Not a directory"* ]]
}

@test "--detailed: what the doctor's checks find, without fixes" {
    mkdir none
    jq=$(command -v jq)
    PATH=$NVBIND_BIN:$PWD/none run -0 nvbind info --detailed
    [[ $output = *$'\nnodes\n'*"  node-uvm"*"/dev/nvidia-uvm is there"* ]]
    [[ $output != *"fix:"* ]]
    PATH=$NVBIND_BIN:$PWD/none nvbind info --json --detailed >json
    "$jq" -e '[.found[] | select(.name == "driver-module")] == [{"group": "driver",
        "name": "driver-module", "verdict": "ok",
        "evidence": "the kernel module nvidia 550.163.01 is loaded"}]' json
    nvbind info --json >json
    "$jq" -e '.found == null' json
}
