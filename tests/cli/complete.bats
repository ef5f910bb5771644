# Completion: what "nvbind __complete" offers, and that each shell's script carries it.

bats_require_minimum_version 1.5.0

setup_file() {
    PATH=$NVBIND_BIN:$PATH
    nvbind simulate "$BATS_FILE_TMPDIR/host" --gpus 2 >/dev/null
    NVBIND_HOST_ROOT=$BATS_FILE_TMPDIR/host
    export PATH NVBIND_HOST_ROOT
}

setup() {
    cd "$BATS_TEST_TMPDIR"
}

# complete WORD...: the candidates alone, each in a line.
complete_words() {
    nvbind __complete "$@" | cut -f1
}

# offers EXPECTED WORD...: the candidates are just those, parted by blanks.
offers() {
    local expected=$1 got
    shift
    got=$(complete_words "$@" | paste -sd' ')
    if [ "$got" != "$expected" ]; then
        printf 'for:      %s\nexpected: %s\ngot:      %s\n' "$*" "$expected" "$got"
        return 1
    fi
}

has() {
    local word=$1
    shift
    complete_words "$@" | grep -qxF -e "$word"
}

# "! has" alone would be no check: a shell's errexit passes over it.
lacks() {
    if has "$@"; then
        echo "offered: $*"
        return 1
    fi
}

pci() {
    nvbind info --json | jq -r ".gpus[$1].pci"
}

uuid() {
    nvbind info --json | jq -r ".gpus[$1].uuid"
}

@test "the first word is one of the overview's commands, each with its summary" {
    nvbind help | awk '/^commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' >overview
    [ -s overview ]
    complete_words '' | diff overview -
    nvbind __complete '' | awk -F'\t' '$2 == "" { exit 1 }'
}

@test "the hidden command is not offered" {
    offers '' __
    offers '' __complete ru
}

@test "before the command word, the global options" {
    nvbind help | sed -n '/^global options/,/^$/s/.*--\([a-z-]*\).*/--\1/p' >expected
    [ -s expected ]
    complete_words - | diff expected -
    offers '--color=auto --color=always --color=never' --color=
    offers 'auto always' --color a
}

@test "a global option's value is not taken for the command" {
    offers 'run' --host-root info ru
    offers 'run' --host-root=info -v ru
    offers 'run' -v -q ru
}

@test "a file or a folder is left to the shell" {
    offers ':files' --config ''
    offers ':files' --config=/et
    offers ':folders' --host-root ''
    offers ':folders' simulate ''
}

@test "--help's options are completion's, for every command" {
    for command in $(complete_words '' | grep -vx help); do
        echo "$command"
        complete_words "$command" '' | sed "/^:/d; s/^/$command /"
    done >all
    [ "$(wc -l <all)" -ge 8 ]
    while read -ra command; do
        nvbind "${command[@]}" --help |
            sed -n '/^options:/,/^$/s/^  \(-., \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p' >help
        [ -s help ] || [ -n "$(complete_words "${command[@]}" '')" ] # it has sub-commands
        complete_words "${command[@]}" - >offered
        for option in $(cat help); do
            grep -qxF -e "$option" offered || { echo "${command[*]} $option"; return 1; }
        done
    done <all
}

@test "--gpu offers the machine's GPUs by index, UUID and PCI address" {
    offers "all none 0 $(uuid 0) $(pci 0) 1 $(uuid 1) $(pci 1)" run --gpu ''
    offers "$(pci 1)" run --gpu "$(pci 1)"
    offers "--gpu=all" run --gpu=a
    nvbind __complete run --gpu 0 | grep -q 'NVIDIA'
}

@test "--gpu offers MIG devices by index" {
    nvbind simulate mig --mig 0:2g.10gb,1g.5gb >/dev/null
    offers "0:0 0:1" --host-root mig run --gpu 0:
    offers "0:0,0:1" --host-root mig run --gpu 0:0,0:
    nvbind __complete --host-root mig run --gpu 0:1 | grep -q 'MIG device of NVIDIA A100'
}

@test "--gpu goes on behind a comma, without what stands there already" {
    offers "0,1" run --gpu 0,1
    offers "0,1 0,$(uuid 1) 0,$(pci 1)" run --gpu 0,
    offers "$(uuid 0),1" run --gpu "$(uuid 0),1"
    offers "--gpu=$(pci 0),$(uuid 1)" run "--gpu=$(pci 0),GPU"
}

@test "GPUs are those of the host that the words name" {
    nvbind simulate three --gpus 3 >/dev/null
    has 2 --host-root three run --gpu ''
    has 2 --host-root=three run --gpu ''
    lacks 2 run --gpu ''
    mkdir empty
    offers 'all none' --host-root empty run --gpu ''
    offers 'all none' --host-root nowhere run --gpu ''
}

