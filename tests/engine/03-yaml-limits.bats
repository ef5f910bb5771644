# Hostile YAML ends in one error with its place, within a second of computing and 64 MiB: on the plain
# build, because the sanitizers' own memory is more than that.

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    local i
    # The limits are nvbind's, and no engine's that it would ask for a version.
    mkdir bin
    printf '#!/bin/sh\necho podman version 5.4.2\n' >bin/podman
    chmod +x bin/podman
    export PATH=$PWD/bin:$PATH XDG_CACHE_HOME=$PWD/cache
    {
        echo 'a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]'
        for i in 1 2 3 4 5 6 7 8 9; do
            printf 'a%d: &a%d [%s]\n' $i $i "$(printf "*a$((i - 1)),%.0s" 1 2 3 4 5 6 7 8 9)"
        done
    } >bomb.yaml
    head -c 100000 /dev/zero | tr '\0' '[' >deep.yaml
    truncate -s 100M big.yaml
    { echo a:; yes -- '- 0123456789012345678901234567890123456789' | head -n 390000; } >wide.yaml
    { echo 'a: &a "'; head -c 1000000 /dev/zero | tr '\0' x; printf '"\nb: ['; yes '*a,' | head -n 100000; echo ']'; } >long.yaml
}

# ends PLACE FILE WORDS...
ends() {
    local place=$1 file=$2
    shift 2
    run bash -c 'ulimit -v 65536 -t 1; exec "$@"' - "$NVBIND_BIN/nvbind" "$@" "$BATS_FILE_TMPDIR/$file"
    echo "$*: $status $output"
    [ "$status" -ge 1 ] && [ "$status" -le 2 ]
    [[ $output = *"$file$place"* ]]
    [ "$(grep -c 'error:' <<<"$output")" -le 1 ]
}

# Of these the compose and kube readers expand what anchors stand for.
@test "compose and kube play: an anchors' bomb, depth, width, size" {
    local words
    for words in 'compose --print-override -f' 'kube play'; do
        # shellcheck disable=SC2086 # words
        {
            ends ':6:' bomb.yaml $words
            ends ':1:65: nested too deep' deep.yaml $words
            ends ':1:1: the file is too large' big.yaml $words
            ends ':262143:3: too many values' wide.yaml $words
            ends ':17:1: too much text' long.yaml $words
        }
    done
}

@test "cdi validate and migrate: the same" {
    ends ':1:5: anchors are not allowed' bomb.yaml cdi validate
    ends ':1:33: nested too deep' deep.yaml cdi validate
    ends ':262143:3: too many values' wide.yaml cdi validate
    ends "' is larger than" big.yaml cdi validate
    ends "' is larger than" big.yaml migrate
    cp "$BATS_FILE_TMPDIR/deep.yaml" "$BATS_FILE_TMPDIR/deep-compose.yaml"
    ends ':1:33: nested too deep' deep-compose.yaml migrate
}
