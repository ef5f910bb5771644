# engines: docker20 docker26
# more engines: docker28
#
# How Docker gets its GPUs, with a daemon of this test's own: by CDI where the daemon has it, by
# devices and mounts where it has not, and what nvbind remembers of it.

load ../lib/engine
load ../lib/docker
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    need_rootful
    need_part busybox
    TREE=$(part_path driver-550)
    export TREE BATS_TEST_RETRIES=0
    docker_start '"features": {"cdi": true}'
    docker_image busybox box
    # Others may ask this daemon, as a group of the machine's would.
    chmod 0666 /run/docker-test.sock
    VERSION=$(docker version --format '{{.Server.Version}}')
    export VERSION=${VERSION%%.*}
}

teardown_file() {
    docker_stop
}

# nvbind_docker IDENTITY WORDS...
nvbind_docker() {
    local identity=$1
    shift
    as "$identity" env DOCKER_HOST="$DOCKER_HOST" ${PATH_HERE:+"PATH=$PATH_HERE"} \
        "$NVBIND_BIN/nvbind" --host-root "$TREE" "$@"
}

line() { nvbind_docker "$1" run --runtime docker --dry-run --rm --gpu 1 "${@:2}" box; }

is_direct() { [[ $1 = *libcuda.so* && $1 != *nvbind.local* && $1 != *nvidia.com/gpu=* ]]; }
is_private() { [[ $1 = *"--device nvbind.local/gpu=p"* && $1 != *--mount* && $1 != *--env* ]]; }

# Whether one GPU's nodes come into a container of WORDS.
gets_gpu() {
    local identity=$1
    shift
    run --separate-stderr nvbind_docker "$identity" run --runtime docker --rm --network=none --gpu 1 \
        "$@" box sh -c 'ls /dev | grep "^nvidia[0-9]"; find /usr -name "libcuda.so*" | wc -l'
    echo "$output $stderr"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = nvidia1 ]
    [ "${lines[1]}" -ge 1 ]
}

need_cdi() { [ "$VERSION" -ge 25 ] || skip "Docker $VERSION has no CDI"; }

@test "root: CDI where the daemon has it, else directly" {
    run --separate-stderr line rootful
    if [ "$VERSION" -ge 25 ]; then is_private "$output"; else is_direct "$output"; fi
    gets_gpu rootful
    gets_gpu rootful --runtime crun
    run --separate-stderr line rootful --no-cdi
    is_direct "$output"
    gets_gpu rootful --no-cdi
}

