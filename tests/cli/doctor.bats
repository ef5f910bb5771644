# nvbind doctor: its call, its scripts, units, messages; and the checks that need a real session.

bats_require_minimum_version 1.5.0

setup_file() {
    export PATH=$NVBIND_BIN:$PATH
    cd "$BATS_FILE_TMPDIR" || return
    nvbind simulate sim --gpus 8 >/dev/null
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export NVBIND_HOST_ROOT=$BATS_FILE_TMPDIR/sim HOME=$BATS_TEST_TMPDIR LC_ALL=C
    unset XDG_RUNTIME_DIR XDG_CONFIG_HOME XDG_STATE_HOME DISPLAY WAYLAND_DISPLAY XAUTHORITY
    mkdir -p bin
    ln -sf "$NVBIND_BIN/nvbind" bin/nvbind
    jq=$(command -v jq)
}

# alone ARGUMENTS: doctor on a machine without engines.
alone() {
    PATH=$PWD/bin nvbind doctor "$@"
}

verdict() {
    alone --json "$1" >json || true
    "$jq" -r --arg n "$1" '.checks[] | select(.name == $n) | .verdict' json
}

@test "a simulated host: verdicts in groups and a summary that counts them" {
    run -1 alone
    [ "${lines[0]}" = "This is a simulated host: its files are real, its GPUs are not." ]
    [[ $output = *$'\ndriver\n'* ]]
    [[ $output = *$'\n  ok   gpu '*"8 NVIDIA GPUs"* ]]
    [[ $output = *$'\n  FAIL engine '*"neither 'podman' nor 'docker' is in PATH"* ]]
    [[ $output = *"see: docs/troubleshooting.md#engine"* ]]
    [[ ${lines[-1]} =~ ^[0-9]+" checks: "[0-9]+" ok, "[0-9]+" warning"s?", 1 failed, "[0-9]+" skipped"$ ]]
}

@test "marks are characters where the locale has them" {
    LC_ALL=C.UTF-8 run -0 alone gpu
    [[ $output = *"✓ gpu"* ]]
    LC_ALL=C run -0 alone gpu
    [[ $output = *"ok   gpu"* ]]
}

@test "checks and groups by name, and the nearest for a wrong one" {
    run -0 alone node-uvm driver
    [[ $output = *node-uvm* && $output = *driver-module* && $output != *node-dri* ]]
    run -2 --separate-stderr alone node-uwm
    [ "${stderr_lines[1]}" = "  hint: did you mean 'node-uvm'?" ]
    [ -z "$output" ]
}

@test "--json has every check with its fix and its link" {
    alone --json >json || true
    "$jq" -e '.simulated and (.checks | length) > 60 and
        .summary.fail == ([.checks[] | select(.verdict == "fail")] | length) and
        ([.checks[] | .link] | all(startswith("docs/troubleshooting.md#"))) and
        ([.checks[].fix[] | .argv] | all(type == "array"))' json
}

@test "--list, and a section of the documentation for each" {
    run -0 nvbind doctor --list
    [ "${#lines[@]}" -ge 70 ]
    tail -n +2 <<<"$output" | awk '{ print $2 }' | sort >listed
    grep '^### ' "$NVB_SOURCE/docs/troubleshooting.md" | cut -c5- | sort | cmp - listed
}

@test "on a machine without a GPU it is said once" {
    mkdir -p empty
    run -1 alone
    count=$(NVBIND_HOST_ROOT=$PWD/empty alone gpu nodes driver 2>&1 | grep -c "no NVIDIA GPU")
    [ "$count" = 2 ] # the check, and one line for all that stands on it
}

@test "two calls of engines at most, and none twice" {
    for engine in podman docker; do
        printf '#!/bin/sh\necho "%s $*" >>%s/calls\nexit 1\n' $engine "$PWD" >bin/$engine
        chmod +x bin/$engine
    done
    # Whether the one that gives no answer is asked at all depends on this machine's store.
    run alone
    [ "$status" -le 1 ]
    [ "$(wc -l <calls)" -le 2 ]
    run alone engine docker
    [ "$status" -le 1 ]
    [ "$(wc -l <calls)" -le 4 ]
}

