# Help, manual pages, global options, and what is said about words that are wrong.

bats_require_minimum_version 1.5.0

setup() {
    PATH=$NVBIND_BIN:$PATH
    cd "$BATS_TEST_TMPDIR" || return
}

commands() {
    nvbind help | awk '/^commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'
}

# The words of every command and sub-command, one a line.
all_commands() {
    local command
    for command in $(commands); do
        echo "$command"
        nvbind "$command" --help |
            awk -v c="$command" '/^commands:/ { on = 1; next } /^$/ { on = 0 }
                on && c != "help" { print c, $1 }'
    done
}

# The long options in a help text.
options() {
    sed -n '/^\(global \)\{0,1\}options/,/^$/s/^  \(-., \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p'
}

# wrong STATUS MESSAGE HINT WORD...: one error, its hint, nothing on standard output.
wrong() {
    local status=$1 message=$2 hint=$3
    shift 3
    run "-$status" --separate-stderr nvbind "$@"
    printf 'said: %s\n' "$stderr"
    [ -z "$output" ]
    [ "${stderr_lines[0]}" = "nvbind: error: $message" ]
    if [ -n "$hint" ]; then
        [ "${#stderr_lines[@]}" = 2 ]
        [ "${stderr_lines[1]}" = "  hint: $hint" ]
    fi
}

@test "every command explains itself, by --help and by nvbind help" {
    [ "$(commands | wc -l)" -ge 6 ]
    for command in $(commands); do
        run -0 --separate-stderr nvbind "$command" --help
        [ -z "$stderr" ]
        [ "$command" = help ] || [[ ${lines[0]} = "usage: nvbind $command"* ]] ||
            [ "$command" = create ]
        by_option=$output
        run -0 --separate-stderr nvbind help "$command"
        [ "$output" = "$by_option" ]
        [ -z "$stderr" ]
    done
}

@test "so does every sub-command" {
    all_commands | grep ' ' >all
    [ "$(wc -l <all)" -ge 2 ]
    while read -ra words; do
        run -0 --separate-stderr nvbind "${words[@]}" --help
        [[ ${lines[0]} = "usage: nvbind ${words[*]}"* ]]
        [ -z "$stderr" ]
    done <all
}

@test "every command has a manual page that names each of its options" {
    all_commands >all
    [ "$(wc -l <all)" -ge 8 ]
    while read -r command rest; do
        page=$NVB_SOURCE/man/nvbind-$command.1.scd
        case $command in
            help) continue ;;
            create) page=$NVB_SOURCE/man/nvbind-run.1.scd ;;
        esac
        [ -f "$page" ] || { echo "$command: no manual page"; continue; }
        for option in $(nvbind "$command" $rest --help | options | grep -vx -e --help); do
            grep -qE -e "\*$option(\*|=|\[)" "$page" || echo "${page##*/}: nothing about $option"
        done
        [ -z "$rest" ] || grep -qw -e "$rest" "$page" || echo "${page##*/}: nothing about $rest"
    done <all | sort -u >missing
    cat missing
    [ ! -s missing ]
}

@test "nvbind's own page names every command, global option and variable" {
    page=$NVB_SOURCE/man/nvbind.1.scd
    for option in $(nvbind help | options); do
        grep -qE -e "\*$option\*" "$page" || { echo "$option"; return 1; }
    done
    for command in $(commands); do
        grep -qE -e "\*nvbind $command\*" "$page" || { echo "$command"; return 1; }
    done
    grep -hoE 'NVBIND_[A-Z_]+' "$NVB_SOURCE/src/cli/main.c" | grep -vx NVBIND_CLI | sort -u >names
    [ "$(wc -l <names)" -ge 5 ]
    for name in $(cat names); do
        grep -qF "*$name*" "$page" || { echo "$name"; return 1; }
    done
}

@test "every manual page is installed, and each that a page refers to is there" {
    for page in "$NVB_SOURCE"/man/*.scd; do
        name=${page##*/}
        grep -qF "'${name%.scd}'" "$NVB_SOURCE/man/meson.build" || echo "not installed: $name"
        grep -oE '\*nvbind[a-z.-]*\*\([1-8]\)' "$page" | tr -d '*)' | tr '(' . | sort -u |
            while read -r reference; do
                [ -f "$NVB_SOURCE/man/$reference.scd" ] || echo "$name refers to $reference"
            done
    done >missing
    cat missing
    [ ! -s missing ]
}

@test "manual pages have no fault that scdoc knows" {
    command -v scdoc >/dev/null || skip "scdoc is not installed"
    for page in "$NVB_SOURCE"/man/*.scd; do
        echo "${page##*/}"
        scdoc <"$page" >page
        [ -s page ]
    done
}

@test "nvbind alone shows the overview and is a wrong call" {
    run -2 nvbind
    [[ ${lines[0]} = "usage: nvbind "* ]]
    run -2 nvbind -v
    [[ ${lines[0]} = "usage: nvbind "* ]]
}

@test "--version is the project's" {
    version=$(sed -n "s/^ *version: '\(.*\)',/\1/p" "$NVB_SOURCE/meson.build")
    [ -n "$version" ]
    run -0 nvbind --version
    [ "$output" = "nvbind $version" ]
}

