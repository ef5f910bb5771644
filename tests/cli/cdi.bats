# nvbind cdi generate and validate: what they write, what they refuse, and that nothing is written
# then.

bats_require_minimum_version 1.5.0

setup_file() {
    "$NVBIND_BIN/nvbind" simulate "$BATS_FILE_TMPDIR/host" --gpus 3 >/dev/null
}

setup() {
    unset NVBIND_HOST_ROOT NVBIND_DRIVER_ROOT NVBIND_DEV_ROOT
    cd "$BATS_TEST_TMPDIR"
    host=$BATS_FILE_TMPDIR/host
}

nvbind() {
    "$NVBIND_BIN/nvbind" "$@"
}

# validate FILE...: without what the engines of this machine say.
validate() {
    nvbind cdi validate "$@" | grep -v -e ': podman [0-9]' -e ': docker [0-9]'
    return "${PIPESTATUS[0]}"
}

# generate WORD...: for the simulated host, as JSON, without the hook.
generate() {
    nvbind --host-root "$host" cdi generate --format json --hookless "$@"
}

# own_host: a copy of the host that a test may break.
own_host() {
    cp -a "$host" host
    host=$PWD/host
}

# refuses STATUS TEXT HINT WORD...: the message and its hint say so, and nothing is printed.
refuses() {
    local status=$1 text=$2 hint=$3 rc=0
    shift 3
    nvbind "$@" >out 2>err || rc=$?
    if [ "$rc" != "$status" ] || ! grep -qF -e "$text" err || ! grep -q '^nvbind: error: ' err ||
        ! grep '^  hint: ' err | grep -qF -e "$hint" || [ -s out ]; then
        printf 'status %s, not %s\n' "$rc" "$status"
        cat out err
        return 1
    fi
}

names() {
    jq -r '[.devices[].name] | join(" ")'
}

@test "devices by index and UUID, and all" {
    generate >spec.json
    uuids=$(nvbind --host-root "$host" info --json | jq -r '[.gpus[].uuid] | join(" ")')
    [ "$(names <spec.json)" = "0 1 2 $uuids all" ]
    [ "$(jq -r .kind spec.json)" = nvidia.com/gpu ]
    [ "$(jq -r .cdiVersion spec.json)" = 0.5.0 ]
}

@test "each device has its own nodes, all has those of all" {
    generate >spec.json
    node() {
        jq -r --arg name "$1" '.devices[] | select(.name == $name).containerEdits.mounts[]
            .containerPath | select(startswith("/dev/nvidia"))' spec.json | paste -sd' '
    }
    [ "$(node 1)" = /dev/nvidia1 ]
    [ "$(node all)" = "/dev/nvidia0 /dev/nvidia1 /dev/nvidia2" ]
    jq -r '.containerEdits.mounts[].containerPath' spec.json >common
    for path in /dev/nvidiactl /dev/nvidia-uvm; do
        grep -qxF -e "$path" common
    done
    run ! grep -q '^/dev/nvidia[0-9]' common
}

# A machine with GPU 0 whole, GPU 1 cut in three, GPU 2 in one GPU instance of two compute instances.
mig_host() {
    nvbind simulate mig --gpus 3 --mig 1:4g.20gb,2g.10gb,1g.5gb --mig 2:3g.20gb/2 >/dev/null
    host=$PWD/mig
}

@test "MIG devices by index, with their GPU's node and their own two" {
    mig_host
    generate >spec.json
    [[ "$(names <spec.json)" = "0 1 2 1:0 1:1 1:2 2:0 2:1 GPU-"*" GPU-"*" GPU-"*" all" ]]
    [ "$(jq -r .cdiVersion spec.json)" = 0.5.0 ]
    node() {
        jq -r --arg name "$1" '.devices[] | select(.name == $name).containerEdits.mounts[]
            .containerPath | sub("/dev/nvidia-caps/nvidia-"; "")' spec.json | paste -sd' '
    }
    [ "$(node 1:1)" = "/dev/nvidia1 cap183 cap184" ]
    [ "$(node 2:1)" = "/dev/nvidia2 cap282 cap284" ]
    [ "$(node 1)" = "/dev/nvidia1 /dev/dri/card2 /dev/dri/renderD129" ]
    [ "$(node all)" = "/dev/nvidia0 /dev/dri/card1 /dev/dri/renderD128 $(
        )/dev/nvidia1 /dev/dri/card2 /dev/dri/renderD129 cap147 cap148 cap183 cap184 cap255 cap256 $(
        )/dev/nvidia2 /dev/dri/card3 /dev/dri/renderD130 cap282 cap283 cap284" ]
    # Who may change how GPUs are cut is nobody whom a GPU was given.
    run ! grep -qE 'nvidia-cap[12]"' spec.json
    nvbind --host-root "$host" cdi generate --output mig.yaml
    nvbind cdi validate mig.yaml
}

