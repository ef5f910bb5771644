# What nvbind run leaves behind for "doctor --last", and what it changes as a systemd unit's main
# process.

# shellcheck disable=SC2154 # set by the helpers and by run
load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    fake_engine podman 5.8.0
    fake_engine docker 29.0.0
    last=$HOME/.local/state/nvbind/last.json
}

@test "a run is recorded: the plan, who and where, without values of variables" {
    run -0 sim run --rm --gpu 1 -e TOKEN=sesame --env=A=b -eC=drei -e HOME -itv /x:/y img sh -c 'echo TOKEN=other'
    [ "$(stat -c %a "$last" "${last%/*}" | paste -sd' ')" = "600 700" ]
    [ "$(jq -r '.format, .folder, .plan.verb, .plan.image, .plan.engine.name' "$last" | paste -sd' ')" = \
        "1 $PWD run img podman" ]
    [ "$(($(date +%s) - $(jq .time "$last")))" -lt 60 ]
    [ "$(jq -r '.words | join(" ")' "$last")" = \
        "run --rm --gpu 1 -e TOKEN= --env=A= -eC= -e HOME -itv /x:/y img sh -c echo TOKEN=other" ]
    [ "$(jq -r '[.plan.options[] | select(.name == "env") | .value] | join(" ")' "$last")" = "TOKEN= A= C= HOME" ]
    [ "$(jq -r '.plan.edits.env | join(" ")' "$last")" = "NVIDIA_VISIBLE_DEVICES=" ]
    [[ $(jq -r '.plan.argv | join(" ")' "$last") = *" -e TOKEN= --env=A= -eC= -e HOME -itv /x:/y img sh -c echo TOKEN=other" ]]
    run ! grep -qE 'sesame|drei' "$last"
    # The engine got them.
    grep -q 'TOKEN=sesame' "$calls"
    # It is what --dry-run=json prints but for those.
    sim run --rm --gpu 1 --dry-run=json img 2>/dev/null | jq -S 'del(.edits.env)' >plan
    run -0 sim run --rm --gpu 1 img
    jq -S '.plan | del(.edits.env)' "$last" | diff plan -
}

@test "credentials are left out, and only the last run is kept" {
    run -0 sim run --rm --gpu 0 --creds me:secret img
    run ! grep -q secret "$last"
    run -0 sim run --rm --gpu 0 --creds me:half=whole img
    run ! grep -qE 'half|whole' "$last"
    run -0 sim run --rm --gpu 0 --decryption-key key.pem:secret img
    run ! grep -q secret "$last"
    # The value of one variable ends as another variable is said.
    run -0 sim run --rm --gpu 0 -e 'id=7' -e 'DSN=host;password=sesame;id=7' img
    run ! grep -q sesame "$last"
    run -0 sim create --gpu 0 img
    [ "$(jq -r .plan.verb "$last")" = create ]
    [ "$(find "${last%/*}" -name '*.json' | wc -l)" = 1 ]
}

@test "a dry run and a wrong call record nothing" {
    run -0 sim run --rm --gpu 0 --dry-run img
    run -125 sim run --rm --gpu 99 img
    [ ! -e "$last" ]
}

@test "what cannot be written stops no run" {
    mkdir -p "$HOME/.local"
    : >"$HOME/.local/state"
    run -0 --separate-stderr sim run --rm --gpu 0 img
    [ "$(started)" = 1 ]
    [ -z "$stderr" ]
    # A folder that others can write is passed over.
    rm "$HOME/.local/state"
    mkdir -p -m 0777 "$HOME/.local/state/nvbind"
    chmod 0777 "$HOME/.local/state/nvbind"
    run -0 sim run --rm --gpu 0 img
    [ ! -e "$last" ]
    XDG_STATE_HOME=$BATS_TEST_TMPDIR/state run -0 sim run --rm --gpu 0 img
    [ -e "$BATS_TEST_TMPDIR/state/nvbind/last.json" ]
}

@test "root writes nothing into a user's folder" {
    [ "$(id -u)" = 0 ] || skip "not root"
    mkdir "$BATS_TEST_TMPDIR/his"
    chown 65534 "$BATS_TEST_TMPDIR/his"
    HOME=$BATS_TEST_TMPDIR/his run -0 sim run --rm --gpu 0 img
    [ "$(started)" = 1 ]
    [ -z "$(find "$BATS_TEST_TMPDIR/his" -mindepth 1)" ]
}

@test "a link at the file's place is replaced, not followed" {
    mkdir -p -m 0700 "${last%/*}"
    echo mine >mine
    ln -s "$PWD/mine" "$last"
    run -0 sim run --rm --gpu 0 img
    [ "$(cat mine)" = mine ]
    [ ! -L "$last" ]
}

# as_unit WORDS...: as the process that systemd started for a unit.
as_unit() {
    bash -c 'export SYSTEMD_EXEC_PID=$$; exec "$@"' - "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" "$@"
}

# words: the options of the container that was made.
words() { tail -n1 "$calls" | grep -oE -- ' (-d|-dit|--detach|--replace|--rm|-it|-i|-t|--name=[a-z]*|--name [a-z]*)' | paste -sd' '; }

@test "a unit's main process stays: -d goes, with one warning, and a leftover is replaced" {
    run -0 --separate-stderr as_unit run --runtime podman --gpu all --name gpu-service -d img
    [ "$(words)" = " --replace  --name gpu" ] || [ "$(words)" = " --replace  --name gpu-service" ]
    [ "$(grep -c 'warning: ' <<<"$stderr")" = 1 ]
    [[ $stderr = *"'-d' is left out"* ]]
    run -0 as_unit run --runtime docker --gpu all --name=gpu --detach img
    [ "$(words)" = " --rm  --name=gpu" ]
    # Without a name nothing can be in the way; what is written already is not written twice.
    run -0 --separate-stderr as_unit run --gpu all --rm img
    [ "$(words)" = " --rm" ]
    [ -z "$stderr" ]
    run -0 as_unit run --gpu all --rm --replace --name=gpu img
    [ "$(words)" = " --rm  --replace  --name=gpu" ]
}

@test "only a unit's main process, and only one that nothing is told to" {
    local other=$((BASHPID + 1))
    SYSTEMD_EXEC_PID=$other run -0 sim run --gpu all --name=x -d img
    [ "$(words)" = " --name=x  -d" ]
    NOTIFY_SOCKET=/x run -0 as_unit run --gpu all --name=x -d img
    [ "$(words)" = " --name=x  -d" ]
    run -0 as_unit run --gpu all --conmon-pidfile /p --name=x -d img
    [ "$(words)" = " --name=x  -d" ]
    run -0 as_unit create --gpu all --name=x img
    [ "$(words)" = " --name=x" ]
}
