#!/usr/bin/env bats
# Holds the engine option table against the engines themselves: what their help lists must be in
# the table with the same letter and arity, what the table says they show must be in their help, and
# what it says they hide must be taken all the same. Every version of an engine does for this: the
# rows carry the versions that have them. NVBIND_OPTION_ENGINES names more engines to try, one a
# word; tests/lib/ns adds the one of tree-podman5. The further ones' parsers are tried by "make
# check-engines", which the next line names no engine for.
# more engines:

setup() {
    dump="${NVBIND_BUILD:?the build folder}/tests/dump_options"
    # A remote service or somebody's settings would change what the help shows. Without a daemon the
    # docker client shows everything that it knows.
    unset CONTAINER_HOST CONTAINER_CONNECTION DOCKER_CONTEXT DOCKER_API_VERSION
    export CONTAINERS_CONF=/dev/null DOCKER_CONFIG="$BATS_TEST_TMPDIR"
    export DOCKER_HOST="unix://$BATS_TEST_TMPDIR/no-daemon" DOCKER_CLI_HINTS=false
    # A thousand starts that only parse: the Go runtime's threads and collector cost more than they.
    export GOMAXPROCS=1 GOGC=off
    "$dump" >"$BATS_TEST_TMPDIR/table"
    data="$BATS_TEST_DIRNAME/../data/command-lines.txt"
}

# The options of a help text on standard input: name, letter or "-", arity.
help_options() {
    awk '
        /^  ? ? ? ? ?(-[A-Za-z0-9], )?--[a-z0-9]/ {
            line = $0
            sub(/^ +/, "", line)
            letter = "-"
            if (line !~ /^--/) {
                letter = substr(line, 2, 1)
                sub(/^-., /, "", line)
            }
            sub(/^--/, "", line)
            name = line
            sub(/[^a-z0-9-].*/, "", name)
            rest = substr(line, length(name) + 1)
            # "--name type   Text", "--name   Text", "--name type[=default]   Text"
            type = rest ~ /^ [^ ]/ ? substr(rest, 2) : ""
            sub(/  .*/, "", type)
            arity = type == "" ? "bool" : "value"
            if (rest ~ /^\[=/ || type ~ /\[=/)
                arity = "optvalue"
            print name "\t" letter "\t" arity
        }'
}

# The table's rows that an engine has in a version: engine_rows ENGINE VERSION.
engine_rows() {
    awk -F'\t' -v engine=",$1," -v version="$2" '
        index($5, engine) {
            since = engine == ",podman," ? $8 : $10
            until = engine == ",podman," ? $9 : $11
            if (version >= since && (until == 0 || version <= until))
                print
        }' "$BATS_TEST_TMPDIR/table"
}

# Compares one help with the rows, both ways: compare_help SCOPE ROWS HELP.
compare_help() {
    awk -F'\t' -v scope="$1" '
        FILENAME == ARGV[1] {
            if (index($6, "," scope ",")) {
                letter[$1] = $2
                arity[$1] = $3
                if ($7 !~ /,(hidden|deprecated|windows),/ && $12 == "-")
                    shown[$1] = 1
            }
            next
        }
        {
            seen[$1] = 1
            if (!($1 in arity))
                print scope ": --" $1 " is in the help, not in the table"
            else if (arity[$1] != $3)
                print scope ": --" $1 " is " $3 " in the help, " arity[$1] " in the table"
            else if (letter[$1] != $2)
                print scope ": --" $1 " is -" $2 " in the help, -" letter[$1] " in the table"
        }
        END {
            for (name in shown)
                if (!(name in seen))
                    print scope ": --" name " is in the table, not in the help"
        }' "$2" "$3"
}

# What an engine takes an option for: unknown, value or bool. The last word of the command is the
# bare option; there is never an IMAGE, so that nothing is run. Only an option that is known to need
# no value is asked again, with one that is no truth value: the engine's parser answers.
probe() {
    local said

    said=$("$@" 2>&1 </dev/null) || true
    case "$said" in
    *"unknown flag"*) echo unknown && return ;;
    *"flag needs an argument"*) echo value && return ;;
    esac
    said=$("${@:1:$#-1}" "${!#}=perhaps" 2>&1 </dev/null) || true
    case "$said" in
    *"invalid argument"*ParseBool*) echo bool ;;
    *) echo "something else: $said" ;;
    esac
}

