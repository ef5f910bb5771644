# engines: host podman54 docker26
# more engines: docker28
#
# nvbind compose with real tools: podman-compose 1.0 and 1.3, Docker Compose on Docker and on
# Podman's socket. One project asks for GPUs in every form; each container writes down what it sees.

load ../lib/engine
load ../lib/docker
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    TREE=$(part_path driver-550)
    SOCKET=$NVBIND_T_DIR/tmp/podman.sock
    export TREE SOCKET BATS_TEST_RETRIES=0
    if command -v dockerd >/dev/null; then
        need_rootful
        docker_start '"features": {"cdi": true}'
        docker_image debian-trixie box
        export TOOL=docker IMAGE=box
    else
        use_runtime crun
        IMAGE=$(import_image rootless debian-trixie)
        export TOOL=podman IMAGE
        # Podman 4 covers /run for its networks, where the tests' store is.
        NETWORKS=$(mktemp -d /tmp/nvbind-networks.XXXXXX)
        export NETWORKS
        [ "$NVBIND_T_MODE" != root ] || chown "$NVBIND_T_UID:$NVBIND_T_UID" "$NETWORKS"
        sed "/^\[network\]/a network_config_dir = \"$NETWORKS\"" \
            "$NVBIND_T_DIR/conf/user/crun.conf" >"$NVBIND_T_DIR/tmp/containers.conf"
    fi
}

teardown_file() {
    rm -rf "${NETWORKS:-/tmp/nvbind-networks.none}"
    [ ! -e "$NVBIND_T_DIR/tmp/service" ] || kill "$(cat "$NVBIND_T_DIR/tmp/service")"
    [ "${TOOL:-}" != docker ] || docker_stop
}

# look NAME: the command of a service.
look() {
    printf '[sh, -c, "(ls /dev | grep ^nvidia.$; nvidia-smi; echo status $?) >/out/%s 2>&1"]' "$1" |
        sed 's/\$/$$/g'
}

# A project with a request of every form; the further ones only where every engine is tried.
write_project() {
    PROJECT=$(shared_folder)
    cd "$PROJECT" || return
    mkdir -m 0777 sub out
    printf 'GPUS=1\nEMPTY=\n' >.env
    printf 'NVIDIA_VISIBLE_DEVICES=1\n' >visible.env
    cat >sub/base.yaml <<YAML
services:
  base:
    image: $IMAGE
    network_mode: none
    deploy:
      resources:
        reservations:
          devices: [{driver: nvidia, device_ids: ["0"], capabilities: [gpu]}]
YAML
    cat >compose.yaml <<YAML
name: nvbind-compose
x-common: &common
  image: $IMAGE
  network_mode: none
  volumes: ["./out:/out"]
x-gpu: &gpu
  deploy:
    resources:
      limits: {memory: 512M}
      reservations:
        devices:
          - driver: nvidia
            count: \${GPUS:-9}
            capabilities: [gpu]
services:
  anchor:
    <<: [*common, *gpu]
    command: $(look anchor)
  gpus:
    <<: *common
    command: $(look gpus)
    gpus: all
  file:
    <<: *common
    command: $(look file)
    runtime: nvidia
    env_file: visible.env
  names:
    <<: *common
    command: $(look names)
    devices: ["nvidia.com/gpu=1", "/dev/zero:/dev/nought"]
  extended:
    extends: {file: sub/base.yaml, service: base}
    volumes: ["./out:/out"]
    command: $(look extended)
  none:
    <<: *common
    command: $(look none)
    environment: {NVIDIA_VISIBLE_DEVICES: "\${EMPTY}"}
YAML
    [ "${NVBIND_TEST_ENGINES:-}" != all ] || cat >>compose.yaml <<YAML
  cdi:
    <<: *common
    command: $(look cdi)
    deploy: {resources: {reservations: {devices: [{driver: cdi, device_ids: [nvidia.com/gpu=1], capabilities: [gpu]}]}}}
  nodriver:
    <<: *common
    command: $(look nodriver)
    deploy: {resources: {reservations: {devices: [{count: all, capabilities: [gpu, utility]}]}}}
  gpuslist:
    <<: *common
    command: $(look gpuslist)
    gpus: [{driver: nvidia, device_ids: ["1"], capabilities: [gpu]}]
  runtime:
    <<: *common
    command: $(look runtime)
    runtime: nvidia
    environment: [NVIDIA_VISIBLE_DEVICES=1]
  variable:
    <<: *common
    command: $(look variable)
    environment: {NVIDIA_VISIBLE_DEVICES: "0"}
YAML
    [ "$TOOL" != docker ] || cat >>compose.yaml <<YAML
include: [sub/included.yaml]
YAML
    cat >sub/included.yaml <<YAML
services:
  included:
    image: $IMAGE
    network_mode: none
    runtime: nvidia
    environment: ["NVIDIA_VISIBLE_DEVICES=1"]
    volumes: ["../out:/out"]
    command: $(look included)
YAML
    sha256sum compose.yaml sub/base.yaml .env visible.env >sums
}