@test "MIG devices' names go by the strategy" {
    mig_host
    [ "$(generate --device-name-strategy type-index | names)" = \
        "gpu0 gpu1 gpu2 mig1:0 mig1:1 mig1:2 mig2:0 mig2:1 all" ]
    # Only NVML knows their UUIDs, and it is not asked about another root.
    [[ "$(generate --device-name-strategy uuid | names)" = "GPU-"*" 1:0 1:1 1:2 2:0 2:1 all" ]]
    generate --device-name-strategy type-index | jq -e '.cdiVersion == "0.3.0"'
}

@test "a MIG device without its nodes is an error that names them, and what makes them" {
    mig_host
    rm "$host/dev/nvidia-caps/nvidia-cap184" "$host/dev/nvidia-caps/nvidia-cap282"
    refuses 1 "nvidia-cap184 (MIG device 1:1) and /dev/nvidia-caps/nvidia-cap282 (MIG device 2:0)" \
        "nvidia-modprobe -f /proc/driver/nvidia/capabilities/gpu1/mig/gi5/ci0/access -f $(
        )/proc/driver/nvidia/capabilities/gpu2/mig/gi1/access; or --partial" \
        --host-root "$host" cdi generate
    [ "$(generate --partial --device-name-strategy index 2>warned | names)" = "0 1 2 1:0 1:2 all" ]
    grep -q 'warning: .*nvidia-cap184' warned
    rm -r "$host/dev/nvidia-caps"
    refuses 1 "5 more nodes of MIG devices" "--partial" --host-root "$host" cdi generate
}

@test "hookless libraries lie under every name in both of the loader's folders" {
    generate --capabilities compute,utility >spec.json
    multiarch=$(basename "$(dirname "$(find "$host/usr/lib" -name 'libcuda.so.1' | grep -v i386)")")
    for folder in "/usr/lib/$multiarch" /usr/lib64; do
        for name in libcuda.so.1 libcuda.so libnvidia-ml.so.1; do
            jq -e --arg path "$folder/$name" '.containerEdits.mounts |
                map(select(.containerPath == $path)) | length == 1' spec.json
        done
    done
    jq -e '.containerEdits.hooks == null' spec.json
    # No path twice: an engine would mount the second over the first.
    jq -e '[.containerEdits.mounts[].containerPath] | length == (unique | length)' spec.json
    # Read only, and every file is really there.
    jq -r '.containerEdits.mounts[] | select(.containerPath | startswith("/usr")) |
        .options | join(",")' spec.json | sort -u >options
    [ "$(cat options)" = "ro,nosuid,nodev,rbind,rprivate" ]
    jq -r '.. | .hostPath? // empty' spec.json | xargs -d '\n' ls -d >/dev/null
}

@test "with the hook libraries keep their paths" {
    nvbind --host-root "$host" cdi generate --format json >spec.json
    jq -e '.containerEdits.hooks | length == 1' spec.json
    jq -e '.containerEdits.hooks[0] | .hookName == "createContainer" and (.path | startswith("/"))
        and .env == ["LC_ALL=C"] and .args[0:2] == ["nvbind-hook", "create"]' spec.json
    [ -x "$(jq -r '.containerEdits.hooks[0].path' spec.json)" ]
    version=$(nvbind --host-root "$host" info --json | jq -r .driver.version)
    jq -e --arg tail "/libcuda.so.$version" '[.containerEdits.mounts[].containerPath |
        select(endswith($tail))] | length > 0' spec.json
    jq -e '[.containerEdits.hooks[0].args[] | select(test("::libcuda.so.1::libcuda.so$"))] |
        length > 0' spec.json
}