@test "a GPU with a hostile name cannot break out of its line" {
    cp -r "$NVBIND_HOST_ROOT" hostile
    information=$(find hostile/proc/driver/nvidia/gpus -name information | sort | head -n1)
    chmod u+w "$information"
    sed -i $'s/^Model:.*/Model: \t A\tB/' "$information"
    nvbind --host-root hostile __complete run --gpu '' >got
    cat -v got
    grep -q $'^0\tA?B$' got
    grep -q '^1' got
    [ "$(awk -F'\t' 'NF != 2 || $1 ~ /[ \t]/' got | wc -l)" = 0 ]
}

@test "words that the contract fixes" {
    offers 'podman docker' run --runtime ''
    has --isolate=device run --isolate
    offers '--dry-run=shell --dry-run=json' run --dry-run=
    offers '--dry-run --dry-run=shell --dry-run=json' run --dry
    offers 'compute compat32' run --capabilities comp
    offers 'utility,compute utility,compat32' run --capabilities utility,comp
    offers 'compute,compat32' run --capabilities compute,com
}

@test "a value that may be left out is never the next word" {
    offers '' run --isolate d
    offers '' run --dry-run j
}

@test "the engines' options are offered, those of the chosen engine alone" {
    has --volume run --vol
    has --pod run --po
    has --pod run --runtime podman --po
    lacks --pod run --runtime docker --po
    lacks --pod run --runtime=docker --po
    has --domainname run --runtime docker --dom
    lacks --domainname run --runtime podman --dom
    nvbind __complete run --volume | grep -qxF -e $'--volume\tpodman, docker'
    nvbind __complete run --pod | grep -qxF -e $'--pod\tpodman'
}

@test "hidden and misleading engine options are not offered" {
    for option in --dns-opt --net --kernel-memory; do
        lacks "$option" run "$option"
    done
    # "create" starts nothing, so it has nothing to detach from.
    has --detach run --detach
    lacks --detach create --detach
}

@test "no option is offered twice" {
    [ -z "$(complete_words run - | sort | uniq -d)" ]
    [ -z "$(complete_words create - | sort | uniq -d)" ]
}

@test "values, letters and IMAGE are told apart as the engines do" {
    offers ':files' run --rm -it -v ''
    offers '' run --rm -it -eA=B -p8080:80 ''
    offers ':files' run --rm -it -eA=B -p8080:80 image ''
    offers ':files' run image --gpu
    offers '' run -- --gp
    offers ':files' run -- image --gp
    has --gpu run -v -- --gp
    has --gpu run --name image --gpu
    offers ':files' run --env-file=/et
}

@test "sub-commands and their options" {
    has generate cdi ''
    has --output cdi generate --out
    offers '--format=json --format=yaml --format=hook' cdi generate --format=
    offers 'info' help inf
}

@test "after a word that is no command there is nothing to offer, and no message" {
    run -0 --separate-stderr nvbind __complete nosuch ''
    [ -z "$output$stderr" ]
    run -0 --separate-stderr nvbind __complete nosuch --x
    [ -z "$output$stderr" ]
}

@test "without words it is a wrong call" {
    run -2 nvbind __complete
    [[ $output = *"hint: "* ]]
}

@test "no engine is started for a candidate" {
    mkdir bin
    for engine in podman docker; do
        printf '#!/bin/sh\n: >"%s/started"\n' "$PWD" >"bin/$engine"
        chmod +x "bin/$engine"
    done
    for words in "run --gpu " "run --runtime " "run --v" "run --nosuch" "run -v " "create --"; do
        IFS=' ' read -ra list <<<"$words."
        list[-1]=${list[-1]%.}
        PATH=$PWD/bin:$PATH nvbind __complete "${list[@]}" >/dev/null
    done
    [ ! -e started ]
}

# ---- the shells -------------------------------------------------------------------------------

# press SHELL LINE: types LINE and the tabulator into a real, interactive shell, and shows the line
# as the shell then has it: a key of ours writes it to a file. Nothing in it runs.
press() {
    local shell=$1 line=$2 start
    rm -f ready line
    case $shell in
        bash)
            shell='bash --norc --noprofile -i'
            start=". '$NVB_SOURCE/completions/nvbind.bash'; show() { echo \"\$READLINE_LINE\" >line; }; "
            start+="bind -x '\"\\C-t\": show'"
            ;;
        zsh)
            shell='zsh -f -i'
            start="bindkey -e; fpath=('$NVB_SOURCE/completions' \$fpath); autoload -Uz compinit; "
            start+="compinit -u -D; show() { print -r -- \$BUFFER >line; }; zle -N show; "
            start+="bindkey '^T' show"
            ;;
    esac
    {
        printf '%s; : >ready\n' "$start"
        wait_for ready
        sleep 0.2 # between the command and the next prompt the shell does not read keys
        printf '%s\t\024' "$line"
        wait_for line
        printf '\025exit\n'
    } | TERM=dumb timeout 20 script -qefc "$shell" typescript >/dev/null 2>&1 || true
    sed 's/ *$//' line
}