# compose WORDS...: in the project, as the user of the engine.
compose() {
    if [ "$TOOL" = docker ]; then
        as_root env -C "$PROJECT" DOCKER_HOST="$DOCKER_HOST" NVBIND_HOST_ROOT="$TREE" "${VARS[@]}" \
            "$NVBIND_BIN/nvbind" compose --runtime docker "$@"
    else
        as_user env -C "$PROJECT" CONTAINERS_CONF="$NVBIND_T_DIR/tmp/containers.conf" \
            NVBIND_HOST_ROOT="$TREE" "${VARS[@]}" "$NVBIND_BIN/nvbind" compose --runtime podman "$@"
    fi
}

# sees SERVICE NODES...: its GPUs' nodes, and a real nvidia-smi that found every library.
sees() {
    local name=$1 nodes
    shift
    nodes=$(grep '^nvidia' "$PROJECT/out/$name" | tr '\n' ' ')
    echo "$name: $nodes, $(tail -n 1 "$PROJECT/out/$name")"
    [ "$nodes" = "$(printf '%s ' "$@")" ]
    grep -qx "status $(smi_status "$TREE")" "$PROJECT/out/$name"
}

check_all() {
    sees anchor nvidia0
    sees gpus nvidia0 nvidia1
    sees file nvidia1
    sees names nvidia1
    sees extended nvidia0
    [ "$TOOL" != docker ] || sees included nvidia1
    [ "$(cat "$PROJECT/out/none")" = "$(printf 'sh: 1: nvidia-smi: not found\nstatus 127')" ]
    (cd "$PROJECT" && sha256sum --quiet -c sums)
    [ "${NVBIND_TEST_ENGINES:-}" = all ] || return 0
    sees cdi nvidia1
    sees nodriver nvidia0 nvidia1
    sees gpuslist nvidia1
    sees runtime nvidia1
    sees variable nvidia0
}

up_and_down() {
    rm -f "$PROJECT"/out/*
    run compose up
    echo "$output" | grep -v '^\['
    [ "$status" -eq 0 ]
    check_all
    run compose down
    [ "$status" -eq 0 ]
}

# It gives every service a network besides the one that it asks for, and loses a command's status.
is_podman_compose_1_0() {
    [ "$TOOL" = podman ] &&
        grep -q '__version__ = .1\.0' /usr/lib/python3/dist-packages/podman_compose.py
}

@test "every form of request is honoured, the other service sees none, and the files stay" {
    [ "$TOOL" = docker ] || command -v podman-compose >/dev/null || skip "podman-compose is not installed"
    write_project
    if is_podman_compose_1_0; then
        sed -i '/network_mode/d' compose.yaml sub/base.yaml
        sha256sum compose.yaml sub/base.yaml .env visible.env >sums
    fi
    up_and_down
    # One service alone, with the command's own status.
    run compose run --no-deps --rm -T names sh -c 'ls /dev/nvidia?; exit 7'
    echo "$output" | grep -v '^\['
    [ "$status" -eq 7 ] || is_podman_compose_1_0
    [[ $output = *nvidia1* && $output != *nvidia0* ]]
    # What there is not is said before anything is run.
    VARS=(GPUS=9)
    run compose up anchor none
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output = *"compose.yaml:"*": the service 'anchor': 9 GPUs are wanted and 2 are there"* ]]
}

@test "where a specification is in force, by its names" {
    local names=(anchor names none)
    # A device below another root cannot be moved by a specification without root.
    [ "$TOOL" = docker ] || skip "the GPUs of these tests lie in a folder"
    write_project
    mkdir -p /etc/cdi
    as_root "$NVBIND_BIN/nvbind" --host-root "$TREE" cdi generate --output /etc/cdi/nvidia.yaml
    run --separate-stderr compose --print-override
    echo "$output"
    [[ $output = *"- driver: cdi"*"- nvidia.com/gpu=0"* && $output != *libcuda* ]]
    run compose up "${names[@]}"
    echo "$output" | grep -v '^\['
    [ "$status" -eq 0 ]
    run compose down
    rm /etc/cdi/nvidia.yaml
    sees anchor nvidia0
    sees names nvidia1
    run ! grep -q nvidia. "$PROJECT/out/none" || grep -q 'status 127' "$PROJECT/out/none"
}

# Docker Compose comes out of another tree.
start_service() {
    need_part tree-docker26
    mkdir -p "$NVBIND_T_DIR/tmp/bin"
    cp "$(part_path tree-docker26)/usr/libexec/docker/cli-plugins/docker-compose" "$NVBIND_T_DIR/tmp/bin"
    # shellcheck disable=SC2016 # for the shell inside
    as_user bash -c 'echo $$ >"$1"; exec podman system service -t 0 "$2"' - \
        "$NVBIND_T_DIR/tmp/service" "unix://$SOCKET" >/dev/null 2>&1 3>&- &
    for _ in $(seq 100); do
        [ ! -S "$SOCKET" ] || return 0
        sleep 0.1
    done
    return 1
}

@test "Docker Compose on Podman's socket" {
    [ "$TOOL" = podman ] || skip "no Podman here"
    [ "${NVBIND_TEST_ENGINES:-}" = all ] || [[ $(podman --version) != *" 4."* ]] || skip "with every engine only"
    start_service
    write_project
    VARS=("CONTAINER_HOST=unix://$SOCKET"
        "PODMAN_COMPOSE_PROVIDER=$NVBIND_T_DIR/tmp/bin/docker-compose")
    up_and_down
}