@test "--fix is a script that a POSIX shell reads" {
    rm -rf host
    cp -a "$NVBIND_HOST_ROOT" host
    rm host/dev/nvidia-uvm
    mkdir -p host/etc/udev/rules.d
    echo "KERNEL==\"nvidia\", RUN+=\"/bin/bash -c 'chmod 666 /dev/nvidia*'\"" \
        >host/etc/udev/rules.d/70-nvidia.rules
    NVBIND_HOST_ROOT=$PWD/host run -1 alone --fix node-uvm udev-rules privileged
    printf '%s\n' "$output" >script
    sh -n script
    grep -qE '^(sudo )?nvidia-modprobe -u -c0$' script
    grep -q '^# node-uvm: /dev/nvidia-uvm is missing' script
    run -0 alone --fix gpu
    [[ $output = *"# nothing to mend"* ]]
}

# A configuration of version 1 is the caller's own file: no root is needed to mend it.
registries() {
    mkdir -p .config/containers host/home
    cat >.config/containers/registries.conf <<'END'
[registries.search]
registries = ['docker.io', 'quay.io']

[registries.insecure]
registries = []

[registries.block]
registries = []
END
    printf '#!/bin/sh\necho "podman version 5.4.2"\n' >bin/podman
    chmod +x bin/podman
}

@test "--fix --apply mends what is the caller's own, and the script does the same" {
    registries
    unset NVBIND_HOST_ROOT
    ln -s "$(command -v install)" "$(command -v cp)" bin/
    run -0 alone registries-format
    [[ $output = *"warn registries-format"*"version 1"* ]]
    cp -r .config before
    PATH=$PWD/bin:$PATH alone --fix registries-format >script
    run -0 alone --fix --apply registries-format
    [[ $output = *"2 done, 0 left alone, 0 failed" ]]
    cmp .config/containers/registries.conf.v1 before/containers/registries.conf
    grep -qx 'unqualified-search-registries = \["docker.io", "quay.io"\]' \
        .config/containers/registries.conf
    run -0 alone registries-format
    [[ $output = *"ok   registries-format"* ]]
    mv .config applied
    mv before .config
    sh script
    diff -r .config applied
}

