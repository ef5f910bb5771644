# Bats helpers for a Docker daemon of a test's own, beside tests/lib/engine.bash; in a root tree with
# Docker, as root.
#
#   docker_start [SETTINGS]   starts dockerd with these members of daemon.json ("\"features\": …")
#                             and sets DOCKER_HOST; docker_stop ends it
#   DOCKER_BRIDGE=1           before docker_start: containers have a network and ports are published,
#                             in this run's own network namespace
#   DOCKER_ROOT=FOLDER        the same: what the daemon keeps, where it is to stay
#   docker_image PART NAME    the image, from the cached tarball

docker_start() {
    local dir=$NVBIND_T_DIR/docker i bridge='"bridge": "none", '
    [ -z "${DOCKER_BRIDGE:-}" ] || bridge=
    export DOCKER_HOST=unix:///run/docker-test.sock
    mkdir -p "$dir" /run/docker-test
    # Nothing here may touch a packet filter: published ports go by Docker's own proxy.
    printf '{%s"iptables": false, "ip6tables": false,
        "runtimes": {"crun": {"path": "/usr/bin/crun"}}%s}\n' "$bridge" "${1:+, $1}" >"$dir/daemon.json"
    dockerd --config-file "$dir/daemon.json" --data-root "${DOCKER_ROOT:-$dir/data}" \
        --exec-root /run/docker-test/exec -p /run/docker-test/pid -H "$DOCKER_HOST" \
        >"$dir/log" 2>&1 3>&- &
    for ((i = 0; i < 300; i++)); do
        ! docker version >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    tail -20 "$dir/log" >&2
    return 1
}

docker_stop() {
    local pid i
    pid=$(cat /run/docker-test/pid 2>/dev/null) || return 0
    kill "$pid"
    for ((i = 0; i < 100; i++)); do
        [ -d "/proc/$pid" ] || return 0
        sleep 0.1
    done
}

docker_image() {
    docker image inspect "$2" >/dev/null 2>&1 ||
        docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
            - "$2" <"$(part_path "$1")" >/dev/null
}
