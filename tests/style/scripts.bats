# Shell scripts and C files keep to the project's form.

setup() {
    cd "$NVB_SOURCE"
}

# The checkout's own files; a release tarball has no git, and then no build folders either.
files() {
    git ls-files -co --exclude-standard -- "$@" 2>/dev/null ||
        find . -type f \( -path './build*' -prune -o -name "${1##*/}" \) -print
}

@test "shellcheck finds nothing in the scripts" {
    command -v shellcheck >/dev/null || skip "shellcheck is not installed"
    mapfile -t scripts < <(files | xargs -d '\n' grep -lE '^#!/(usr/bin/env )?(bin/)?(ba)?sh' \
        --include='*' -s | grep -v '\.bats$')
    [ "${#scripts[@]}" -ge 5 ]
    run shellcheck -x -P SCRIPTDIR "${scripts[@]}" tests/lib/*.bash
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "clang-format 14 changes nothing in the C files" {
    format=clang-format-14
    command -v "$format" >/dev/null || format=clang-format
    command -v "$format" >/dev/null || skip "clang-format is not installed"
    [[ $("$format" --version) = *version\ 14.* ]] || skip "clang-format is not version 14"
    mapfile -t sources < <(files '*.c' '*.h')
    [ "${#sources[@]}" -ge 5 ]
    run "$format" --dry-run --Werror "${sources[@]}"
    echo "$output" | head -50
    [ "$status" -eq 0 ]
}