@test "root: the specification is the system's to read, written once and no other tool's" {
    local file stamp
    need_cdi
    gets_gpu rootful
    file=$(find /var/run/cdi/ -name 'nvbind-p*.json')
    [ "$(wc -l <<<"$file")" -eq 1 ]
    [ "$(stat -c %a "$file")" = 644 ]
    stamp=$(stat -c %i-%z "$file")
    gets_gpu rootful
    [ "$(stat -c %i-%z "$file")" = "$stamp" ]
    [ "$(jq -r .kind "$file")" = nvbind.local/gpu ]
    # Another GPU is another file, and one that was of no use for a month goes then.
    cp "$file" /var/run/cdi/nvbind-p0011223344556677.json
    touch -d '40 days ago' /var/run/cdi/nvbind-p0011223344556677.json
    nvbind_docker rootful run --runtime docker --rm --network=none --gpu 0 box true
    [ "$(find /var/run/cdi/ -name 'nvbind-p*.json' | wc -l)" -eq 2 ]
    [ ! -e /var/run/cdi/nvbind-p0011223344556677.json ]
    run nvbind_docker rootful cdi list
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "a folder that others may write is not used" {
    need_cdi
    chmod 0777 /var/run/cdi
    run nvbind_docker rootful run --runtime docker --rm --gpu 1 box true
    chmod 0755 /var/run/cdi
    echo "$output"
    [ "$status" -eq 125 ]
    [[ $output = *"/var/run/cdi"* || $output = *"/run/cdi"* ]]
}

@test "--cdi: what the daemon cannot have is refused before it is asked" {
    run --separate-stderr line rootful --cdi
    if [ "$VERSION" -ge 25 ]; then
        is_private "$output"
    else
        echo "$stderr"
        [ "$status" -eq 125 ]
        [[ $stderr = *"--cdi: "* && $stderr = *"hint: "* ]]
    fi
}

@test "an ordinary user of the daemon gets his GPUs as well" {
    run --separate-stderr line rootless
    is_direct "$output"
    gets_gpu rootless
}

@test "an ordinary user: the daemon's own specification, where it has what the container needs" {
    need_cdi
    mkdir -p /etc/cdi
    nvbind_docker rootful cdi generate --output /etc/cdi/nvidia.yaml 2>/dev/null
    run --separate-stderr line rootless
    [[ $output = *" --device nvidia.com/gpu=1 "* && $output != *--mount* ]]
    gets_gpu rootless
    # What the caller chose himself it does not know of.
    run --separate-stderr line rootless --capabilities utility
    [[ $output = *--mount* && $output != *nvidia.com/gpu=* ]]
    run --separate-stderr line rootless --isolate
    [[ $output = *--mount* && $output != *nvidia.com/gpu=* ]]
    # A driver of another version has left it behind.
    sed -i 's/libcuda\.so\.550[.0-9]*/libcuda.so.1.2.3/g' /etc/cdi/nvidia.yaml
    run --separate-stderr line rootless
    rm /etc/cdi/nvidia.yaml
    is_direct "$output"
}

@test "a user's own CDI name: the daemon's specification where it has one, else what the name means" {
    local name=nvidia.com/gpu=1
    run nvbind_docker rootful run --runtime docker --rm --network=none --device "$name" box ls /dev
    echo "$output"
    [[ $output = *nvidia1* && $output != *nvidia0* ]]
    need_cdi
    mkdir -p /etc/cdi
    cat >/etc/cdi/other.json <<'SPEC'
{"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu",
 "devices": [{"name": "1", "containerEdits": {"env": ["MADE_BY=another"]}}]}
SPEC
    run as rootful env DOCKER_HOST="$DOCKER_HOST" "$NVBIND_BIN/nvbind" run --runtime docker --rm \
        --network=none --device "$name" box env
    rm /etc/cdi/other.json
    echo "$output"
    [[ $output = *MADE_BY=another* ]]
}

@test "a container that stays starts again, and has nothing that a reboot takes away" {
    nvbind_docker rootful create --runtime docker --name stays --network=none --gpu 1 box \
        sh -c 'ls /dev; ls /usr/lib/x86_64-linux-gnu'
    run docker inspect --format '{{json .HostConfig.DeviceRequests}}' stays
    [[ $output != *nvbind.local* ]]
    run docker start -a stays
    echo "$output"
    docker rm -f stays >/dev/null
    [[ $output = *nvidia1* && $output = *libcuda.so.1* ]]
}

@test "the daemon is asked once, and again when it is another" {
    local home=$NVBIND_T_DIR/home/root bin=$NVBIND_T_DIR/asked calls=$NVBIND_T_DIR/tmp/calls
    mkdir -p "$bin"
    printf '#!/bin/sh\ncase " $* " in *" info "*) echo x >>%s ;; esac\nexec /usr/bin/docker "$@"\n' \
        "$calls" >"$bin/docker"
    chmod 0755 "$bin/docker"
    PATH_HERE=$bin:$PATH
    : >"$calls"
    line rootful >/dev/null 2>&1
    line rootful >/dev/null 2>&1
    line rootful --gpu 0 >/dev/null 2>&1
    [ "$(wc -l <"$calls")" -eq 1 ]
    run find "$home/.cache/nvbind" -name '*-facts-*' ! -perm 0600
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    # With its feature off, or away, a daemon of 26 is one without CDI; 28 has it unasked.
    docker_stop
    docker_start "$([ "$VERSION" -ge 25 ] && echo '"features": {"cdi": false}')"
    run --separate-stderr line rootful
    is_direct "$output"
    [ "$(wc -l <"$calls")" -eq 2 ]
    unset PATH_HERE
    gets_gpu rootful
    docker_stop
    docker_start '"features": {"cdi": true}'
    run --separate-stderr line rootful
    if [ "$VERSION" -ge 25 ]; then is_private "$output"; else is_direct "$output"; fi
}

@test "no daemon, or one that is closed to the caller: said before Docker would; a dry run needs none" {
    chmod 0600 /run/docker-test.sock
    rm -rf "$NVBIND_T_DIR/home/$NVBIND_T_USER/.cache/nvbind"
    run nvbind_docker rootless run --runtime docker --rm --gpu 1 box true
    chmod 0666 /run/docker-test.sock
    echo "$output"
    [ "$status" -eq 125 ]
    [[ $output = *"'/run/docker-test.sock', is closed to this user"*"hint: sudo usermod -aG docker"* ]]
    local DOCKER_HOST=unix:///run/nobody-listens.sock
    run nvbind_docker rootful run --runtime docker --rm --gpu 1 box true
    echo "$output"
    [ "$status" -eq 125 ]
    [[ $output = *"docker's service does not run: nothing listens at '/run/nobody-listens.sock'"* ]]
    [[ $output = *"hint: sudo systemctl start docker"* ]]
    run --separate-stderr line rootful
    is_direct "$output"
}
