# Where the engine makes its containers decides whose GPUs they are: a service on another machine has
# its own, and gets their CDI names; a socket of this machine is not another machine.

load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    fake_engine podman 5.8.0
    fake_engine docker 29.0.0
}

# line WORDS...: the engine's command line of a dry run, on one line; the warning goes to ./err.
line() {
    sim run --dry-run "$@" 2>err
}

# is_remote WORDS...: only names go there, and one line says so.
is_remote() {
    local out
    out=$(line "$@" --rm img) || { cat err; return 1; }
    echo "$out"
    [[ $out = *'--device nvidia.com/gpu=all '* && $out != *libcuda* && $out != *--mount* &&
        $out != *--hooks-dir* && $out != *--cdi-spec-dir* ]] || return 1
    [ "$(grep -c '^nvbind: warning: .* not this machine' err)" -eq 1 ] || { cat err; return 1; }
}

# is_local WORDS...: this machine's GPUs go in, by whatever way.
is_local() {
    local out
    out=$(line "$@" --rm img) || { cat err; return 1; }
    echo "$out"
    [[ $out = *libcuda* || $out = *--cdi-spec-dir* || $out = *nvbind.local/gpu=* ]] || return 1
    run ! grep 'not this machine' err
}

# context NAME HOST: one of Docker's, in the folder $1.
docker_context() {
    local dir
    dir=$1/contexts/meta/$(printf %s "$2" | sha256sum | cut -d' ' -f1)
    mkdir -p "$dir"
    printf '{"Name":"%s","Metadata":{},"Endpoints":{"docker":{"Host":"%s","SkipTLSVerify":false}}}' \
        "$2" "$3" >"$dir/meta.json"
}

@test "podman: the words" {
    is_remote --url ssh://far/run/podman.sock
    is_remote --url=tcp://far:1
    is_remote --host ssh://far/x
    is_remote --connection far
    is_local --url "unix://$PWD/podman.sock"
    is_local --remote=false
    is_local
}

@test "podman: the environment, and a word that overrules it" {
    CONTAINER_HOST=ssh://far/x is_remote
    CONTAINER_CONNECTION=far is_remote
    CONTAINER_HOST=unix:///run/podman/podman.sock is_local
    CONTAINER_HOST=ssh://far/x is_local --remote=false
    CONTAINER_HOST=ssh://far/x is_local --url unix:///run/podman/podman.sock
}

@test "podman: --remote means the default connection, and this machine's socket where there is none" {
    is_local --remote
    mkdir -p "$HOME/.config/containers"
    cat >"$HOME/.config/containers/podman-connections.json" <<'JSON'
{"Connection": {"Default": "far", "Connections": {
    "far": {"URI": "ssh://root@far:22/run/podman/podman.sock", "Identity": ""},
    "near": {"URI": "unix:///run/podman/podman.sock", "Identity": ""}}}}
JSON
    is_remote --remote
    is_local --connection near
    is_remote --connection far
    is_remote --connection unknown
    CONTAINER_CONNECTION=near is_local
    rm "$HOME/.config/containers/podman-connections.json"
    printf '[engine]\nactive_service = "far"\n' >"$HOME/.config/containers/containers.conf"
    is_remote --remote
    is_local
}

@test "docker: the words and the environment" {
    is_remote --runtime docker --host tcp://far:2376
    is_remote --runtime docker --host=ssh://far
    is_local --runtime docker --host unix:///run/docker.sock
    is_local --runtime docker
    DOCKER_HOST=ssh://far is_remote --runtime docker
    DOCKER_HOST=unix://$PWD/docker.sock is_local --runtime docker
    DOCKER_HOST=ssh://far is_local --runtime docker --host unix:///run/docker.sock
    DOCKER_HOST=unix://$HOME/.docker/desktop/docker.sock is_remote --runtime docker
}

@test "docker: contexts" {
    docker_context "$HOME/.docker" far tcp://far:2376
    docker_context "$HOME/.docker" near unix:///run/other.sock
    is_remote --runtime docker --context far
    is_local --runtime docker --context near
    is_local --runtime docker --context default
    is_remote --runtime docker --context unknown
    DOCKER_CONTEXT=far is_remote --runtime docker
    # DOCKER_HOST goes before a context that no option names.
    DOCKER_CONTEXT=far DOCKER_HOST=unix:///run/docker.sock is_local --runtime docker
    echo '{"currentContext": "far"}' >"$HOME/.docker/config.json"
    is_remote --runtime docker
    DOCKER_CONTEXT=near is_local --runtime docker
    DOCKER_HOST=unix:///run/docker.sock is_local --runtime docker
    docker_context "$PWD/config" mine ssh://mine
    echo '{"currentContext": "mine"}' >config/config.json
    DOCKER_CONFIG=$PWD/config is_remote --runtime docker
}

@test "docker: a socket behind which another kernel answers is another machine" {
    mkdir -p answers
    cat >"bin/docker" <<FAKE
#!/bin/sh
case "\$*" in
    --version) echo "Docker version 28.0.0, build 0" ;;
    *" info "*) echo '{"ServerVersion":"28.0.0","KernelVersion":"1.2.3-other","CDISpecDirs":[]}' ;;
    *) printf '%s ' "\$@"; echo ;;
esac
FAKE
    is_remote --runtime docker
}

@test "every name that a specification elsewhere may have, and no other" {
    local out
    out=$(line --url ssh://far/x --gpu 0,2-3,MIG-1234abcd --rm img)
    echo "$out"
    [[ $out = *'--device nvidia.com/gpu=0 --device nvidia.com/gpu=2 --device nvidia.com/gpu=3 --device nvidia.com/gpu=MIG-1234abcd --rm img' ]]
    out=$(line --url ssh://far/x --gpu none --rm img)
    [[ $out != *--device* ]]
    [ ! -s err ]
    # What the user wrote stands where he wrote it, once.
    out=$(line --url ssh://far/x --device nvidia.com/gpu=7 --rm img)
    [[ $out = *'run --device nvidia.com/gpu=7 --rm img' ]]
    fails "another machine" "nvbind run --gpu 0" sim run --url ssh://far/x --gpu count=2 img
    fails "0000:65:00.0: the engine's service" "" sim run --url ssh://far/x --gpu 0000:65:00.0 img
    fails "--no-cdi" "" sim run --url ssh://far/x --no-cdi img
    fails "another machine" "" sim run --url ssh://far/x --gpu 0-99999999 img
}
