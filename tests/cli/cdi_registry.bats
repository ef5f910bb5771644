# nvbind cdi list, show and diff, and what validate and generate say for engines: precedence, what
# is shadowed and dropped, and every vendor's files.

bats_require_minimum_version 1.5.0

setup_file() {
    "$NVBIND_BIN/nvbind" simulate "$BATS_FILE_TMPDIR/host" --gpus 2 >/dev/null
}

setup() {
    local name
    for name in ${!CONTAINER*} ${!DOCKER_*} ${!XDG_*} NVBIND_HOST_ROOT NVBIND_CONFIG; do
        unset "$name"
    done
    cd "$BATS_TEST_TMPDIR" || return
    root=$PWD/root
    mkdir -p root/etc/cdi root/var/run/cdi root/more
}

nvbind() {
    "$NVBIND_BIN/nvbind" "$@"
}

in_root() {
    nvbind --host-root "$root" "$@"
}

# spec FILE KIND NAME...: a specification with these devices.
spec() {
    local file=$root/$1 kind=$2
    shift 2
    jq -n --arg kind "$kind" '{cdiVersion: "0.5.0", kind: $kind, devices: ($ARGS.positional |
        map({name: ., containerEdits: {env: ["D=" + .]}}))}' --args "$@" >"$file"
}

states() {
    in_root cdi list --json "$@" | jq -r '.devices[] | "\(.name) \(.file) \(.state) \(.other)"'
}

# refuses STATUS TEXT HINT WORD...
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

@test "list: every vendor, as people count" {
    spec etc/cdi/amd.json amd.com/gpu 10 2 all
    spec var/run/cdi/x.json example.com/net eth
    run -0 in_root cdi list
    [[ ${lines[0]} = DEVICE*CDI*FILE ]]
    [[ ${lines[1]} = "amd.com/gpu=2 "*"0.5.0  /etc/cdi/amd.json" ]]
    [[ ${lines[2]} = "amd.com/gpu=10 "* ]]
    [[ ${lines[4]} = "example.com/net=eth "*/var/run/cdi/x.json ]]
    [ "${#lines[@]}" = 5 ]
    # What run leaves for a moment for a container of Docker's is nobody's to name.
    spec var/run/cdi/nvbind-p0.json nvbind.local/gpu p0
    run -0 in_root cdi list
    [ "${#lines[@]}" = 5 ]
    [[ $(states) = *nvbind.local/gpu=p0* ]]
}