wait_for() {
    local i
    for ((i = 0; i < 100; i++)); do
        [ ! -e "$1" ] || return 0
        sleep 0.05
    done
}

reply() {
    # shellcheck disable=SC2034 # the completion's own variables
    bash -c '
        . "$NVB_SOURCE/completions/nvbind.bash"
        COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDBREAKS=$2
        shift 2
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _nvbind nvbind "${COMP_WORDS[-1]}" ""
        printf "%s\n" "${COMPREPLY[@]}"' bash "$@" | paste -sd' '
}

@test "bash: words that readline has taken apart are put together" {
    breaks=$' \t\n"\'><=;|&(:'
    [ "$(reply 'nvbind inf' "$breaks" nvbind inf)" = info ]
    [ "$(reply 'nvbind run --dry-run=' "$breaks" nvbind run --dry-run =)" = 'shell json' ]
    [ "$(reply 'nvbind run --dry-run=j' "$breaks" nvbind run --dry-run = j)" = json ]
    [ "$(reply 'nvbind --color never  inf' "$breaks" nvbind --color never inf)" = info ]
    address=$(pci 1)
    IFS=: read -r domain bus rest <<<"$address"
    [ "$(reply "nvbind run --gpu $domain:$bus:" "$breaks" \
        nvbind run --gpu "$domain" : "$bus" :)" = "$rest" ]
    [ "$(reply "nvbind run --gpu=$domain:$bus:0" "$breaks" \
        nvbind run --gpu = "$domain" : "$bus" : 0)" = "$rest" ]
    # Without ":" among the breaks the address is one word, and so is what replaces it.
    [ "$(reply "nvbind run --gpu $domain:$bus" $' \t\n=' nvbind run --gpu "$domain:$bus")" = \
        "$address" ]
}

@test "bash: blanks at the end begin a new word" {
    breaks=$' \t\n"\'><=;|&(:'
    [ "$(reply 'nvbind run --runtime ' "$breaks" nvbind run --runtime '')" = 'podman docker' ]
    [ "$(reply 'nvbind run --isolate ' "$breaks" nvbind run --isolate '')" = '' ]
}

@test "bash: what stands behind the cursor is not read" {
    run -0 bash -c '
        . "$NVB_SOURCE/completions/nvbind.bash"
        COMP_LINE="nvbind inXX --json" COMP_POINT=9 COMP_WORDBREAKS=$" =:"
        COMP_WORDS=(nvbind inXX --json) COMP_CWORD=1
        _nvbind nvbind inXX nvbind
        echo "${COMPREPLY[@]}"'
    [ "$output" = info ]
}

@test "bash, at a real prompt" {
    command -v script >/dev/null || skip "script (util-linux) is not installed"
    touch file-of-mine
    [ "$(press bash 'nvbind inf')" = 'nvbind info' ]
    [ "$(press bash 'nvbind run --gpu=al')" = 'nvbind run --gpu=all' ]
    [ "$(press bash 'nvbind --config file-of')" = 'nvbind --config file-of-mine' ]
    [ "$(press bash 'nvbind run --env-file=file-of')" = 'nvbind run --env-file=file-of-mine' ]
    [ "$(press bash 'nvbind run --isolate ')" = 'nvbind run --isolate' ]
}

@test "zsh, at a real prompt" {
    command -v zsh >/dev/null || skip "zsh is not installed"
    command -v script >/dev/null || skip "script (util-linux) is not installed"
    touch file-of-mine
    address=$(pci 1)
    [ "$(press zsh 'nvbind inf')" = 'nvbind info' ]
    [ "$(press zsh 'nvbind run --gpu=al')" = 'nvbind run --gpu=all' ]
    [ "$(press zsh "nvbind run --gpu ${address%??}")" = "nvbind run --gpu $address" ]
    [ "$(press zsh 'nvbind --config=file-of')" = 'nvbind --config=file-of-mine' ]
}

@test "fish takes the candidates and their notes" {
    command -v fish >/dev/null || skip "fish is not installed"
    touch file-of-mine
    ask() { fish --no-config -c "source $NVB_SOURCE/completions/nvbind.fish; complete -C '$1'"; }
    [ "$(ask 'nvbind inf' | cut -f1)" = info ]
    [ "$(ask 'nvbind run --gpu=al')" = $'--gpu=all\tevery GPU' ]
    [ "$(ask 'nvbind --config=file-of')" = --config=file-of-mine ]
    [ "$(ask 'nvbind --config file-of')" = file-of-mine ]
    [ "$(ask 'nvbind run --isolate ')" = '' ]
}
