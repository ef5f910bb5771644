# nvbind cdi refresh: the specification at its place, never torn, never beside another's.

bats_require_minimum_version 1.5.0

load ../lib/run

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    cp -a "$RUN_HOST" host
    root=$PWD/host
    folder=$root/var/run/cdi
    own=$folder/nvidia.com-gpu.yaml
    rm -rf "$folder" "$root/run/cdi"
}

refresh() {
    nvbind --host-root "$root" cdi refresh "$@"
}

# Of another program, for the same devices.
other() {
    mkdir -p "$(dirname "$1")"
    nvbind --host-root "$root" cdi generate --hookless --capabilities utility --output "$1"
}

in_force() {
    nvbind --host-root "$root" cdi list --json | jq -r '.devices[] |
        select(.name == "nvidia.com/gpu=0") | "\(.file) \(.state)"'
}

@test "written where engines read it, and left alone while nothing changes" {
    run -1 refresh --check
    [ "$output" = "$folder: there is none" ]
    [ ! -e "$folder" ]
    run -0 refresh
    [ "$output" = "$own: written" ]
    [ "$(stat -c %a "$own")" = 644 ]
    [ -s "$root/run/cdi/nvbind-hook.args" ]
    nvbind cdi validate "$own"
    [ "$(in_force)" = "/var/run/cdi/nvidia.com-gpu.yaml in force" ]
    before=$(stat -c %i "$own")
    run -0 refresh
    [ "$output" = "$own: up to date" ]
    # What it was made from may be told better now than right after the host was made.
    refresh
    [ "$(stat -c %i "$own")" = "$(refresh >/dev/null; stat -c %i "$own")" ]
    run -0 refresh --check
    # Another driver file.
    rm "$root"/usr/lib/*/libnvidia-ml.so.550.163.01
    run -1 refresh --check
    [ "$output" = "$own: out of date" ]
    run -0 nvbind -v --host-root "$root" cdi refresh
    [[ $output = *"libnvidia-ml.so.550.163.01 is gone"*"$own: made anew"* ||
        $output = *"$own: made anew"*"libnvidia-ml.so.550.163.01 is gone"* ]]
    [ "$(stat -c %i "$own")" != "$before" ]
}

@test "where the engines that are named read it" {
    refresh --for podman@5.5,docker@28.2
    [ -e "$root/etc/cdi/nvidia.com-gpu.yaml" ]
    mkdir -p "$root/etc/docker"
    echo '{"cdi-spec-dirs": ["/opt/cdi"]}' >"$root/etc/docker/daemon.json"
    run -1 refresh --for podman@5.4,docker@28.2
    [[ $output = *"no folder of CDI specifications in common"*"hint: "* ]]
    rm "$root/etc/cdi/nvidia.com-gpu.yaml"
    refresh --for docker@28.2
    [ -e "$root/opt/cdi/nvidia.com-gpu.yaml" ]
    run -1 refresh --for podman@4.2
    [[ $output = *"podman 4.2 takes CDI up to 0.4.0, and devices[0].name needs 0.5.0"* ]]
}

@test "an incomplete host is an error, and the old specification stays" {
    refresh
    cp "$own" before.yaml
    rm "$root/dev/nvidia-uvm"
    run -1 refresh
    [[ $output = *"/dev/nvidia-uvm is missing"* ]]
    cmp before.yaml "$own"
}

@test "another's file is left alone and named with its service" {
    other "$folder/nvidia.yaml"
    cp "$folder/nvidia.yaml" theirs
    run -1 refresh
    [[ $output = *"'/var/run/cdi/nvidia.yaml' already gives devices of this kind"*"hint: nvbind cdi refresh --take-over"* ]]
    [ ! -e "$own" ]
    mkdir -p "$root/usr/lib/systemd/system"
    touch "$root/usr/lib/systemd/system/nvidia-cdi-refresh.service"
    run -1 refresh
    [[ $output = *"'/var/run/cdi/nvidia.yaml' (of nvidia-cdi-refresh.service) already"* ]]
    cmp theirs "$folder/nvidia.yaml"
    # Of another vendor, of no use to anyone, or before ours: no matter.
    rm "$folder/nvidia.yaml"
    echo '{"kind": "nvidia.com/gpu"' >"$folder/broken.json"
    jq -n '{cdiVersion: "0.5.0", kind: "amd.com/gpu", devices: [{name: "0", containerEdits: {env: ["A=b"]}}]}' \
        >"$folder/amd.json"
    other "$root/etc/cdi/nvidia.yaml"
    refresh
    [[ $(in_force) = *"/var/run/cdi/nvidia.com-gpu.yaml in force"* ]]
    # After ours: it would hide it.
    refresh --give-back
    mv "$root/etc/cdi/nvidia.yaml" "$folder/"
    run -1 refresh --for podman@5.4,podman@5.5
    [[ $output = *"'/var/run/cdi/nvidia.yaml' (of nvidia-cdi-refresh.service) already gives devices of this kind, and goes before ours"*"hint: remove it"* ]]
    [ ! -e "$root/etc/cdi/nvidia.com-gpu.yaml" ]
    run -1 refresh --for podman@5.4,podman@5.5 --take-over
    [[ $output = *"goes before ours"*"hint: remove it"* ]]
}

@test "--take-over takes the very name, and --give-back puts all back" {
    other "$folder/nvidia.yaml"
    other "$folder/second.json"
    cp "$folder/nvidia.yaml" theirs.yaml
    cp "$folder/second.json" theirs.json
    run -0 refresh --take-over
    [[ $output = *"$folder/nvidia.yaml: "* ]]
    [ "$(in_force)" = "/var/run/cdi/nvidia.yaml in force" ]
    head -n 1 "$folder/nvidia.yaml" | grep -q nvbind
    cmp theirs.yaml "$folder/nvidia.yaml.kept-by-nvbind"
    # It stays there when it is made anew.
    rm "$root"/usr/lib/*/libnvidia-ml.so.550.163.01
    run -0 refresh
    [ "$output" = "$folder/nvidia.yaml: made anew" ]
    [ "$(in_force)" = "/var/run/cdi/nvidia.yaml in force" ]
    run -0 refresh --give-back
    cmp theirs.yaml "$folder/nvidia.yaml"
    cmp theirs.json "$folder/second.json"
    [ "$(ls -A "$folder")" = "nvidia.yaml
second.json" ]
    [ ! -e "$root/run/cdi/nvbind-hook.args" ]
    # Their service wrote it anew meanwhile: theirs stays.
    rm "$folder/second.json"
    refresh --take-over
    other "$folder/nvidia.yaml"
    run -0 refresh --give-back
    [[ $output = *"made anew by others, and stays"* ]]
    cmp <(nvbind --host-root "$root" cdi generate --hookless --capabilities utility) "$folder/nvidia.yaml"
    [ "$(ls -A "$folder")" = nvidia.yaml ]
    # Without a specification of anybody's there is nothing to give back.
    rm "$folder/nvidia.yaml"
    refresh
    refresh --give-back
    [ -z "$(ls -A "$folder")" ]
    run -0 refresh --give-back
    [ -z "$output" ]
}

@test "a reader finds the old one or the new one, whoever writes and whoever is killed" {
    local i pid
    refresh
    # Two that differ, by turns, killed at any moment; a reader looks all the while.
    for i in {1..40}; do
        set -- compute,utility
        [ $((i % 2)) = 0 ] || set -- all
        nvbind --host-root "$root" cdi refresh --capabilities "$1" >/dev/null 2>&1 3>&- &
        pid=$!
        nvbind --host-root "$root" cdi refresh --capabilities utility >/dev/null 2>&1 3>&- &
        sleep "0.00$((i % 10))"
        kill -KILL "$pid" 2>/dev/null || true
        nvbind cdi validate "$own" >out
        grep -q ': valid$' out
    done
    wait
    # What the killed ones left is gone after the next.
    refresh
    [ "$(ls -A "$folder")" = nvidia.com-gpu.yaml ]
    # The same while another's is taken over.
    for i in {1..30}; do
        refresh --give-back >/dev/null
        [ -e "$folder/nvidia.yaml" ] || other "$folder/nvidia.yaml"
        nvbind --host-root "$root" cdi refresh --take-over >/dev/null 2>&1 3>&- &
        pid=$!
        sleep "0.00$((i % 10))"
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" || true
        nvbind cdi validate "$folder/nvidia.yaml" >out
        grep -q ': valid$' out
        [[ $(in_force) = *"in force" ]]
    done
    refresh --give-back >/dev/null
    [ "$(ls -A "$folder")" = nvidia.yaml ]
    [[ $(head -n 1 "$folder/nvidia.yaml") != *nvbind* ]]
}

@test "a full disk leaves the old one" {
    [ "$(id -u)" = 0 ] || skip "only root can mount a small disk"
    unshare -m true 2>/dev/null || skip "no private mounts here"
    refresh --capabilities utility
    cp "$own" before.yaml
    cat >full.sh <<'SH'
set -e
mount -n -t tmpfs -o size=64k,mode=0755 tmpfs "$folder"
cp before.yaml "$own"
head -c 65536 /dev/zero >"$folder/filler" 2>/dev/null || true
rc=0
"$NVBIND_BIN/nvbind" --host-root "$root" cdi refresh 2>err || rc=$?
cat err
[ "$rc" = 1 ]
grep -q 'No space left' err
cmp before.yaml "$own"
[ "$(ls -A "$folder" | wc -l)" = 2 ]
SH
    export folder own root NVBIND_BIN
    unshare -m --propagation private bash full.sh
}

@test "an ordinary user: the own folder, where Podman takes one" {
    be_ordinary
    fake_engine podman 5.6.0
    ordinary+=(env XDG_RUNTIME_DIR="$PWD/runtime")
    mkdir -m 0700 runtime
    [ "$(id -u)" != 0 ] || chown 65534 runtime
    unset NVBIND_HOST_ROOT
    # The machine itself may have no GPU: then that is the error, and not the folder.
    run "${ordinary[@]}" "$NVBIND_BIN/nvbind" cdi refresh
    [ "$status" = 0 ] || [[ $output != *"takes no folder"* ]]
    fake_engine podman 4.3.1
    run -1 "${ordinary[@]}" "$NVBIND_BIN/nvbind" cdi refresh
    [[ $output = *"podman 4.3.1 takes no folder of a user's own"*"sudo nvbind cdi refresh"* ]]
    fake_engine podman 5.6.0
    chmod 0755 runtime
    run -1 "${ordinary[@]}" "$NVBIND_BIN/nvbind" cdi refresh
    [[ $output = *"XDG_RUNTIME_DIR"* ]]
}

@test "root writes nothing where others can" {
    [ "$(id -u)" = 0 ] || skip "about root"
    mkdir -p "$folder"
    chmod 0777 "$folder"
    run -1 refresh
    [[ $output = *"$folder"* ]]
    [ -z "$(ls -A "$folder")" ]
}

@test "wrong calls" {
    run -2 refresh --take-over --give-back
    [[ $output = *"one of them at a time"* ]]
    run -2 refresh /etc/cdi/x.yaml
    [[ $output = *"'/etc/cdi/x.yaml' is no option"*"generate --output"* ]]
    run -0 nvbind cdi refresh --help
    [[ $output = *--take-over* ]]
}

@test "root writes the hook's file, and takes it away, in a folder of root's alone" {
    [ "$(id -u)" = 0 ] || skip "not root"
    mkdir -p "$root/var/run" "$root/run/cdi"
    chown 65534 "$root/run/cdi"
    run -1 refresh
    [[ $output = *"'$root/run/cdi' belongs to user 65534"* ]]
    [ -z "$(ls "$root/run/cdi")" ]
    : >"$root/run/cdi/nvbind-hook.args"
    run -1 refresh --give-back
    [ -e "$root/run/cdi/nvbind-hook.args" ]
}