@test "parts of the hook can be left out, by our names and by nvidia-ctk's" {
    nvbind --host-root "$host" cdi generate --format json --disable-hook=params \
        --disable-hook=cuda-compat,ldcache >spec.json
    jq -e '.containerEdits.hooks[0].args | index("--no-device-files") == null and
        index("--no-cache") != null' spec.json
    nvbind --host-root "$host" cdi generate --format json --disable-hook=create-symlinks,chmod \
        >spec.json
    jq -e '.containerEdits.hooks[0].args | index("--no-links") != null' spec.json
    nvbind --host-root "$host" cdi generate --format json --disable-hook=all >spec.json
    jq -e '.containerEdits.hooks == null' spec.json
    refuses 2 "no part called 'nonsense'" links cdi generate --disable-hook=nonsense
}

@test "the installed hook's arguments: those of the specification, and its mounts" {
    nvbind --host-root "$host" cdi generate --format json >spec.json
    nvbind --host-root "$host" cdi generate --format hook --output args 2>err
    [ ! -s err ]
    [ "$(stat -c %a args)" = 644 ]
    diff <(grep -v '^#' args) <(jq -r '(.containerEdits.mounts[] |
        "--mount=" + .hostPath + "::" + .containerPath), .containerEdits.hooks[0].args[2:][]' spec.json)
    refuses 2 'there is no hook to be used' hookless --host-root "$host" cdi generate --format hook --hookless
    refuses 2 "--format is 'toml'" 'json, yaml or hook' cdi generate --format toml
}

@test "libGLX_indirect.so.0 stays Mesa's, with the hook and without" {
    nvbind --host-root "$host" cdi generate --format json >spec.json
    grep -q 'libGLX_nvidia.so.0' spec.json
    run ! grep -q libGLX_indirect spec.json
    nvbind --host-root "$host" cdi generate --format json --hookless >spec.json
    grep -q 'libGLX_nvidia.so.0' spec.json
    run ! grep -q libGLX_indirect spec.json
}

@test "a hook that is not installed, or that others could change, is left out and that is said" {
    mkdir alone
    cp "$NVBIND_BIN/nvbind" alone/
    alone/nvbind --host-root "$host" cdi generate --format json >spec.json 2>err
    grep -q '^nvbind: warning: nvbind-hook is not installed' err
    jq -e '.containerEdits.hooks == null' spec.json
    alone/nvbind --host-root "$host" cdi generate --hookless 2>err >/dev/null
    [ ! -s err ]
    # Where make install puts it.
    mkdir -p prefix/bin prefix/libexec/nvbind
    cp "$NVBIND_BIN/nvbind" prefix/bin/
    cp "$NVBIND_BIN/nvbind-hook" prefix/libexec/nvbind/
    prefix/bin/nvbind --host-root "$host" cdi generate --format json >spec.json
    [ "$(jq -r '.containerEdits.hooks[0].path' spec.json)" = \
        "$(readlink -f prefix)/libexec/nvbind/nvbind-hook" ]
    [ "$(id -u)" = 0 ] || skip "the rest is about root"
    chmod 0777 prefix/libexec/nvbind
    prefix/bin/nvbind --host-root "$host" cdi generate --format json >spec.json 2>err
    grep -q '^nvbind: warning: nvbind-hook is left out: .*prefix/libexec/nvbind' err
    jq -e '.containerEdits.hooks == null' spec.json
}

@test "capabilities cut what is mounted" {
    generate >all.json
    generate --capabilities utility >utility.json
    count() { jq '.containerEdits.mounts | length' "$1"; }
    [ "$(count utility.json)" -lt $(($(count all.json) / 4)) ]
    jq -e '[.containerEdits.mounts[].containerPath | select(test("libcuda.so|/dev/dri"))] == []' \
        utility.json
    refuses 2 "'computer'" compute cdi generate --capabilities computer
}

@test "names, vendor and class as asked" {
    generate --device-name-strategy type-index --vendor example.com --class gpu2 >spec.json
    [ "$(names <spec.json)" = "gpu0 gpu1 gpu2 all" ]
    [ "$(jq -r .kind spec.json)" = example.com/gpu2 ]
    # No name begins with a digit: the lowest version does.
    [ "$(jq -r .cdiVersion spec.json)" = 0.3.0 ]
    [ "$(generate --device-name-strategy index,type-index | names)" = "0 1 2 gpu0 gpu1 gpu2 all" ]
    refuses 2 "'nonsense'" type-index cdi generate --device-name-strategy nonsense
    rc=0
    generate --vendor 9x 2>err || rc=$?
    [ "$rc" = 2 ]
    grep -q "vendor '9x'" err
}

