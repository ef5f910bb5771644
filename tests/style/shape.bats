# The shape of the sources: sizes, floors, words. What a rule says stands in CONTRIBUTING.md.

bats_require_minimum_version 1.5.0

setup() {
    cd "$NVB_SOURCE" || return
}

# The checkout's own files by pattern; a release tarball has no git, and then no build folders.
files() {
    local pattern
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -co --exclude-standard -- "$@"
    else
        for pattern; do
            find . -path './build*' -prune -o -type f -path "./$pattern" -printf '%P\n'
        done
    fi | while read -r pattern; do
        [ ! -f "$pattern" ] || printf '%s\n' "$pattern"
    done
}

sources() {
    files 'src/*.c' 'src/*.h' 'src/*.cpp'
}

# nothing FILE: passes when it is empty, else shows it.
nothing() {
    cat "$1"
    [ ! -s "$1" ]
}

@test "no file of code is longer than 500 lines" {
    files 'src/*.c' 'src/*.h' 'src/*.cpp' 'tests/*.c' 'tests/*.h' 'tests/*.bats' 'tests/*.bash' \
        'bench/*.c' 'scripts/*' 'completions/*' >"$BATS_TEST_TMPDIR/files"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/files")" -ge 50 ]
    xargs -d '\n' wc -l <"$BATS_TEST_TMPDIR/files" |
        awk '$2 != "total" && $1 > 500' >"$BATS_TEST_TMPDIR/long"
    nothing "$BATS_TEST_TMPDIR/long"
}