@test "an unknown command gets the nearest one" {
    wrong 2 "unknown command 'inof'" "did you mean 'nvbind info'?" inof
    wrong 2 "unknown command 'rnu'" "did you mean 'nvbind run'?" rnu --gpu all image
    wrong 2 "unknown command 'simul'" "did you mean 'nvbind simulate'?" simul x
    wrong 2 "unknown command 'xyzzy'" "nvbind help" xyzzy
    wrong 2 "unknown command ''" "nvbind help" ''
    wrong 2 "no command 'inof' to help with" "did you mean 'nvbind help info'?" help inof
    wrong 2 "no command 'xyzzy' to help with" "nvbind help" help xyzzy
    wrong 2 "help takes one command, not 'run' as well" "" help info run
    wrong 2 "help takes one command, not 'show' as well" "nvbind config show --help" help config show
}

@test "the hidden command is neither meant nor helped with" {
    wrong 2 "unknown command '__complet'" "nvbind help" __complet
    wrong 2 "no command '__complete' to help with" "nvbind help" help __complete
}

@test "an unknown option gets the nearest one, before and behind the command" {
    wrong 2 "unknown option '--host-rot'" "did you mean --host-root?" --host-rot / info
    wrong 2 "unknown option '--versoin'" "did you mean --version?" --versoin
    wrong 2 "unknown option '--josn'" "did you mean --json?" info --josn
    wrong 2 "unknown option '--layuot'" "did you mean --layout?" simulate x --layuot=run
    wrong 2 "unknown option '-x'" "" -x info
    wrong 2 "unknown option '-x'" "" info -x
}

@test "an option of one command is none of another's" {
    wrong 2 "unknown option '--json'" "" --json info
    wrong 2 "unknown option '--host-root'" "" info --host-root /
}

@test "a value that is missing, or is not wanted" {
    wrong 2 "option '--host-root' needs a value: DIR" "" --host-root
    wrong 2 "option '--gpus' needs a value: N" "" simulate x --gpus
    wrong 2 "option --version takes no value" "" --version=1
    wrong 2 "option --json takes no value" "" info --json=yes
    wrong 2 "--color is 'pink'; it takes auto, always or never" "" --color=pink info
    wrong 2 "--color is ''; it takes auto, always or never" "" --color= info
}

@test "NVBIND_LOG takes four words" {
    for level in error warn info debug ''; do
        NVBIND_LOG=$level run -0 nvbind --version
    done
    NVBIND_LOG=loud wrong 2 "NVBIND_LOG is 'loud'" "NVBIND_LOG=error, warn, info or debug" --version
}

@test "what is wrong before 'run' ends as a failed run does: 2 is the container's" {
    for verb in run create; do
        run -125 nvbind --color mauve $verb img
        run -125 nvbind --nope --host-root / $verb img
        run -125 env NVBIND_LOG=loud "$NVBIND_BIN/nvbind" $verb img
        run -2 nvbind --color mauve info $verb
    done
}

@test "what is quoted from the caller cannot steer a terminal" {
    run -2 --separate-stderr nvbind $'in\x1b[31mfo'
    [ "${stderr_lines[0]}" = "nvbind: error: unknown command 'in?[31mfo'" ]
    # U+009B is the same in one character, and a second line would pass for a message.
    run -2 --separate-stderr nvbind $'in\u009b31mfo\nnvbind: warning: é\t'
    [ "${stderr_lines[0]}" = "nvbind: error: unknown command 'in?31mfo?nvbind: warning: é?'" ]
}

@test "no colour into a file, and as --color says" {
    run -2 --separate-stderr nvbind nosuch
    [[ $stderr != *$'\x1b'* ]]
    run -2 --separate-stderr nvbind --color auto nosuch
    [[ $stderr != *$'\x1b'* ]]
    run -2 --separate-stderr nvbind --color always nosuch
    [[ $stderr = *$'\x1b[1;31merror:'* ]]
    NO_COLOR=1 run -2 --separate-stderr nvbind --color=always nosuch
    [[ $stderr = *$'\x1b'* ]]
    run -2 --separate-stderr nvbind --color never nosuch
    [[ $stderr != *$'\x1b'* ]]
}

@test "colour on a terminal, unless NO_COLOR is set and not empty" {
    command -v script >/dev/null || skip "script (util-linux) is not installed"
    terminal() { script -qec "env $1 nvbind ${2-} nosuch" /dev/null </dev/null; }
    [[ $(terminal A=1) = *$'\x1b[1;31m'* ]]
    [[ $(terminal NO_COLOR=) = *$'\x1b[1;31m'* ]]
    [[ $(terminal NO_COLOR=1) != *$'\x1b'* ]]
    [[ $(terminal A=1 '--color never') != *$'\x1b'* ]]
}

@test "a full disk below standard output is an error, not a success" {
    [ -e /dev/full ] || skip "there is no /dev/full"
    run -1 --separate-stderr bash -c 'nvbind help >/dev/full'
    [ "${stderr_lines[0]}" = \
        "nvbind: error: cannot write to standard output: No space left on device" ]
}