@test "the version is the lowest, or the one that is asked for" {
    [ "$(generate --cdi-version auto | jq -r .cdiVersion)" = 0.5.0 ]
    [ "$(generate --cdi-version 0.6 | jq -r .cdiVersion)" = 0.6.0 ]
    [ "$(generate --cdi-version 1.0.0 | jq -r .cdiVersion)" = 1.0.0 ]
    refuses 2 "0.4.0 is too low" --cdi-version=0.5.0 --host-root "$host" cdi generate \
        --cdi-version 0.4
    refuses 2 "'0.9'" auto cdi generate --cdi-version 0.9
}

@test "a GPU that is not initialised has no UUID device" {
    own_host
    file=$(find host/proc/driver/nvidia/gpus -name information | sort | sed -n 2p)
    sed -i 's/^GPU UUID:.*/GPU UUID:\t GPU-????????-????-????-????-????????????/' "$file"
    generate >spec.json
    [ "$(jq '[.devices[].name | select(startswith("GPU-"))] | length' spec.json)" = 2 ]
    jq -e '[.devices[].name] | index("1") != null' spec.json
}

@test "what is missing is named all at once, with the command that brings it" {
    own_host
    rm host/dev/nvidia1 host/dev/nvidia-uvm
    find host -name 'libcuda.so*' -delete
    refuses 1 "/dev/nvidia-uvm, /dev/nvidia1 (GPU 1, " "nvidia-modprobe -u -c0" --host-root host \
        cdi generate --output spec.yaml
    grep -q 'and libcuda.so.1 of driver 550.163.01 are missing' err
    grep -q 'nvidia-modprobe -c1' err
    [ ! -e spec.yaml ]
    # Only what is asked for is missed.
    generate --capabilities utility --partial >spec.json
    refuses 1 "/dev/nvidia1 (GPU 1" "nvidia-modprobe -c1" --host-root host cdi generate \
        --capabilities utility
    run ! grep -q uvm err
}

@test "--partial leaves it out and says so" {
    own_host
    rm host/dev/nvidia1 host/dev/nvidia-uvm
    generate --partial >spec.json 2>err
    grep -q '^nvbind: warning: /dev/nvidia-uvm and /dev/nvidia1 ' err
    jq -e '[.devices[].name] | index("1") == null and index("2") != null' spec.json
    nvbind cdi validate spec.json
}