# A function's braces are alone at the beginning of a line, and no other's are.
# shellcheck disable=SC2016 # awk's own variables
functions='
    FNR == 1 { name = ""; before = ""; start = 0 }
    /^\{$/ && before !~ /^(namespace|class|struct|enum|union|extern "C"$)/ { start = FNR }
    /^\}/ && start {
        count++
        if (FNR - start + 1 > 60)
            printf "%s:%d: %d lines: %s\n", FILENAME, start, FNR - start + 1, name
        start = 0
    }
    /^[A-Za-z_].*\(/ { name = $0 }
    { before = $0 }
    END { print count + 0 >counts }'

@test "no function is longer than 60 lines" {
    sources | xargs -d '\n' awk -v counts="$BATS_TEST_TMPDIR/count" "$functions" \
        >"$BATS_TEST_TMPDIR/long"
    [ "$(cat "$BATS_TEST_TMPDIR/count")" -ge 300 ]
    nothing "$BATS_TEST_TMPDIR/long"
}

@test "the rule for functions finds a long one" {
    {
        echo 'static int f(int a)'
        echo '{'
        seq 59
        echo '}'
    } >"$BATS_TEST_TMPDIR/long.c"
    run awk -v counts=/dev/null "$functions" "$BATS_TEST_TMPDIR/long.c"
    [[ $output = *"long.c:2: 61 lines: static int f(int a)" ]]
}

# Reads CONTRIBUTING.md's table of floors, then sources. A floor is a number; "apart" has none.
# shellcheck disable=SC2016 # awk's own variables
includes='
    FILENAME == "CONTRIBUTING.md" {
        if (split($0, cell, "|") < 4 || cell[3] !~ /src\//)
            next
        gsub(/ /, "", cell[2])
        floor = cell[2] == "0+" ? 0.5 : cell[2]
        while (match(cell[3], /src\/[a-z]+/)) {
            floors[substr(cell[3], RSTART + 4, RLENGTH - 4)] = floor
            cell[3] = substr(cell[3], RSTART + RLENGTH)
        }
        next
    }
    FNR == 1 {
        split(FILENAME, part, "/")
        from = part[2]
        if (!(from in floors))
            print FILENAME ": CONTRIBUTING.md knows no floor for src/" from
    }
    /^#include "/ {
        split($0, quoted, "\"")
        header = quoted[2]
        to = header
        sub(/\/.*/, "", to)
        count++
        if (!(to in floors))
            why = "is no floor of CONTRIBUTING.md"
        else if (from == to)
            why = ""
        else if (floors[from] == "apart")
            why = floors[to] == "apart" || floors[to] >= 1 ? "is above a program of its own" : ""
        else if (floors[to] == "apart")
            why = header ~ /^hook\/(args|words)\.h$/ && floors[from] >= 3 ? "" : "is apart"
        else
            why = floors[to] + 0 > floors[from] + 0 ? "is above src/" from : ""
        if (why != "")
            printf "%s:%d: %s %s\n", FILENAME, FNR, header, why
    }
    END { print count + 0 >counts }'

@test "includes point downwards" {
    sources | xargs -d '\n' awk -v counts="$BATS_TEST_TMPDIR/count" "$includes" CONTRIBUTING.md \
        >"$BATS_TEST_TMPDIR/wrong"
    [ "$(cat "$BATS_TEST_TMPDIR/count")" -ge 200 ]
    nothing "$BATS_TEST_TMPDIR/wrong"
}

@test "the rule for includes finds each kind of wrong one" {
    mkdir -p "$BATS_TEST_TMPDIR/src"/{base,host,hook,data,new}
    cp CONTRIBUTING.md "$BATS_TEST_TMPDIR"
    cd "$BATS_TEST_TMPDIR" || return
    echo '#include "host/host.h"' >src/base/a.c
    printf '#include "base/str.h"\n#include "hook/args.h"\n' >src/host/b.c
    printf '#include "base/str.h"\n#include "ldcache/ldcache.h"\n' >src/hook/c.c
    echo '#include "data/json.h"' >>src/hook/c.c
    echo '#include "json.h"' >src/data/d.c
    echo '#include "base/str.h"' >src/new/e.c
    run awk -v counts=/dev/null "$includes" CONTRIBUTING.md src/*/*.c
    echo "$output"
    [ "${#lines[@]}" = 5 ]
    [[ $output = *"src/base/a.c:1: host/host.h is above src/base"* ]]
    [[ $output = *"src/data/d.c:1: json.h is no floor"* ]]
    [[ $output = *"src/hook/c.c:3: data/json.h is above a program"* ]]
    [[ $output = *"src/host/b.c:2: hook/args.h is apart"* ]]
    [[ $output = *"src/new/e.c: CONTRIBUTING.md knows no floor for src/new"* ]]
}

@test "only src/cli and the programs print" {
    sources | grep -v -e '^src/cli/' -e '^src/hook/' -e '^src/probe/' | xargs -d '\n' \
        grep -nE '\<(printf|puts|putchar|perror|exit|_exit|syslog) *\(|\<fprintf *\(std' \
        >"$BATS_TEST_TMPDIR/prints" || true
    # A child between fork() and execve() has no other way to leave, and base/mem.c says why.
    grep -vE '^src/base/(process|mem)\.c:' "$BATS_TEST_TMPDIR/prints" >"$BATS_TEST_TMPDIR/wrong" ||
        true
    nothing "$BATS_TEST_TMPDIR/wrong"
}

@test "nothing is left to be done later" {
    words='TO''DO|FIX''ME|XX''X|not impl''emented|place''holder|not yet impl''emented'
    files '*' | grep -v -e '^LICENSE$' | xargs -d '\n' \
        grep -InwE "$words" >"$BATS_TEST_TMPDIR/words" || true
    nothing "$BATS_TEST_TMPDIR/words"
}

@test "every header has its guard" {
    for header in $(files 'src/*.h'); do
        guard=NVB_$(tr '/.a-z' '__A-Z' <<<"${header#src/}")
        grep -qx "#ifndef $guard" "$header" || echo "$header: no $guard"
    done >"$BATS_TEST_TMPDIR/guards"
    nothing "$BATS_TEST_TMPDIR/guards"
}

@test "shellcheck finds nothing in the tests and the completion" {
    command -v shellcheck >/dev/null || skip "shellcheck is not installed"
    mapfile -t tests < <(files 'tests/*.bats')
    [ "${#tests[@]}" -ge 5 ]
    shellcheck -s bats -S error "${tests[@]}"
    shellcheck completions/nvbind.bash
}

@test "zsh can read its completion" {
    command -v zsh >/dev/null || skip "zsh is not installed"
    zsh -n completions/_nvbind
}

@test "fish can read its completion" {
    command -v fish >/dev/null || skip "fish is not installed"
    fish -n completions/nvbind.fish
}

@test "files that the documents name are there" {
    files '*.md' | grep -v /specs/ >"$BATS_TEST_TMPDIR/documents"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/documents")" -ge 3 ]
    while read -r document; do
        grep -oE '`[a-z0-9_./-]+\.(c|h|bats|scd|md)`|\]\([^)#:]+\)' "$document" |
            tr -d '`])(' | sort -u | while read -r name; do
                for place in "$name" "src/$name" "${document%/*}/$name" src/*/"$name"; do
                    [ ! -e "$place" ] || continue 2
                done
                echo "$document: $name"
            done
    done <"$BATS_TEST_TMPDIR/documents" >"$BATS_TEST_TMPDIR/missing"
    nothing "$BATS_TEST_TMPDIR/missing"
}