@test "list: a later folder shadows, two files of one folder are both dropped" {
    spec etc/cdi/a.json v.com/gpu 0 1
    spec var/run/cdi/b.json v.com/gpu 1
    [ "$(states)" = "v.com/gpu=0 /etc/cdi/a.json in force null
v.com/gpu=1 /etc/cdi/a.json shadowed /var/run/cdi/b.json
v.com/gpu=1 /var/run/cdi/b.json in force null" ]
    spec var/run/cdi/c.json v.com/gpu 1
    run -0 states
    [ "${lines[2]}" = "v.com/gpu=1 /var/run/cdi/b.json conflict /var/run/cdi/c.json" ]
    [ "${lines[3]}" = "v.com/gpu=1 /var/run/cdi/c.json conflict /var/run/cdi/b.json" ]
    # The one in /etc/cdi does not come back for that.
    [[ ${lines[1]} = *conflict* ]]
    run -0 in_root cdi list
    [[ $output = *"dropped: in conflict with /var/run/cdi/c.json"* ]]
}

@test "list: what cannot be read is named, with its place, and the rest is listed" {
    spec etc/cdi/good.json v.com/gpu 0
    spec etc/cdi/new.json v.com/new 0
    echo '{"kind": "v.com/x", "device": []}' >root/etc/cdi/field.json
    echo nonsense >root/etc/cdi/other.txt
    mkdir root/etc/cdi/folder.json
    mkfifo root/etc/cdi/pipe.yaml
    ln -s /nowhere root/etc/cdi/gone.yaml
    run -0 --separate-stderr in_root cdi list
    [ "${#lines[@]}" = 3 ]
    [[ $stderr = *"/etc/cdi/field.json:1:21: 'device' is not a field"* ]]
    [[ $stderr = *"nvbind cdi validate /etc/cdi/field.json"* ]]
    [[ $stderr = *pipe.yaml* && $stderr = *gone.yaml* ]]
    [[ $stderr != *other.txt* && $stderr != *folder.json* ]]
    in_root cdi list --json | jq -e '.files[] | select(.path == "/etc/cdi/field.json") |
        .line == 1 and .column == 21 and .devices == 0'
    # A folder that is a link is passed over by engines; a file that is one is not.
    mv root/etc/cdi/good.json root/more/
    ln -s ../../more/good.json root/etc/cdi/good.json
    [[ $(states) = *"v.com/gpu=0 /etc/cdi/good.json in force"* ]]
    rmdir root/var/run/cdi && ln -s ../../more root/var/run/cdi
    run -0 --separate-stderr in_root cdi list
    [[ $stderr = *"'/var/run/cdi' is not read: engines follow no link there"* ]]
}

@test "list --for: folders and versions of the engine that is asked about" {
    spec etc/cdi/a.json v.com/gpu 0
    spec var/run/cdi/b.json v.com/gpu 1
    jq '.cdiVersion = "0.7.0"' root/etc/cdi/a.json >root/etc/cdi/c.json
    jq '.kind = "v.com/late"' root/etc/cdi/c.json >root/etc/cdi/late.json
    rm root/etc/cdi/c.json
    # Podman 5.5 reads the first folder alone.
    run -0 in_root cdi list --for podman@5.5
    [[ $output = *v.com/late* && $output != */var/run/cdi* ]]
    run -0 --separate-stderr in_root cdi list --for podman@4.9
    [[ $output != *v.com/late* && $output = */var/run/cdi/b.json* ]]
    [[ $stderr = *"/etc/cdi/late.json: CDI 0.7.0 is declared, and podman 4.9 takes CDI up to 0.6.0"* ]]
    run -0 --separate-stderr in_root cdi list --for docker@20
    [ -z "$output" ]
    [[ $stderr = *"docker 20 knows no CDI"* ]]
    # Where they are told to look.
    spec more/m.json v.com/gpu more
    mkdir -p root/etc/docker root/etc/containers/containers.conf.d
    echo '{"cdi-spec-dirs": ["/more"]}' >root/etc/docker/daemon.json
    [[ $(states --for docker@28.2) = "v.com/gpu=more /more/m.json in force null" ]]
    printf '[engine]\ncdi_spec_dirs = ["/etc/cdi"]\n' >root/etc/containers/containers.conf
    printf '[engine]\ncdi_spec_dirs = ["/etc/cdi", "/more"]\n' \
        >root/etc/containers/containers.conf.d/x.conf
    run -0 in_root cdi list --for podman@5.6 --json
    [ "$(jq -c .folders <<<"$output")" = '["/etc/cdi","/more"]' ]
    run -0 in_root cdi list --for podman@5.4 --json
    [ "$(jq -c .folders <<<"$output")" = '["/etc/cdi","/var/run/cdi"]' ]
    refuses 2 "'podmen@5' is no engine; did you mean 'podman'?" podman@4.9 cdi list --for podmen@5
    refuses 2 "'crio' needs its version" podman@4.9 cdi list --for crio
}

@test "list: a thousand files of others, and a folder of hostile ones" {
    local i
    for i in {1..1000}; do
        echo "{\"cdiVersion\":\"0.5.0\",\"kind\":\"v$i.com/gpu\",\"devices\":[{\"name\":\"0\",\"containerEdits\":{\"env\":[\"A=b\"]}}]}" \
            >"root/etc/cdi/$i.json"
    done
    [ "$(states | wc -l)" = 1000 ]
    truncate -s 2G root/etc/cdi/huge.json
    head -c 300000 /dev/zero | tr '\0' '[' >root/etc/cdi/deep.yaml
    printf '{"cdiVersion": "0.5.0", "kind": "a/b", "x\\u001b[31m\\u009b\\ny": 1}' >$'root/etc/cdi/e\e[31m.json'
    run -0 --separate-stderr timeout 10 "$NVBIND_BIN/nvbind" --host-root "$root" cdi list
    [ "${#lines[@]}" = 1001 ]
    [[ $stderr != *$'\e'* && $stderr = *huge.json* && $stderr = *deep.yaml* ]]
}

@test "show: all that one device brings, as a specification of its own" {
    nvbind --host-root "$BATS_FILE_TMPDIR/host" cdi generate --hookless >root/etc/cdi/nvidia.yaml
    in_root cdi show nvidia.com/gpu=1 >one.yaml
    nvbind cdi validate one.yaml
    [ "$(head -n 1 one.yaml)" = "# /etc/cdi/nvidia.yaml" ]
    in_root cdi show --json nvidia.com/gpu=1 >one.json
    jq -e '.devices | length == 1 and .[0].name == "1"' one.json
    jq -e '[.devices[0].containerEdits.mounts[].containerPath] |
        index("/dev/nvidia1") != null and index("/dev/nvidia0") == null and
        index("/dev/nvidiactl") != null' one.json
    jq -e 'has("containerEdits") | not' one.json
    # A file as it is understood.
    in_root cdi show --format json root/etc/cdi/nvidia.yaml >file.json
    run -0 nvbind cdi diff root/etc/cdi/nvidia.yaml file.json
    refuses 1 "no specification gives the device 'nvidia.com/gpu=11'" "did you mean" \
        --host-root "$root" cdi show nvidia.com/gpu=11
    refuses 2 "no file 'missing.json'" "nvbind cdi list" cdi show missing.json
    refuses 2 "takes one device or file" "cdi show" cdi show
    refuses 2 "--format is 'xml'" json cdi show --format xml file.json
}

@test "diff: in words, 1 when they differ" {
    cat >old.yaml <<'SPEC'
cdiVersion: 0.5.0
kind: v.com/gpu
devices:
- name: "0"
  containerEdits:
    deviceNodes: [{path: /dev/a}, {path: /dev/b, permissions: rw}]
- name: "1"
  containerEdits: {env: [A=b]}
containerEdits:
  env: [X=1, Y=2]
  mounts:
  - {hostPath: /usr/lib/libcuda.so.550.1.2, containerPath: /usr/lib/libcuda.so.550.1.2, options: [ro]}
  - {hostPath: /a, containerPath: /m, options: [ro, bind]}
  hooks: [{hookName: createContainer, path: /h, args: [h, libcuda.so.550.1.2, x]}]
SPEC
    cat >new.yaml <<'SPEC'
cdiVersion: 0.6.0
kind: v.com/gpu
devices:
- name: "2"
  containerEdits: {env: [A=b]}
- name: "0"
  containerEdits:
    deviceNodes: [{path: /dev/b, permissions: rwm, major: 5}, {path: /dev/c}]
containerEdits:
  env: [Y=2, X=3, Z=4]
  mounts:
  - {hostPath: /b, containerPath: /m, options: [rw, bind]}
  - {hostPath: /usr/lib/libcuda.so.560.9, containerPath: /usr/lib/libcuda.so.560.9, options: [ro]}
  hooks: [{hookName: createContainer, path: /h, args: [h, libcuda.so.560.9, z]}]
SPEC
    run -1 nvbind cdi diff old.yaml new.yaml
    [ "$output" = "the file: it declared CDI 0.5.0, declares 0.6.0
all devices: the driver was 550.1.2, is 560.9
device 1: it is gone
device 2: it is new
device 0: node /dev/a is gone
device 0: node /dev/b: the permissions were rw, are rwm
device 0: node /dev/b: the major number is given, 5
device 0: node /dev/c is new
all devices: variable X was '1', is '3'
all devices: variable Z=4 is new
all devices: mount /m: comes from /b, not from /a
all devices: mount /m: option 'ro' is gone
all devices: mount /m: option 'rw' is new
all devices: hook /h: argument 'x' is gone
all devices: hook /h: argument 'z' is new" ]
    run -1 nvbind cdi diff --json old.yaml new.yaml
    [ "$(jq length <<<"$output")" = 15 ]
    run -0 nvbind cdi diff old.yaml - <old.yaml
    [ -z "$output" ]
    refuses 2 "no file 'missing'" "cdi list" cdi diff old.yaml missing
    refuses 2 "takes two files" "cdi diff" cdi diff old.yaml
    echo 'kind: [' >bad.yaml
    run -2 nvbind cdi diff old.yaml bad.yaml
    [[ $output = *"bad.yaml:2:1: "* ]]
}

@test "diff: files of many thousand lines are compared in less than a moment" {
    local from
    for from in 1 30001; do
        printf '{"cdiVersion": "0.5.0", "kind": "v.com/gpu", "devices": [{"name": "0",
            "containerEdits": {"env": ["A=b"]}}], "containerEdits": {"env": [%s]}}' \
            "$(seq "$from" "$((from + 59999))" | sed 's/.*/"V&=1"/' | paste -sd,)" >"from$from"
    done
    run -1 timeout 10 "$NVBIND_BIN/nvbind" cdi diff from1 from30001
    [ "${#lines[@]}" -eq 60000 ]
    [ "${lines[0]}" = "all devices: variable V1 is gone" ]
    [ "${lines[59999]}" = "all devices: variable V90000=1 is new" ]
}

