# Images without a registry in their names: what Podman is told to search, and when it is told nothing.

load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    fake_engine podman 4.3.1
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/runtime
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    conf=$BATS_TEST_TMPDIR/registries.conf
    own=$HOME/.config/containers/registries.conf
    rm "$own"
    export CONTAINERS_REGISTRIES_CONF=$conf
    echo '# nothing is set here' >"$conf"
    [ ! -e /etc/containers/registries.conf.d ] ||
        ! grep -rqs '^ *unqualified-search-registries' /etc/containers/registries.conf.d ||
        skip "this machine's Podman has registries to search"
}

# told WORD...: the variable that Podman's start would have, or nothing; messages go to err.
told() {
    sim run --gpu none --dry-run=json "$@" 2>err | jq -r '.added_environment[]'
}

@test "a name without a registry is looked for in Docker's, which is said in one line" {
    run told nvx:latest
    [[ $output = CONTAINERS_REGISTRIES_CONF=*/nvbind/registries-*.conf ]]
    [ "$(cat err)" = "nvbind: note: 'nvx:latest' names no registry: a local image of that name, else docker.io/library/nvx:latest" ]
    run told nvx/nvy
    [[ $output = CONTAINERS* ]]
    [ "$(cat err)" = "nvbind: note: 'nvx/nvy' names no registry: a local image of that name, else docker.io/nvx/nvy" ]
    # A start writes the file and changes nothing else: the word stays, one engine is started.
    : >"$calls"
    cat >"$BATS_TEST_TMPDIR/bin/podman" <<FAKE
#!/bin/sh
[ "\$1" != --version ] || { echo "podman version 4.3.1"; exit; }
echo "\$*" >>"$calls"
cat "\$CONTAINERS_REGISTRIES_CONF"
FAKE
    run -0 --separate-stderr sim run --gpu none nvx:latest true
    [ "$(cat "$calls")" = "run nvx:latest true" ]
    [ "$output" = 'unqualified-search-registries = ["docker.io"]
# nothing is set here' ]
    # A line for a shell says the same, and that its file was written is known by now.
    run -0 --separate-stderr sim run --gpu none --dry-run nvx:latest true
    [[ $output = "env CONTAINERS_REGISTRIES_CONF="*" $BATS_TEST_TMPDIR/bin/podman run nvx:latest true" ]]
    [ "${#stderr_lines[@]}" = 1 ]
}

@test "names with a registry, paths, transports and IDs are left alone" {
    local name
    for name in localhost/nvx ghcr.io/a/b quay.io/nvx:1 host:5000/nvx localhost:5000/nvx /nvx ./nvx \
        docker://nvx docker-archive:/nvx oci:nvx dir:nvx containers-storage:nvx \
        0123456789abcdef sha256:0123456789abcdef; do
        run told "$name"
        [ -z "$output" ] || { echo "$name: $output"; false; }
        [ ! -s err ]
    done
    mkdir root
    run told --rootfs root
    [ -z "$output" ]
}

@test "where something is to be searched already, or nothing on purpose, that stays" {
    local text
    for text in 'unqualified-search-registries = ["quay.io"]' 'unqualified-search-registries=[]' \
        '  "unqualified-search-registries" = ["a.b", "c.d"]' \
        '[registries.search]
registries = ["quay.io"]' '[aliases]
"nvx" = "quay.io/x/nvx"' '[aliases]
nvx="quay.io/x/nvx"'; do
        printf '%s\n' "$text" >"$conf"
        run told nvx:latest@sha256:0
        [ -z "$output" ] || { echo "$text: $output"; false; }
        [ ! -s err ]
    done
    echo '[aliases]
"nvxy" = "quay.io/x/nvx"' >"$conf"
    run told nvx
    [[ $output = CONTAINERS* ]]
    # What lies over the main file counts as well.
    mkdir -p "$own.d"
    echo 'unqualified-search-registries = ["quay.io"]' >"$own.d/10-mine.conf"
    run told nvx
    [ -z "$output" ]
    echo '[aliases]
"nvx" = "quay.io/x/nvx"' >"$own.d/10-mine.conf"
    run told nvx
    [ -z "$output" ]
    run told nvz
    [[ $output = CONTAINERS* ]]
}

@test "the user's own file is kept whole, in both versions of the format" {
    local path
    unset CONTAINERS_REGISTRIES_CONF
    echo '[[registry]]
location = "mine.example"
insecure = true' >"$own"
    sim run --gpu none nvx 2>err
    path=$(told nvx)
    [ "$(cat "${path#*=}")" = 'unqualified-search-registries = ["docker.io"]
[[registry]]
location = "mine.example"
insecure = true' ]
    echo '[registries.insecure]
registries = ["mine.example"]' >"$own"
    sim run --gpu none nvx 2>err
    path=$(told nvx)
    [ "$(cat "${path#*=}")" = '[registries.insecure]
registries = ["mine.example"]

[registries.search]
registries = ["docker.io"]' ]
}

@test "Docker, and a Podman whose service is elsewhere, are told nothing" {
    fake_engine docker 26.1.5
    run told --runtime docker nvx
    [ -z "$output" ]
    run told --url ssh://far/x nvx
    [ -z "$output" ]
}