@test "a host without a driver, a driver without GPUs" {
    mkdir -p none/dev none/proc none/sys
    refuses 1 "no NVIDIA driver" "install the driver" --host-root none cdi generate
    refuses 1 "no NVIDIA driver" "install the driver" --host-root none cdi generate --partial
    own_host
    rm -r host/proc/driver/nvidia/gpus/*
    refuses 1 "has found no GPU" NVRM --host-root host cdi generate
}

@test "the same host gives the same bytes, in both formats" {
    for format in json yaml; do
        nvbind --host-root "$host" cdi generate --format $format >one
        nvbind --host-root "$host" cdi generate --format $format >two
        cmp one two
    done
}

@test "the format follows the file's ending, else it is YAML" {
    generate >/dev/null
    nvbind --host-root "$host" cdi generate --hookless --output a.json
    nvbind --host-root "$host" cdi generate --hookless --output b.yaml
    nvbind --host-root "$host" cdi generate --hookless --output=c.json --format=yaml
    jq -e .kind a.json >/dev/null
    cmp b.yaml c.json
    [ "$(head -n1 b.yaml)" = 'cdiVersion: "0.5.0"' ]
    nvbind --host-root "$host" cdi generate --hookless >d.yaml
    cmp b.yaml d.yaml
    nvbind --host-root "$host" cdi generate --hookless --output e.conf 2>err
    grep -q "read only files that end in .json or .yaml" err
    refuses 2 "'xml'" json cdi generate --format xml
}

@test "what lies in /tmp is in no specification that is kept, and in what is started now" {
    own_host
    mkdir -p host/tmp/nvidia-mps
    generate >spec.json
    jq -e '[.containerEdits.mounts[].containerPath | select(startswith("/tmp"))] == []' spec.json
    mkdir bin
    printf '#!/bin/sh\necho podman version 4.3.1\n' >bin/podman
    chmod +x bin/podman
    run -0 env "PATH=$PWD/bin:$PATH" "$NVBIND_BIN/nvbind" --host-root "$host" run --rm --dry-run img
    [[ $output = *$host/tmp/nvidia-mps:/tmp/nvidia-mps* ]]
    run -0 env "PATH=$PWD/bin:$PATH" "$NVBIND_BIN/nvbind" --host-root "$host" run --dry-run img
    [[ $output = *podman* && $output != *nvidia-mps:* ]]
}

@test "--output=- is standard output and no file" {
    nvbind --host-root "$host" cdi generate --hookless --output=- >out.yaml
    nvbind --host-root "$host" cdi generate --hookless --output - >out2.yaml
    cmp out.yaml out2.yaml
    [ -s out.yaml ]
    [ ! -e ./- ]
}

@test "a file is replaced whole, readable for everybody, and a link is not followed" {
    mkdir -p etc/cdi
    echo old >other
    ln -s "$PWD/other" etc/cdi/nvidia.yaml
    (umask 077; nvbind --host-root "$host" cdi generate --output etc/cdi/nvidia.yaml)
    [ ! -L etc/cdi/nvidia.yaml ]
    [ "$(cat other)" = old ]
    nvbind cdi validate etc/cdi/nvidia.yaml
    [ "$(ls -A etc/cdi)" = nvidia.yaml ]
    nvbind --host-root "$host" cdi generate --format json --output etc/cdi/nvidia.yaml
    jq -e .kind etc/cdi/nvidia.yaml
    (umask 077; nvbind --host-root "$host" cdi generate --output new/cdi/nvidia.json)
    [ "$(stat -c %a new/cdi/nvidia.json)" = 644 ]
    [ "$(stat -c %a new/cdi)" = 755 ]
}

@test "what is no file is written to and not replaced" {
    mkfifo pipe
    cat pipe >got &
    nvbind --host-root "$host" cdi generate --hookless --format json --output pipe
    wait
    jq -e .kind got
    [ -p pipe ]
    nvbind --host-root "$host" cdi generate --hookless --format json --output /dev/stdout | cat >got
    jq -e .kind got
    # Where standard output is a file, the file gets it and the name stays what it is.
    nvbind --host-root "$host" cdi generate --hookless --format json --output /dev/stdout >got2
    jq -e .kind got2
    nvbind --host-root "$host" cdi generate --hookless --format json --output /dev/fd/3 3>got3
    jq -e .kind got3
    [ -L /dev/stdout ]
    mkdir folder.yaml
    refuses 1 "Is a directory" "another one" --host-root "$host" cdi generate --output folder.yaml
}

@test "a folder that cannot be written" {
    refuses 1 "cannot" "" --host-root "$host" cdi generate --output /proc/nvbind/nvidia.yaml
    refuses 1 "cannot write" "" --host-root "$host" cdi generate --output /proc/nvidia.yaml
    touch file
    refuses 1 "cannot" "" --host-root "$host" cdi generate --output file/nvidia.yaml
    refuses 2 "empty" /etc/cdi --host-root "$host" cdi generate --output ""
    refuses 2 "a folder" /etc/cdi --host-root "$host" cdi generate --output made/cdi/
    [ ! -e made ]
    [ -w /dev/full ] || skip "no /dev/full"
    rc=0
    nvbind --host-root "$host" cdi generate >/dev/full 2>err || rc=$?
    [ "$rc" = 1 ]
    grep -q 'cannot write to standard output: No space left' err
}

@test "the driver's root and the devices' root apart" {
    mkdir machine
    cp -a "$host"/proc "$host"/sys machine/
    nvbind --host-root machine cdi generate --format json --hookless --driver-root "$host" \
        --dev-root "$host" >split.json
    generate >whole.json
    cmp split.json whole.json
    refuses 1 "are missing" "" --host-root machine cdi generate --driver-root "$host"
}

@test "a folder of libraries that only an option names" {
    own_host
    mkdir -p host/opt/driver
    find host/usr -name 'libcuda.so.550*' -not -path '*i386*' -exec mv -t host/opt/driver {} +
    find host -name 'libcuda.so*' -not -path '*/opt/*' -delete
    rm -f host/etc/ld.so.cache
    refuses 1 "libcuda.so.1" library-search-path --host-root host cdi generate
    generate --library-search-path /opt/driver >spec.json
    jq -e '[.containerEdits.mounts[] | select(.hostPath | endswith("/opt/driver/libcuda.so.550.163.01"))]
        | length > 0' spec.json
    refuses 2 "not absolute" "driver root" cdi generate --library-search-path relative
}

@test "validate tells file, line, column and rule, of all faults" {
    printf '%s\n' 'cdiVersion: 0.3.0' 'kind: v/gpu' 'devices:' '  - name: "0"' \
        '    containerEdits:' '      deviceNodes: [{path: dev/x}]' >bad.yaml
    rc=0
    validate bad.yaml >out || rc=$?
    [ "$rc" = 1 ]
    grep -q '^bad.yaml:1:13: .*0.5.0 is needed: a device.s name begins with a digit' out
    grep -q "^bad.yaml:2:7: .*two characters" out
    grep -q "^bad.yaml:6:28: 'path' must be an absolute path" out
    [ "$(wc -l <out)" = 3 ]
    echo '{"kind": "vendor.com/gpu", "device": []}' >field.json
    run -1 validate field.json
    [ "$output" = "field.json:1:28: 'device' is not a field of a specification (did you mean 'devices'?)" ]
    echo '{"kind": ' >cut.json
    run -1 validate cut.json
    [ "$output" = "cut.json:2:1: it ends too early" ]
}

@test "what validate quotes cannot steer the terminal, nor make a line of its own" {
    name=$'e\e[31m.json'
    printf '{"cdiVersion": "0.5.0", "kind": "a/b", "x\\u001b[31m\\u009b\\ny: valid": 1}' >"$name"
    run -1 validate "$name"
    [ "${lines[0]}" = "e?[31m.json:1:40: 'x?[31m??y: valid' is not a field of a specification" ]
}

@test "validate takes what is good, several at once" {
    generate >good.json
    nvbind --host-root "$host" cdi generate --output good.yaml
    run -0 validate good.json good.yaml
    [ "${lines[0]}" = "good.json: valid" ]
    [ "${lines[1]}" = "good.yaml: valid" ]
    echo 'kind: [' >bad.yaml
    run -1 validate good.json bad.yaml good.yaml
    [ "${#lines[@]}" = 3 ]
    cp good.yaml good.yml
    run -1 validate good.yml
    [ "$output" = "good.yml: engines read only files that end in .json or .yaml" ]
    refuses 2 "cannot read 'missing.yaml': No such file" "ls ." cdi validate missing.yaml
    refuses 2 "no file" validate cdi validate
}

@test "hostile files end in a fault, not in a hang" {
    mkfifo pipe.yaml
    run -2 timeout 10 "$NVBIND_BIN/nvbind" cdi validate pipe.yaml
    truncate -s 2G huge.json
    run -2 timeout 10 "$NVBIND_BIN/nvbind" cdi validate huge.json
    head -c 300000 /dev/zero | tr '\0' '[' >deep.yaml
    run -1 timeout 10 "$NVBIND_BIN/nvbind" cdi validate deep.yaml
    printf 'a: &a [x]\nb: [*a, *a]\n' >bomb.yaml
    run -1 nvbind cdi validate bomb.yaml
    [[ $output = bomb.yaml:1:4:*anchors* ]]
}

@test "help, and words that are no command" {
    run -0 nvbind cdi --help
    [[ $output = *generate*validate* ]]
    run -0 nvbind cdi generate --help
    [[ $output = *--device-name-strategy* ]]
    run -0 nvbind cdi validate --help
    refuses 2 "unknown command 'cdi genrate'" "did you mean 'nvbind cdi generate'" cdi genrate
    run -2 nvbind cdi
    [[ $output = *"nvbind cdi COMMAND"* ]]
    refuses 2 "unknown option '--outptu'" --output cdi generate --outptu=x
    refuses 2 "'spec.yaml' is no option" --output cdi generate spec.yaml
}
