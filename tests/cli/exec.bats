# nvbind exec on the command line: which engine is asked and started, what is passed on, and what is
# said about words that are wrong. tests/engine/62-exec.bats runs it on real engines.

# shellcheck disable=SC2154 # set by the helpers and by run
load ../lib/run
bats_require_minimum_version 1.5.0

setup() {
    run_setup
}

# has NAME VERSION CONTAINER ANSWER: an engine that has that one container, and shows ANSWER of it.
has() {
    local text="$1 version $2"
    [ "$1" = podman ] || text="Docker version $2, build 0000000"
    # The questions go to a file of their own; what is started says so on standard output.
    cat >"$BATS_TEST_TMPDIR/bin/$1" <<FAKE
#!/bin/bash
{ printf '$1'; printf ' %q' "\$@"; echo; } >>"$calls"
case "\$*" in
    --version) echo "$text" ;;
    "exec --help") printf 'Options:\n      --tomorrow string   An option of tomorrow\n' ;;
    *"container inspect "*" $3" | *"container inspect "*--latest) echo '$4' ;;
    *"container inspect "*) echo "Error: No such container: \${!#}" >&2; exit 1 ;;
    *) printf '$1'; printf ' %q' "\$@"; echo ;;
esac
FAKE
    chmod 0755 "$BATS_TEST_TMPDIR/bin/$1"
}

# wrong TEXT HINT WORDS...: status 125, that error, nothing started.
wrong() {
    local text=$1 hint=$2
    shift 2
    run -125 --separate-stderr nvbind exec "$@"
    printf 'said: %s\n' "$stderr"
    [ -z "$output" ]
    [[ $stderr = "nvbind: error: "*"$text"* ]]
    [ -z "$hint" ] || [[ $stderr = *"  hint: $hint"* ]]
}

readonly plain='[["PATH=/bin","TERM=xterm"],null]'

@test "the engine that has the container is started, Podman first" {
    has podman 5.8.0 mine "$plain"
    has docker 29.0.0 his "$plain"
    run -0 nvbind exec mine ls -l
    [ "$output" = "podman exec mine ls -l" ]
    # Two starts of an engine in all: a version is asked once, and kept.
    [ "$(grep -c docker "$calls")" = 0 ]
    run -0 nvbind exec his ls
    [ "$output" = "docker exec his ls" ]
    wrong "neither podman nor docker has a container 'third'" "podman ps" third ls
    wrong "podman has no container 'his'" "podman ps" --runtime podman his ls
    run -0 nvbind exec --runtime=docker his ls
    [ "$output" = "docker exec his ls" ]
}

@test "options of the engine's exec in every spelling; nothing behind CONTAINER is read" {
    has podman 5.8.0 c "$plain"
    run -0 nvbind exec -it -eA=B -e C --env=D=E -u root -w/tmp --detach-keys ctrl-x c sh -c --help
    [ "$output" = "podman exec -it -eA=B -e C --env=D=E -u root -w/tmp --detach-keys ctrl-x c sh -c --help" ]
    run -0 nvbind exec -- c --version
    [ "$output" = "podman exec -- c --version" ]
    run -0 nvbind exec -l ls
    [ "$output" = "podman exec -l ls" ]
    run -0 nvbind exec --log-level debug --tomorrow x c ls
    [ "$output" = "podman exec --log-level debug --tomorrow x c ls" ]
    run -0 nvbind exec --remote c ls
    [ "$output" = "podman --remote exec c ls" ]
    wrong "no container" "" $'c\n' ls
}

@test "the drivers' variables are laid in again, and no others" {
    has podman 5.8.0 c '[["PATH=/bin","NVIDIA_VISIBLE_DEVICES=void","TOKEN=secret","CUDA_X=a b","LD_LIBRARY_PATH=/l"],null]'
    run -0 nvbind exec c ls
    [ "$output" = 'podman exec --env NVIDIA_VISIBLE_DEVICES=void --env CUDA_X=a\ b --env LD_LIBRARY_PATH=/l c ls' ]
    run -0 nvbind exec -e CUDA_X=mine c ls
    [ "$output" = 'podman exec --env NVIDIA_VISIBLE_DEVICES=void --env LD_LIBRARY_PATH=/l -e CUDA_X=mine c ls' ]
    rm "$BATS_TEST_TMPDIR/bin/podman"
    has docker 29.0.0 c '[["PATH=/bin"],[{"Driver":"cdi","DeviceIDs":["nvidia.com/gpu=0"]}]]'
    run -0 nvbind exec --runtime docker c ls
    [ "$output" = "docker exec --env NVIDIA_VISIBLE_DEVICES=void c ls" ]
    has docker 29.0.0 c '[["PATH=/bin"],null]'
    run -0 nvbind exec --runtime docker c ls
    [ "$output" = "docker exec c ls" ]
}

@test "--dry-run starts nothing" {
    has podman 5.8.0 c "$plain"
    run -0 nvbind exec --dry-run c echo 'a b'
    [ "$output" = "$BATS_TEST_TMPDIR/bin/podman exec c echo 'a b'" ]
    run -0 nvbind exec --dry-run=json c echo hi
    [ "$(jq -r '.verb + " " + .image + " " + (.command | join(" "))' <<<"$output")" = "exec c echo hi" ]
}

@test "wrong words" {
    has podman 5.8.0 c "$plain"
    has docker 29.0.0 d "$plain"
    wrong "no CONTAINER is given" "nvbind exec" -it
    wrong "no COMMAND is given" "nvbind exec -it c sh" c
    wrong "unknown option '--nope'" "nvbind exec --help" --nope c ls
    wrong "unknown option '--gpu'" "" --gpu 0 c ls
    wrong "unknown option '--volume'" "" --volume /a:/b c ls
    wrong "docker has no option '--latest'" "" --runtime docker -l ls
    wrong "docker has no option '--preserve-fds'" "" --preserve-fds 2 d ls
    wrong "option '--user' needs a value" "" --user
    has podman 5.8.0 c 'no json'
    wrong "what podman says about its container" "" c ls
}

@test "names of containers are completed from Podman's own list" {
    local list=$HOME/.local/share/containers/storage/overlay-containers
    mkdir -p "$list"
    echo '[{"id":"1","names":["train"]},{"id":"2","names":["bad name","infer"]},{"id":"3"}]' >"$list/containers.json"
    if [ "$(id -u)" = 0 ]; then
        be_ordinary
        cp -r "$HOME/." "$BATS_TEST_TMPDIR/home2"
        chmod -R a+rX "$BATS_TEST_TMPDIR/home2"
    else
        ordinary=(env)
    fi
    run -0 "${ordinary[@]}" "$NVBIND_BIN/nvbind" __complete exec -it ''
    [[ $output = *train*infer* && $output != *bad* ]]
    run -0 "${ordinary[@]}" "$NVBIND_BIN/nvbind" __complete exec --runtime ''
    [[ $output = *podman*docker* ]]
    run -0 "${ordinary[@]}" "$NVBIND_BIN/nvbind" __complete exec --work
    [[ $output = *--workdir* ]]
}
