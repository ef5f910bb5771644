# Command lines as people write them come back word for word: tests/data/command-lines.txt and
# tests/data/document-lines.txt, which say what is in them.

load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    fake_engine podman 5.8.0
    fake_engine docker 29.0.0
    data=$BATS_TEST_DIRNAME/../data
}

# The lines of one part of a file.
part() {
    awk -v part="$1" '/^#: /{on = substr($0, 4) == part; next} /^(#|$)/{next} on' "$2"
}

show() {
    printf '%q ' "$@"
    echo
}

# round_trip ENGINE LINE: everything comes back as it was, behind the engine's name.
round_trip() {
    local engine=$1 out want
    # Of Podman's names for --rm this one went early; what stands for it is tested in run.bats.
    eval "set -- ${2/ --purge/ --rm}"
    want=$(show "$BATS_TEST_TMPDIR/bin/$engine" "$@")
    # Docker is always told that nothing is to be injected.
    out=$(nvbind "$1" --runtime "$engine" --gpu none --dry-run "${@:2}") || return 1
    out=${out/ run --env NVIDIA_VISIBLE_DEVICES=void/ run}
    out=${out/ create --env NVIDIA_VISIBLE_DEVICES=void/ create}
    eval "set -- $out"
    [ "$(show "$@")" = "$want" ] || {
        printf 'want: %s\ngot:  %s\n' "$want" "$(show "$@")"
        return 1
    }
}

round_trips() {
    local line count=0 bad=0
    while IFS= read -r line; do
        count=$((count + 1))
        round_trip "$1" "$line" || {
            echo "$1: $line"
            bad=$((bad + 1))
        }
    done < <(part "$2" "$data/command-lines.txt")
    echo "$count lines for $1"
    [ "$count" -ge "$3" ] && [ "$bad" -eq 0 ]
}

@test "lines of both engines, to Podman" { round_trips podman any 130; }
@test "lines of both engines, to Docker" { round_trips docker any 130; }
@test "lines of Podman alone" { round_trips podman podman 70; }
@test "lines of Docker alone" { round_trips docker docker 20; }

# Words behind the engine's name up to the command word, with "--name value" as "--name=value".
early_words() {
    local words=() word
    shift
    for word in "$@"; do
        [ "$word" != run ] || break
        if [ ${#words[@]} -gt 0 ] && [[ ${words[-1]} = --* && ${words[-1]} != *=* && $word != --* ]]; then
            words[-1]+="=$word"
        else
            words+=("$word")
        fi
    done
    show "${words[@]}"
}

early() {
    local engine=$1 line out want count=0
    while IFS= read -r line; do
        count=$((count + 1))
        # An option of Podman 6; the others are there in 5.8, some of them no longer in 6.
        [ "$engine" != podman ] || case $line in
            *--tls-details*) fake_engine podman 6.1.0 ;;
            *) fake_engine podman 5.8.0 ;;
        esac
        eval "set -- $line"
        [ $# -gt 2 ] || set -- "$@" img
        if [[ $2 = *=* ]] || [[ $2 =~ ^--(version|debug|noout|remote|tls|tlsverify)$ ]]; then
            want=$(show "$2")
        else
            want=$(show "$2=$3")
        fi
        out=$(nvbind run --runtime "$engine" --gpu none --dry-run "${@:2}") || return 1
        eval "set -- $out"
        [ "$(early_words "$@")" = "$want" ] || {
            echo "$engine: $line: $out"
            return 1
        }
    done < <(part "$engine-early" "$data/command-lines.txt")
    [ "$count" -ge 20 ]
}

@test "globals that stand before the command word only go there: Podman" { early podman; }
@test "globals that stand before the command word only go there: Docker" { early docker; }

@test "requests for GPUs are honoured and not passed on" {
    local line out count=0
    while IFS= read -r line; do
        count=$((count + 1))
        eval "set -- $line"
        out=$(sim "$1" --no-cdi --dry-run "${@:2}")
        [[ $out = *"/dev/nvidiactl"* && $out = *libcuda.so.* ]] || { echo "$line: $out"; return 1; }
        [[ $out != *--gpus* && $out != *--runtime* && $out != *nvidia.com/gpu* ]] || {
            echo "$line: $out"
            return 1
        }
    done < <(part moved "$data/command-lines.txt")
    [ "$count" -ge 10 ]
}

@test "no IMAGE, or words that no engine takes: one error and no container" {
    local line count=0
    while IFS= read -r line; do
        count=$((count + 1))
        eval "fails '' '' sim $line"
    done < <(part no-image "$data/command-lines.txt"; part refused "$data/command-lines.txt")
    [ "$count" -ge 20 ]
}

@test "a request for help is nvbind's" {
    local line
    while IFS= read -r line; do
        eval "set -- $line"
        run -0 nvbind "$@"
        [[ $output = "usage: nvbind $1 "* ]]
    done < <(part help "$data/command-lines.txt")
}

@test "the documents' lines are read" {
    local line err count=0 words
    export DISPLAY=:0 NOTEBOOKS=/n DOCKER=/d
    while IFS= read -r line; do
        [[ $line = "nvbind run "* ]] || continue
        count=$((count + 1))
        words=${line#nvbind run }
        [ "$(id -u)" -ne 0 ] || words=${words/--rootless /}
        err=$(eval "sim run --dry-run $words" 2>&1 >/dev/null) || { echo "$line: $err"; return 1; }
    done < <(grep -vE '^(#|$)' "$data/document-lines.txt")
    [ "$count" -ge 25 ]
}
