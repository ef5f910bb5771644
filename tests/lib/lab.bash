# Bats helpers for PyRLab's labs, beside tests/lib/engine.bash, in the store that the images were
# built in.
#
#   lab_setup_file        a copy of pyrlab/ in $LAB that the unprivileged user may write, with
#                         $NOTES and $WORK as its folders; nvidia-smi's files from driver-550
#   in_lab COMMAND...     as that user, in that folder, nvbind on PATH
#   lab_setup_docker      the same with a Docker of the tests' own, in a root tree that has one
#   lab_make WORD...      make with the engine, its status in $status; its words to stderr
#   api PATH [CURL...]    what the lab answers, status code on the last line

lab_setup_file() {
    engine_setup_file
    need_part driver-550
    need_part pyrlab
    local store=$NVBIND_T_CACHE/store/pyrlab/store
    [ "$NVBIND_T_MODE" = root ] || skip "started by an ordinary user: the images' store is root's to lay"
    # Another Podman gets the images, without the layers of the build.
    if [ -n "$NVBIND_T_TREE" ]; then
        store=$NVBIND_T_CACHE/store/pyrlab-$NVBIND_T_TREE
        install -d -o "$NVBIND_T_UID" -g "$NVBIND_T_UID" "$store"
    fi
    [ -d "$store" ] || skip "the store of the images is gone: tests/lib/cache clean pyrlab"
    sed -i "s|^rootless_storage_path.*|rootless_storage_path = \"$store\"|" "$NVBIND_T_DIR/conf/user/storage.conf"
    lay_test_lab podman --isolation=chroot
    use_runtime runc
    lay_networks
    # Left by a run that was cut short.
    podman_rootless rm -af -t 0 >/dev/null
    [ -z "$NVBIND_T_TREE" ] || podman_rootless load -q <"$(part_path pyrlab)" >/dev/null
}

# Rootless Podman lays a folder of its own over /run while it makes a network, and everything of these
# tests is below /run: what describes networks must be elsewhere.
lay_networks() {
    install -d -o "$NVBIND_T_UID" /etc/nvbind-networks
    sed -i 's|^network_backend.*|&\nnetwork_config_dir = "/etc/nvbind-networks"|' \
        "$NVBIND_T_DIR"/conf/user/runc.conf
}

# lay_test_lab ENGINE BUILD-ARGS: a copy for the tests' user, with a configuration for them.
lay_test_lab() {
    TREE=$(part_path driver-550)
    LAB=$NVBIND_T_DIR/tmp/lab/pyrlab NOTES=$NVBIND_T_DIR/tmp/lab/notes WORK=$NVBIND_T_DIR/tmp/lab/work
    export TREE LAB NOTES WORK BATS_TEST_RETRIES=0 LAB_ENGINE=$1
    mkdir -p "${LAB%/*}"
    lay_lab "$LAB"
    mkdir -p "$NOTES" "$WORK"
    chown -R "$NVBIND_T_UID:$NVBIND_T_UID" "${LAB%/*}"
    sed -i "s|^CONTAINER_RUNTIME ?=.*|CONTAINER_RUNTIME := $1|; s|^PACKAGES ?=.*|PACKAGES := debian|
        s|^NOTEBOOKS ?=.*|NOTEBOOKS := $NOTES|; s|^DOCKER ?=.*|DOCKER := $WORK|
        s|^BUILD_ARGS ?=.*|BUILD_ARGS := $2|" "$LAB/Configuration.mk"
}

lab_setup_docker() {
    engine_setup_file
    need_part driver-550
    DOCKER_ROOT=$NVBIND_T_CACHE/store/pyrlab-docker
    export DOCKER_ROOT DOCKER_BRIDGE=1
    VERSION=$(dockerd --version)
    VERSION=${VERSION#*version } VERSION=${VERSION%%.*}
    export VERSION
    # Built by the one of Docker 26; the others get the images that Podman built.
    if [ "$VERSION" = 26 ]; then
        need_part pyrlab-docker
        [ -d "$DOCKER_ROOT" ] || skip "the store of the images is gone: tests/lib/cache clean pyrlab-docker"
    else
        DOCKER_ROOT+=-$VERSION
        need_part pyrlab
    fi
    lay_test_lab docker --network=host
    docker_start '"features": {"cdi": true}'
    # Others may ask this daemon, as a group of the machine's would.
    chmod 0666 /run/docker-test.sock
    docker ps -aq | xargs -r docker rm -f >/dev/null
    if [ "$VERSION" != 26 ]; then
        docker load <"$(part_path pyrlab)" >/dev/null
        docker tag localhost/pylab-mini:3.12-bullseye pylab-mini:3.12-bullseye
        docker tag localhost/pylab-base:3.12-bullseye pylab-base:3.12-bullseye
    fi
}

# lay_lab FOLDER: PyRLab's files as the cache's images were made from, whatever the checkout's times
# and modes are: else no layer is found again.
lay_lab() {
    cp -a "$NVBIND_T_SRC/pyrlab" "$1"
    chmod -R u=rwX,go=rX "$1"
    chown -R "$NVBIND_T_UID:$NVBIND_T_UID" "$1"
    find "$1" -exec touch -h -d @0 {} +
}

in_lab() {
    as_user env -C "$LAB" ${DOCKER_HOST:+"DOCKER_HOST=$DOCKER_HOST"} NVBIND_HOST_ROOT="${HOST_ROOT-$TREE}" PATH="${LAB_PATH-$NVBIND_BIN:$PATH}" "$@"
}

# shellcheck disable=SC2154,SC2034 # variables of bats, and for the tests
lab_make() {
    run --separate-stderr in_lab make -s "$@"
    printf '%s\n' "$output" "-- $stderr"
    [[ $output != *"token="* ]] || ADDRESS=$(grep -m1 'token=' <<<"$output")
    TOKEN=${ADDRESS##*token=}
}

api() {
    local path=$1
    shift
    curl -s -m 20 -w '\n%{http_code}' "$@" "http://127.0.0.1:8888/api$path"
}
