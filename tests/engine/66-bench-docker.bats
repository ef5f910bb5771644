# nvbind bench on Docker: form and honesty, and nothing left behind. No figure decides a test.

# engines: docker26

load ../lib/engine

bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    need_rootful
    # What root writes lies where nobody else can move it.
    export HOME=$NVBIND_T_DIR/home/root
    mkdir -p "$HOME"
    export DOCKER_HOST=unix:///run/docker-test.sock
    local dir=$NVBIND_T_DIR/docker i
    mkdir -p /run/docker-test "$dir"
    "$NVBIND_BIN/nvbind" simulate "$NVBIND_T_DIR/tmp/host" --gpus 2 >&2
    echo '{"bridge": "none", "iptables": false, "ip6tables": false}' >"$dir/daemon.json"
    dockerd --config-file "$dir/daemon.json" --data-root "$dir/data" --exec-root /run/docker-test/exec \
        -p /run/docker-test/pid -H "$DOCKER_HOST" >"$dir/log" 2>&1 3>&- &
    for ((i = 0; i < 300; i++)); do
        docker version >/dev/null 2>&1 && break
        sleep 0.1
    done
    docker version >/dev/null || { tail -20 "$dir/log" >&2; return 1; }
}

teardown_file() {
    [ ! -f /run/docker-test/pid ] || kill "$(cat /run/docker-test/pid)"
}

@test "bench on Docker: bare and with GPUs, and its image is gone afterwards" {
    run --separate-stderr "$NVBIND_BIN/nvbind" --host-root "$NVBIND_T_DIR/tmp/host" bench start memory \
        passthrough --runtime docker --runs 2 --json
    # shellcheck disable=SC2154 # bats sets it
    printf '%s\n' "$output" "$stderr"
    [ "$status" -eq 0 ]
    [ "$(jq -r '[.rows[] | select(.measured) | .key] | join(" ")' <<<"$output")" = \
        'start.docker start.nvbind-docker memory.docker memory.nvbind-docker memory.nvbind passthrough.docker passthrough.before' ]
    jq -e '.about | any(test("nvbind run became /.*docker"))' <<<"$output"
    [ -z "$(docker images -q)" ]
    [ -z "$(docker ps -aq)" ]
}