@test "validate: what each engine says" {
    spec etc/cdi/a.json v.com/gpu 0
    run -0 nvbind cdi validate --for podman@4.3,docker@28.2 root/etc/cdi/a.json
    [ "${lines[1]}" = "root/etc/cdi/a.json: podman 4.3 takes it" ]
    [ "${lines[2]}" = "root/etc/cdi/a.json: docker 28.2 takes it" ]
    jq '.cdiVersion = "0.7.0"' root/etc/cdi/a.json >late.json
    run -1 nvbind cdi validate --for podman@5.0,crio@1.30,docker@20.10 late.json
    [ "$output" = "late.json: valid
late.json: crio 1.30 takes it
late.json: podman 5.0 takes CDI up to 0.6.0, and 0.7.0 is declared: it drops the file
late.json: docker 20.10 knows no CDI" ]
    echo '{"kind": 1}' >bad.json
    run -1 nvbind cdi validate --json --for podman@5.0 bad.json late.json
    jq -e '.[0] | .valid == false and .faults[0].line == 1 and (.refusals[0] | test("without a word"))' <<<"$output"
    jq -e '.[1] | .valid and .takenBy == []' <<<"$output"
}

@test "generate --for: cut to who reads it, or an error that names field and engine" {
    cd "$BATS_TEST_TMPDIR" || return
    simulated() { nvbind --host-root "$BATS_FILE_TMPDIR/host" cdi generate --format json "$@"; }
    [ "$(simulated --for podman@4.9,docker@27 | jq -r .cdiVersion)" = 0.5.0 ]
    [ "$(simulated --for podman@4.2 --device-name-strategy type-index | jq -r .cdiVersion)" = 0.3.0 ]
    refuses 1 "podman 4.2 takes CDI up to 0.4.0, and devices[0].name needs 0.5.0: a device's name begins with a digit" \
        type-index --host-root "$BATS_FILE_TMPDIR/host" cdi generate --for podman@5,podman@4.2
    refuses 1 "containerd 1.7 takes CDI up to 0.5.0, and kind needs 0.6.0: the class has a dot" \
        "--class without" --host-root "$BATS_FILE_TMPDIR/host" cdi generate --class gpu.x --for containerd@1.7
    [ "$(simulated --class gpu.x --for containerd@1.7.13 | jq -r .cdiVersion)" = 0.6.0 ]
    refuses 1 "docker 20 knows no CDI" "nvbind run" --host-root "$BATS_FILE_TMPDIR/host" cdi generate --for docker@20
    refuses 2 "podman 4.3 takes CDI up to 0.5.0, not 0.8.0" "auto" --host-root "$BATS_FILE_TMPDIR/host" \
        cdi generate --for podman@4.3 --cdi-version 0.8
}

# Faults of the incumbent's that are not ours.
@test "'-' is standard output and no file; a hook that there is not is an error; nothing else is started" {
    host=$BATS_FILE_TMPDIR/host
    nvbind --host-root "$host" cdi generate --output=- >out.yaml
    nvbind --host-root "$host" cdi generate --output - >out2.yaml
    cmp out.yaml out2.yaml
    [ ! -e - ]
    [ -s out.yaml ]
    refuses 2 "no part called 'creat-symlinks'" links --host-root "$host" cdi generate --disable-hook creat-symlinks
    # A healthy host has nothing to warn of.
    run -0 --separate-stderr nvbind --host-root "$host" cdi generate
    [ -z "$stderr" ]
    # NVML is a library of the driver's: opened for its name, never loaded, and no process does so.
    command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null || skip "no strace here"
    spec etc/cdi/a.json v.com/gpu 0
    for words in "generate" "list" "show v.com/gpu=0" "validate $root/etc/cdi/a.json" "refresh --for podman@5.4"; do
        # shellcheck disable=SC2086 # several words
        ASAN_OPTIONS=detect_leaks=0 strace -f -e trace=process,openat -o calls "$NVBIND_BIN/nvbind" --host-root "$host" cdi $words >/dev/null 2>&1 || true
        run ! grep -E 'clone|fork|libnvidia-ml.*RTLD|openat.*libnvidia-ml' calls
    done
}
