# Shell functions that the test tools share. Sourced; prints nothing by itself.

nvb_die() {
    printf '%s: error: %s\n' "${0##*/}" "$1" >&2
    [ $# -lt 2 ] || printf '  hint: %s\n' "$2" >&2
    exit 1
}

# Where heavy parts are kept between runs: outside the checkout, so that a clean keeps them.
nvb_cache_dir() {
    local dir=${NVBIND_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/nvbind-tests}
    [[ $dir = /* ]] || nvb_die "NVBIND_TEST_CACHE must be an absolute path, not '$dir'"
    printf '%s\n' "$dir"
}