# Tries what the help does not tell: hidden options, and where a global one may stand.
probe_rows() {
    local command=$1 rows=$2 name arity scope flags got

    while IFS=$'\t' read -r name _ arity _ _ scope flags _; do
        case "$scope" in
        *,run,*) got=$(probe "$command" run "--$name") ;;
        *,create,*) got=$(probe "$command" create "--$name") ;;
        *,global,*) got=$(probe "$command" "--$name") ;;
        esac
        [ "$got" = "$arity" ] || echo "--$name is $arity in the table; the engine says $got"

        if [ "$scope" = ,global, ] && [ "$name" != help ]; then
            got=$(probe "$command" run "--$name")
            case "$flags" in
            *,early,*) [ "$got" = unknown ] || echo "--$name after run is not unknown: $got" ;;
            *) [ "$got" = "$arity" ] || echo "--$name after run is not $arity: $got" ;;
            esac
        fi
    done <"$rows"
}

# Sets engine, and leaves the rows that this version of it has in the file "rows".
know_engine() {
    local command=$1 said version

    said=$("$command" --version 2>/dev/null)
    case "$said" in
    "podman version "*) engine=podman ;;
    "Docker version "*) engine=docker ;;
    *) echo "no engine: $command --version says '$said'" && return 1 ;;
    esac
    version=$(sed -E 's/^[A-Za-z]+ version ([0-9]+)\.([0-9]+).*/\1 \2/' <<<"$said" |
        awk '{ print $1 * 100 + $2 }')
    engine_rows "$engine" "$version" >"$BATS_TEST_TMPDIR/rows"
}

# One engine against the table; prints what differs.
check_engine() {
    local command=$1 engine scope

    know_engine "$command" || return 0
    for scope in run create global; do
        if [ "$scope" = global ]; then
            "$command" --help
        else
            "$command" "$scope" --help
        fi 2>/dev/null | help_options >"$BATS_TEST_TMPDIR/help"
        # A help that could not be read would agree with everything.
        [ "$(wc -l <"$BATS_TEST_TMPDIR/help")" -ge 10 ] || echo "$scope: no options in the help"
        compare_help "$scope" "$BATS_TEST_TMPDIR/rows" "$BATS_TEST_TMPDIR/help"
    done

    awk -F'\t' '$7 ~ /,(hidden|deprecated|windows),/ || $12 != "-" || $6 == ",global,"' \
        "$BATS_TEST_TMPDIR/rows" >"$BATS_TEST_TMPDIR/probed"
    [ -s "$BATS_TEST_TMPDIR/probed" ] || echo "no row to probe"
    probe_rows "$command" "$BATS_TEST_TMPDIR/probed"
}

# Whether a complaint is that this version does not have the option or letter: "unknown flag: --x",
# "unknown shorthand flag: 'x' in -x".
is_of_another_version() {
    local name letter

    name=$(sed -nE 's/.*unknown flag: --([a-z0-9-]+).*/\1/p' <<<"$1")
    letter=$(sed -nE "s/.*unknown shorthand flag: '(.)'.*/\\1/p" <<<"$1")
    awk -F'\t' -v name="$name" -v letter="$letter" '
        $1 == name || (letter != "" && $2 == letter) {
            if (FILENAME == ARGV[1]) known = 1
            else here = 1
        }
        END { exit !(known && !here) }' "$BATS_TEST_TMPDIR/table" "$BATS_TEST_TMPDIR/rows"
}

# The command lines of tests/data against an engine's own parser, with "--help" before them: all of
# a line is parsed, then the help is shown and nothing is run. Prints what differs.
check_lines() {
    local command=$1 engine part='' line verb said accepted tried=0

    know_engine "$command" || return 0
    while IFS= read -r line; do
        case "$line" in
        '#: '*) part=${line#'#: '} && continue ;;
        '#'* | '') continue ;;
        esac
        case "$part" in
        any | moved | no-image | help | refused | "$engine" | "$engine-early") ;;
        *) continue ;;
        esac
        eval "set -- $line"
        verb=$1
        shift
        accepted=yes
        said=$("$command" "$verb" --help "$@" 2>&1 </dev/null) || accepted=no
        tried=$((tried + 1))
        case "$part:$accepted" in
        refused:no | *-early:no) ;;
        refused:yes | *-early:yes) echo "$part, but taken: $line" ;;
        *:yes) ;;
        *:no) is_of_another_version "$said" || echo "$part, but refused: $line: $said" ;;
        esac
    done <"$data"
    [ "$tried" -ge 200 ] || echo "only $tried lines were tried"
}

