# nvbind bench on Docker: form and honesty, and nothing left behind. No figure decides a test.

# engines: docker26

load ../lib/engine
load ../lib/docker

bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    need_rootful
    # What root writes lies where nobody else can move it.
    export HOME=$NVBIND_T_DIR/home/root
    mkdir -p "$HOME"
    "$NVBIND_BIN/nvbind" simulate "$NVBIND_T_DIR/tmp/host" --gpus 2 >&2
    docker_start
}

teardown_file() {
    docker_stop
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