# A machine without engines: what installs one is written down.
without_engine() {
    unset NVBIND_HOST_ROOT
    printf '#!/bin/sh\nexec "$@"\n' >bin/sudo
    for manager in apt-get dnf zypper pacman apk; do
        printf '#!/bin/sh\necho "$*" >>%s/installed\nexit %s\n' "$PWD" "$1" >bin/$manager
    done
    chmod +x bin/*
}

@test "what needs root is asked about; without a terminal it is left alone" {
    without_engine 0
    run -1 alone --fix --apply engine </dev/null
    [[ $output = *"left alone"*"0 done, 1 left alone, 0 failed" ]] || {
        [[ $output != *"package manager"* ]] || skip "how this distribution installs is not known"
        false
    }
    [ ! -e installed ]
    run -0 alone --fix --apply --yes engine
    grep -q podman installed
    [[ ${lines[-1]} = "1 done, 0 left alone, 0 failed" ]]
}

@test "a step that fails is told, and ends its fix" {
    without_engine 3
    run -1 alone --fix --apply --yes engine
    [[ $output != *"package manager"* ]] || skip "how this distribution installs is not known"
    [[ $output = *"ended with exit status 3"*"0 done, 0 left alone, 1 failed" ]]
}

@test "what another root says changes nothing on this machine" {
    without_engine 0
    cp -a "$BATS_FILE_TMPDIR/sim" host
    rm host/dev/nvidia-uvm
    for root in "--host-root $PWD/host" "--driver-root $PWD/host" "--dev-root $PWD/host"; do
        # shellcheck disable=SC2086 # two words
        run -2 --separate-stderr env PATH="$PWD/bin" nvbind $root doctor --fix --apply --yes
        # shellcheck disable=SC2154 # run sets it
        [[ $stderr = *"--apply mends this machine"*"hint: nvbind doctor --fix "* ]]
    done
    [ ! -e installed ]
    # Shown it is.
    run nvbind --host-root "$PWD/host" doctor --fix node-uvm
    [[ $output = *"nvidia-modprobe -u -c0"* ]]
}

@test "calls that make no sense" {
    run -2 --separate-stderr nvbind doctor --apply
    [ "${stderr_lines[1]}" = "  hint: nvbind doctor --fix --apply" ]
    run -2 --separate-stderr nvbind doctor --fix --yes
    [ "${stderr_lines[1]}" = "  hint: nvbind doctor --fix --apply --yes" ]
    run -2 nvbind doctor --json --fix
}

@test "a specification of our own is fresh, and stale after a driver went" {
    cp -a "$NVBIND_HOST_ROOT" host
    export NVBIND_HOST_ROOT=$PWD/host
    nvbind cdi refresh
    [ "$(verdict cdi-stale)" = ok ]
    [ "$(verdict cdi-spec)" = ok ]
    rm host/usr/lib/x86_64-linux-gnu/libcuda.so.*
    [ "$(verdict cdi-stale)" = fail ]
    "$jq" -e '.checks[] | select(.name == "cdi-stale") | .fix[0].argv == ["nvbind", "cdi", "refresh"]' json
}

@test "--profile: the checks that a profile names" {
    mkdir -p .config/nvbind/profiles
    chmod -R go-w .config
    printf 'description = "mine"\nchecks = ["memlock", "display"]\n' \
        >.config/nvbind/profiles/mine.toml
    run alone --profile mine
    [[ $output = *memlock* && $output = *x11-socket* && $output != *node-uvm* ]]
    printf 'description = "mine"\nchecks = ["gpu",\n  "memlok"]\n' >.config/nvbind/profiles/mine.toml
    run -2 --separate-stderr alone --profile mine
    [[ $stderr = *"mine.toml:3:3: no check is called 'memlok'"* ]]
    rm .config/nvbind/profiles/mine.toml
    for profile in $(nvbind profile list --json 2>/dev/null | "$jq" -r '.[].name' 2>/dev/null); do
        run alone --profile "$profile"
        [ "$status" -le 1 ] || [[ $output = *"names no checks"* ]]
    done
}

# ---- the last run ----

@test "--last: a message on standard input leads to its check" {
    echo "Error: stat /dev/nvidia-uvm: no such file or directory" >messages
    run -0 alone --last <messages
    [ "${lines[0]}" = "node-uvm: the node of unified memory is made on first use, and was not yet" ]
    [[ $output = *"ok   node-uvm"* ]]
    [[ $output != *node-dri* ]]
    echo "something new" >messages
    run -1 alone --last <messages
    [ "${lines[0]}" = "No check knows these messages; all of them follow." ]
    run -1 --separate-stderr alone --last </dev/null
    [ "${stderr_lines[0]}" = \
        "nvbind: error: no run is recorded, and no message came on standard input" ]
}

@test "--last: what the last run mounts and publishes" {
    mkdir -p .local/state/nvbind
    chmod 700 .local/state/nvbind
    cat >.local/state/nvbind/last.json <<'END'
{"format": 1, "plan": {"options": [{"name": "volume", "value": "/not/there:/data"}]}}
END
    run -1 alone --last bind-source </dev/null
    [[ $output = *"FAIL bind-source"*"'/not/there', which is to be mounted, is not there"* ]]
    chmod 666 .local/state/nvbind/last.json
    run -1 --separate-stderr alone --last bind-source </dev/null
    [[ $stderr = *"last.json"* ]]
}

# ---- units ----


@test "a service with -d under Type=simple is explained and corrected" {
    cat >gpu.service <<'END'
[Unit]
Description=GPU Container Service
After=network.target

[Service]
Type=simple
User=gpu-user
# a comment stays
ExecStart=/usr/local/bin/nvbind run --runtime podman --gpu all \
  --name gpu-service \
  -d \
  ai-service:latest
ExecStop=/usr/bin/podman stop gpu-service
Restart=always
X-Unknown=stays

[Install]
WantedBy=multi-user.target
END
    run -1 --separate-stderr nvbind doctor --unit gpu.service
    [[ $stderr = *"gpu.service:11: '-d' under Type=simple ends the service"* ]]
    printf '%s\n' "$output" >corrected.service
    run ! grep -q -e '^ *-d' corrected.service
    grep -qx 'ExecStart=/usr/local/bin/nvbind run --rm --replace --runtime podman --gpu all \\' \
        corrected.service
    grep -qx '# a comment stays' corrected.service
    grep -qx 'X-Unknown=stays' corrected.service
    grep -qx 'Delegate=yes' corrected.service
    # what is right stays as it is, byte for byte
    run -0 nvbind doctor --unit corrected.service
    nvbind doctor --unit corrected.service 2>/dev/null | cmp - corrected.service
}

@test "a corrected service is one that systemd takes" {
    command -v systemd-analyze >/dev/null || skip "systemd-analyze is not installed"
    printf '%s\n' '[Unit]' 'After=network.target' '[Service]' 'Type=simple' 'User=root' \
        "ExecStart=$NVBIND_BIN/nvbind run --gpu all --name a -d image" 'Restart=always' \
        '[Install]' 'WantedBy=multi-user.target' >gpu-a.service
    mkdir right
    nvbind doctor --unit gpu-a.service 2>/dev/null >right/gpu-a.service || [ $? -eq 1 ]
    systemd-analyze verify "$PWD/right/gpu-a.service" 2>messages || true
    cat messages
    run ! grep -q gpu-a messages
}

@test "letters that stand together, and words of the container's own" {
    cat >a.service <<'END'
[Service]
ExecStart=podman run -itd --rm "--env=A=B C" image sh -d
END
    run -1 --separate-stderr nvbind doctor --unit a.service
    [ "${lines[1]}" = 'ExecStart=podman run --rm "--env=A=B C" image sh -d' ] ||
        [ "${lines[1]}" = 'ExecStart=podman run - --rm "--env=A=B C" image sh -d' ]
    [[ ${lines[1]} != *"run - "* ]]
}

@test "a user's unit, and one that runs no container" {
    cat >u.service <<'END'
[Unit]
After=network.target
[Service]
ExecStart=/usr/bin/podman run --rm image
KillMode=mixed
[Install]
WantedBy=default.target
END
    run -1 --separate-stderr nvbind doctor --unit u.service
    [[ $stderr = *"u.service:2: a user's service manager has no network.target"* ]]
    [[ $output != *network* ]]
    printf '[Service]\nExecStart=/bin/sleep 1\n' >s.service
    run -0 --separate-stderr nvbind doctor --unit s.service
    [ -z "$stderr" ]
}

@test "nvbind inside a Quadlet's Exec= becomes keys" {
    cat >gpu.container <<'END'
[Unit]
Description=GPU Service Container

[Container]
Image=ai-service:latest
Exec=nvbind run --runtime podman --gpu all -v /a:/b:ro -e "X=1 2" --shm-size 8g ai-service:latest serve --port 80
Volume=%h/data:/data:Z

[Service]
Restart=always
END
    run -1 --separate-stderr nvbind doctor --unit gpu.container
    [[ $stderr = *"gpu.container:6: Exec= is the command inside the container"* ]]
    [[ $output = *$'\nExec=serve --port 80\nAddDevice=nvidia.com/gpu=all\nVolume=/a:/b:ro\nEnvironment="X=1 2"\nPodmanArgs=--shm-size 8g\nVolume=%h/data:/data:Z\n'* ]]
}

@test "a line that is no unit's is named" {
    printf '[Service]\nExecStart=/bin/true\nnonsense\n' >bad.service
    run -2 --separate-stderr nvbind doctor --unit bad.service
    [[ $stderr = *"bad.service:3:1: this is neither a section nor KEY=VALUE"* ]]
    [ -z "$output" ]
    run -2 nvbind doctor --unit nowhere.service
}

@test "units of the caller that are wrong, and lingering" {
    unset NVBIND_HOST_ROOT
    mkdir -p .config/systemd/user
    printf '[Service]\nExecStart=/usr/bin/podman run -d --rm image\nKillMode=mixed\n' \
        >.config/systemd/user/a.service
    [ "$(verdict unit-files)" = fail ]
    grep -q 'a.service:2: ' json
    [ "$(verdict linger)" = warn ] || [ -e "/var/lib/systemd/linger/$(id -un)" ]
    sed -i 's/ -d//' .config/systemd/user/a.service
    [ "$(verdict unit-files)" = ok ]
    rm .config/systemd/user/a.service
    [ "$(verdict linger)" = skip ]
}

# ---- what only a real session has ----

@test "a runtime folder of one's own, an open one, one that is gone" {
    [ "$(id -u)" -ne 0 ] || skip "root has no rootless containers"
    unset NVBIND_HOST_ROOT
    mkdir -m 700 run
    export XDG_RUNTIME_DIR=$PWD/run
    [ "$(verdict runtime-dir)" = ok ]
    chmod 755 run
    [ "$(verdict runtime-dir)" = warn ]
    rmdir run
    [ "$(verdict runtime-dir)" = fail ]
}

@test "the image store on a small disk" {
    unshare -Urm true 2>/dev/null || unshare -m true 2>/dev/null || skip "no mount namespace"
    unset NVBIND_HOST_ROOT
    mkdir -p small
    [ "$(verdict disk-space)" = ok ] || [ "$(verdict disk-space)" = warn ] ||
        [ "$(verdict disk-space)" = fail ]
    cat >inside <<'END'
mount -t tmpfs -o size=16m tmpfs "$1/small" || exit 77
export CONTAINERS_STORAGE_CONF=$1/storage.conf XDG_DATA_HOME=$1/small
printf '[storage]\ngraphroot = "%s"\n' "$1/small/s" >"$1/storage.conf"
PATH=$1/bin nvbind doctor disk-space
END
    options=-m
    [ "$(id -u)" -eq 0 ] || options=-Urm
    run unshare $options sh inside "$PWD"
    [ "$status" -ne 77 ] || skip "no tmpfs can be mounted"
    [ "$status" -eq 1 ]
    [[ $output = *"FAIL disk-space"*"GiB are left"* ]]
}

# x_server: starts one with a cookie and sets DISPLAY.
x_server() {
    command -v Xvfb >/dev/null || skip "Xvfb is not installed"
    unset NVBIND_HOST_ROOT
    display=$((200 + RANDOM % 700))
    while [ -e /tmp/.X11-unix/X$display ]; do display=$((display + 1)); done
    python3 - "$display" auth <<'END'
import struct, sys
n = sys.argv[1].encode()
f = lambda b: struct.pack(">H", len(b)) + b
open(sys.argv[2], "wb").write(struct.pack(">H", 256) + f(b"host") + f(n) + f(b"MIT-MAGIC-COOKIE-1") + f(b"0123456789abcdef"))
END
    Xvfb :$display -auth "$PWD/auth" -nolisten tcp -noreset >xvfb.log 2>&1 3>&- &
    server=$!
    for _ in $(seq 50); do
        [ ! -S /tmp/.X11-unix/X$display ] || break
        sleep 0.1
    done
    export DISPLAY=:$display XAUTHORITY=$PWD/auth
}

teardown() {
    [ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
}

# Opens the server to every local user, as "xhost +local:" does: ChangeHosts of the core protocol.
xhost_local() {
    python3 - "$display" <<'END'
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect("/tmp/.X11-unix/X" + sys.argv[1])
name, cookie = b"MIT-MAGIC-COOKIE-1", b"0123456789abcdef"
s.sendall(struct.pack("<BxHHHHxx", 108, 11, 0, len(name), len(cookie)) + name + b"\0\0" + cookie)
head = s.recv(8)
assert head[0] == 1
left = struct.unpack("<H", head[6:8])[0] * 4
while left:
    left -= len(s.recv(left))
s.sendall(struct.pack("<BBHBxH", 109, 0, 2, 252, 0))
s.sendall(struct.pack("<BBH", 43, 0, 1))
s.recv(32)
END
}

@test "a real X server: its cookie, and xhost +local:" {
    x_server
    [ "$(verdict x11-cookie)" = ok ]
    [ "$(verdict xhost)" = ok ]
    xhost_local
    [ "$(verdict xhost)" = warn ]
    grep -q 'every local user' json
    XAUTHORITY=/dev/null
    [ "$(verdict x11-cookie)" = fail ]
}

@test "run and selftest name the check that knows more" {
    mkdir none empty
    unset NVBIND_HOST_ROOT
    run -125 --separate-stderr env PATH="$NVBIND_BIN:$PWD/none" nvbind run image
    [ "${stderr_lines[-1]}" = "  why:  nvbind doctor engine" ]
    run -125 --separate-stderr env PATH="$NVBIND_BIN:$PWD/none" nvbind selftest
    [ "${stderr_lines[-1]}" = "  why:  nvbind doctor engine" ]
    # The engine is this machine's, whatever root the GPUs are read from.
    run -125 --separate-stderr env PATH="$NVBIND_BIN:$PWD/none" nvbind --host-root empty selftest
    [ "${stderr_lines[-1]}" = "  why:  nvbind --host-root / doctor engine" ]
    run -125 --separate-stderr nvbind run --nosuch image
    [[ $stderr != *why:* ]]
}
