# engines: host podman5
# nvbind doctor with real engines: they are asked twice at most, and their own messages, made here by
# the faults themselves, lead to the checks that look at the causes.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    simulate_host --gpus 2
}

setup() {
    cd "$(shared_folder)" || return
}

# doctor ARGUMENTS...: of the rootless user.
doctor() {
    as rootless "$NVBIND_BIN/nvbind" --host-root "$HOST" doctor "$@"
}

# explains CHECK COMMAND...: the command of the rootless user fails, and CHECK knows what it said.
explains() {
    local check=$1
    shift
    as rootless "$@" >output 2>messages </dev/null && return 1
    cat messages
    doctor --last <messages >said || true
    cat said
    grep -q "^$check: " said
}

@test "Podman answers, and its OCI runtime and storage are known" {
    doctor --json engine storage >json || true
    jq -e '[.checks[] | select(.name == "engine-answers") | .verdict] == ["ok"]' json
    jq -e '[.checks[] | select(.name == "oci-runtime") | .verdict] == ["ok"]' json
    jq -e '.checks[] | select(.name == "storage-driver") | .evidence | contains("overlay")' json
}

@test "engines are called twice at most, with nothing kept of them" {
    mkdir -m 755 bin
    for engine in podman docker; do
        command -v $engine >/dev/null || continue
        printf '#!/bin/sh\necho "$*" >>%s/calls\nexec %s "$@"\n' "$PWD" "$(command -v $engine)" \
            >bin/$engine
        chmod +x bin/$engine
    done
    : >calls
    chmod 666 calls
    as rootless env PATH="$PWD/bin:$PATH" XDG_CACHE_HOME="$PWD/none" \
        "$NVBIND_BIN/nvbind" --host-root "$HOST" doctor >/dev/null || true
    cat calls
    [ "$(wc -l <calls)" -ge 1 ]
    [ "$(wc -l <calls)" -le 2 ]
}

@test "a user without an image store has none afterwards" {
    mkdir -m 777 home
    as rootless env -u CONTAINERS_STORAGE_CONF HOME="$PWD/home" \
        "$NVBIND_BIN/nvbind" doctor --json >json || true
    jq -e '.checks[] | select(.name == "engine") | .verdict == "ok"' json
    jq -e '.checks[] | select(.name == "engine-answers") | .verdict == "skip"' json
    [ ! -e home/.local ]
}

@test "a CDI device that no file has" {
    image=$(import_image rootless busybox)
    explains cdi-spec podman run --rm --device nvidia.com/gpu=nosuch "$image" true
}

@test "a node that is not there" {
    image=$(import_image rootless busybox)
    [ ! -e /dev/nvidia-uvm ] || skip "this machine has the node"
    explains node-uvm podman run --rm --device /dev/nvidia-uvm "$image" true
}

@test "a folder that is not there" {
    image=$(import_image rootless busybox)
    explains bind-source podman run --rm -v /not/there/at/all:/data "$image" true
}

@test "a short name without a registry" {
    printf 'unqualified-search-registries = []\n' >registries.conf
    chmod 644 registries.conf
    explains registries-search env CONTAINERS_REGISTRIES_CONF="$PWD/registries.conf" \
        podman run --rm no-such-image-of-ours true
}

@test "a registries.conf that mixes its versions" {
    printf 'unqualified-search-registries = ["docker.io"]\n[registries.search]\nregistries = ["quay.io"]\n' \
        >registries.conf
    chmod 644 registries.conf
    explains registries-format env CONTAINERS_REGISTRIES_CONF="$PWD/registries.conf" \
        podman pull no-such-image-of-ours
}

@test "an engine that is not there" {
    as rootless bash -c 'PATH=/nowhere; podman run image' >output 2>messages || true
    doctor --last <messages >said || true
    grep -q '^engine: ' said
}

@test "what run recorded is looked at" {
    image=$(import_image rootless busybox)
    as rootless "$NVBIND_BIN/nvbind" --host-root "$HOST" run --rm --network=none \
        -v /not/there/at/all:/data "$image" true >output 2>messages </dev/null && return 1
    doctor --last <messages >said || true
    cat said
    grep -q "bind-source.*'/not/there/at/all', which is to be mounted, is not there" said
}

@test "a corrected Quadlet file is one that Podman's generator takes" {
    generator=/usr/lib/systemd/system-generators/podman-system-generator
    [ -x "$generator" ] || generator=/usr/libexec/podman/quadlet
    [ -x "$generator" ] || skip "this Podman has no Quadlet"
    mkdir units
    cat >gpu-service.container <<'END'
[Unit]
Description=GPU Service Container
After=network.target

[Container]
Image=ai-service:latest
Exec=nvbind run --runtime podman --gpu all ai-service:latest
Volume=%h/data:/data:Z
PublishPort=8080:8080

[Service]
Restart=always

[Install]
WantedBy=default.target
END
    "$NVBIND_BIN/nvbind" doctor --unit gpu-service.container >units/gpu-service.container || true
    QUADLET_UNIT_DIRS=$PWD/units "$generator" --dryrun >service
    cat service
    grep -q -- '^ExecStart=.*podman.* run .*--device nvidia.com/gpu=all' service
    grep -q -- '^ExecStart=.*--publish 8080:8080' service
    run ! grep -q '^ExecStart=.*nvbind' service
}