# Bats' own trap before each command would take longer than what is tried.
untraced() {
    trap - DEBUG
    "$@"
}

nothing_differs() {
    run untraced "$@"
    if [ "$status" -ne 0 ] || [ -n "$output" ]; then
        echo "$2: $output"
        return 1
    fi
}

@test "podman's options are the table's" {
    command -v podman >/dev/null || skip "podman is not installed"
    nothing_differs check_engine podman
}

@test "docker's options are the table's" {
    command -v docker >/dev/null || skip "docker is not installed"
    nothing_differs check_engine docker
}

@test "podman's parser takes the command lines of tests/data, and no others" {
    command -v podman >/dev/null || skip "podman is not installed"
    nothing_differs check_lines podman
}

@test "docker's parser takes the command lines of tests/data, and no others" {
    command -v docker >/dev/null || skip "docker is not installed"
    nothing_differs check_lines docker
}

@test "further engines agree as well" {
    [ -n "${NVBIND_OPTION_ENGINES:-}" ] || skip "NVBIND_OPTION_ENGINES names no engine"
    for further in $NVBIND_OPTION_ENGINES; do
        nothing_differs check_engine "$further"
        [ "${NVBIND_TEST_ENGINES:-}" != all ] || nothing_differs check_lines "$further"
    done
}

@test "every option and every letter of the table stands in tests/data, in its part" {
    local part='' line word
    while IFS= read -r line; do
        case "$line" in
        '#: '*) part=${line#'#: '} && continue ;;
        '#'* | '') continue ;;
        esac
        eval "set -- $line"
        for word; do
            [[ "$word" == -* && "$word" != *$'\n'* ]] && printf '%s\t%s\n' "$part" "$word"
        done
    done <"$data" >"$BATS_TEST_TMPDIR/words"
    run awk -F'\t' '
        FILENAME == ARGV[1] {
            word = $2
            if (word ~ /^--/) {
                sub(/=.*/, "", word)
                long[$1, word] = 1
            } else {
                short[substr(word, 2, 1)] = 1
            }
            next
        }
        {
            part = $5 == ",podman,docker," ? "any" : $5 == ",podman," ? "podman" : "docker"
            if ($7 ~ /,early,/ && part == "any")
                part = "podman-early"
            else if ($7 ~ /,early,/)
                part = part "-early"
            if ($1 == "gpus")
                part = "moved"
            if ($1 == "help")
                part = "help"
            if (!((part, "--" $1) in long))
                print "--" $1 " does not stand in the part " part
            if ($2 != "-" && $7 !~ /,early,/ && !($2 in short))
                print "-" $2 " does not stand there"
        }' "$BATS_TEST_TMPDIR/words" "$BATS_TEST_TMPDIR/table"
    echo "$output"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "the comparison sees a difference" {
    printf '%s\t%s\t%s\t-\t,podman,\t,run,\t,\t0\t0\t0\t0\t-\t-\n' \
        name - value tty t bool gone - bool other - value >"$BATS_TEST_TMPDIR/rows"
    help_options >"$BATS_TEST_TMPDIR/help" <<'HELP'
Options:
      --name              a bool here
  -T, --tty               another letter
      --other string      as it should be
      --fresh list[=x]    new
                          --none of this is an option
HELP
    run compare_help run "$BATS_TEST_TMPDIR/rows" "$BATS_TEST_TMPDIR/help"
    [ "${#lines[@]}" -eq 4 ]
    [[ "$output" == *"--name is bool in the help, value in the table"* ]]
    [[ "$output" == *"--tty is -T in the help, -t in the table"* ]]
    [[ "$output" == *"--fresh is in the help, not in the table"* ]]
    [[ "$output" == *"--gone is in the table, not in the help"* ]]
}
