# The hook without CDI: what nvbind run adds to Podman's command line, what it writes, and when it
# goes without. Engines are programs that write down how they were called.

# shellcheck disable=SC2154 # set by the helpers and by run
load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

# As an ordinary user: what root trusts depends on where the build folder lies.
setup() {
    run_setup
    fake_engine podman 4.3.1
    be_ordinary
    chmod 0666 "$calls"
    chmod 0755 "$BATS_TEST_TMPDIR"
    runtime=$BATS_TEST_TMPDIR/runtime
    mkdir -m 0700 "$runtime"
    [ "$(id -u)" -ne 0 ] || chown 65534 "$runtime"
    ordinary+=(env XDG_RUNTIME_DIR="$runtime")
    [ -x "$NVBIND_BIN/nvbind-hook" ]
    # Folders of hooks that this machine's own configuration names would be a reason to go without.
    if grep -rqs '^[[:space:]]*hooks_dir' /etc/containers /usr/share/containers; then
        skip "this machine's containers.conf names folders of hooks"
    fi
}

mine() {
    "${ordinary[@]}" "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" "$@"
}

plan() {
    mine run --rm --dry-run=json --gpu 0 "$@" img
}

# hooks WORDS...: how many hooks the container of these words gets, and by what.
hooks() {
    mine "$@" --dry-run=json --gpu 0 img 2>/dev/null |
        jq -r '"\(.mode) \(.edits.hooks | length) \(.hook.folders | length > 0) \(.hook.annotation != null)"'
}

readonly with="direct 1 true true" without="direct 0 false false"

@test "a file of the caller's own, a folder and an annotation that is its hash" {
    run -0 plan
    mark=$(jq -r .hook.annotation <<<"$output")
    file=$(jq -r .hook.file <<<"$output")
    [[ $mark =~ ^[0-9a-f]{16}$ ]]
    [ "$file" = "$runtime/nvbind/hooks/$mark/nvbind-$mark.json" ]
    [ "$(jq -r '.hook.folders[-1]' <<<"$output")" = "$runtime/nvbind/hooks/$mark" ]
    [ "$(jq -r .cdi.file <<<"$output")" = null ]
    edits=$(jq -Sc '.edits.hooks[0] | {path, args, env}' <<<"$output")
    [ ! -e "$runtime/nvbind/hooks" ]

    run -0 --separate-stderr mine run --rm --dry-run --gpu 0 img
    [[ $output = *" --hooks-dir $runtime/nvbind/hooks/$mark run "*" --annotation nvbind.hook=$mark "* ]]
    [[ $stderr = *"'$file', which this line needs"*"without '--rm'"* ]]
    [ ! -e "$runtime/nvbind/hooks" ]

    mine run --rm --gpu 0 img
    [ "$(started)" -eq 1 ]
    [ "$(jq -Sc .hook "$file")" = "$edits" ]
    [ "$(jq -c '.when' "$file")" = '{"annotations":{"^nvbind\\.hook$":"^'"$mark"'$"}}' ]
    [ "$(jq -c '[.version, .stages, .hook.env]' "$file")" = '["1.0.0",["createContainer"],["LC_ALL=C"]]' ]
    [ "$(jq -r '.hook.path' "$file")" = "$(readlink -f "$NVBIND_BIN")/nvbind-hook" ]
    [ "$(stat -c %a "$file")" = 600 ]

    # The same again is the same file; other arguments are another.
    before=$(stat -c '%i %Y' "$file")
    run -0 --separate-stderr mine run --rm --gpu 0 img
    [ "$stderr" = "" ]
    [ "$(stat -c '%i %Y' "$file")" = "$before" ]
    [ "$(plan --capabilities all | jq -r .hook.annotation)" != "$mark" ]
}

@test "each library is mounted once, under its own name" {
    count() { jq '[.edits.mounts[].container | select(test("/libcuda[.]so"))] | length'; }
    [ "$(plan | count)" -eq 1 ]
    [ "$(mine run --dry-run=json --gpu 0 img 2>/dev/null | count)" -gt 1 ]
    [ "$(plan | jq '.edits.mounts | length')" -lt \
        "$(mine run --dry-run=json --gpu 0 img 2>/dev/null | jq '.edits.mounts | length')" ]
}

@test "only where the container goes with its command, and where Podman is the one that runs it" {
    [ "$(hooks run --rm)" = "$with" ]
    [ "$(hooks run --rm -d)" = "$with" ]
    [ "$(hooks run --rm --no-cdi)" = "$with" ]
    [ "$(hooks run --rm -v /x:/usr/bin/nvidia-smi)" = "$with" ]
    [ "$(hooks run --rm --runtime crun)" = "$with" ]
    [ "$(hooks run --rm --runtime /usr/sbin/runc)" = "$with" ]
    [ "$(hooks run)" = "$without" ]
    [ "$(hooks run --rm=false)" = "$without" ]
    [ "$(hooks run --rm --restart=always)" = "$without" ]
    [ "$(hooks create --rm)" = "$without" ]
    [ "$(hooks run --rm --runtime krun)" = "$without" ]
    [ "$(hooks run --rm --rootfs)" = "$without" ]
    [ "$(hooks run --rm --annotation nvbind.hook=x)" = "$without" ]
    fake_engine podman 5.6.0
    [ "$(hooks run --rm)" = "cdi 1 false false" ]
    [ "$(hooks run --rm --no-cdi)" = "$with" ]
    [ "$(hooks run --rm -v /x:/usr/bin/nvidia-smi)" = "$with" ]
    [ "$(hooks run --rm --module x)" = "cdi 1 false false" ]
    [ "$(hooks run --rm --no-cdi --module x)" = "$without" ]
    fake_engine docker 26.1.5
    [ "$(hooks run --runtime docker --rm)" = "$without" ]
}

@test "without a private folder, or with a comma in its name, there is no hook" {
    for mode in 0755 0722 0744; do
        chmod "$mode" "$runtime"
        [ "$(hooks run --rm)" = "$without" ]
    done
    # As Podman 4 leaves it after --userns=nomap.
    chmod 0711 "$runtime"
    [ "$(hooks run --rm)" = "$with" ]
    mkdir -m 0700 "$BATS_TEST_TMPDIR/run,time"
    [ "$(id -u)" -ne 0 ] || chown 65534 "$BATS_TEST_TMPDIR/run,time"
    ordinary+=(env XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/run,time")
    [ "$(hooks run --rm)" = "$without" ]
}

@test "a hook that the container's root could not reach is left out, and said" {
    mkdir -m 0700 closed
    cp "$NVBIND_BIN/nvbind" "$NVBIND_BIN/nvbind-hook" closed
    [ "$(id -u)" -ne 0 ] || chown -R 65534 closed
    closed() { "${ordinary[@]}" closed/nvbind -v --host-root "$RUN_HOST" run --rm --dry-run=json --gpu 0 "$@" img; }
    run -0 --separate-stderr closed
    [ "$(jq -r '.edits.hooks[0].path' <<<"$output")" = "$PWD/closed/nvbind-hook" ]
    for words in --userns=auto --userns=nomap --uidmap=0:1:1; do
        run -0 --separate-stderr closed "$words"
        [ "$(jq '.edits.hooks | length' <<<"$output")" -eq 0 ]
        [ "$(grep -c 'could not reach' <<<"$stderr")" -eq 1 ]
    done
    run -0 --separate-stderr closed --userns=keep-id
    [ "$(jq '.edits.hooks | length' <<<"$output")" -eq 1 ]
    # No hook at all.
    rm closed/nvbind-hook
    run -0 --separate-stderr closed
    [ "$(jq '.edits.hooks | length' <<<"$output")" -eq 0 ]
}

# crun changes to a folder first that such a root may not enter, and then starts nothing.
@test "no hook where crun would start none: a root of its own, before crun 1.27" {
    oci=$BATS_TEST_TMPDIR/oci
    mkdir -p "$oci"
    crun_is() { printf '#!/bin/sh\necho "%s"\n' "$1" >"$oci/crun" && chmod 0755 "$oci/crun"; }
    [ "$(id -u)" -ne 0 ] || chown -R 65534 "$oci"
    for version in 'crun version 1.21' 'crun version 1.8.1' 'crun version 0.20' 'what?'; do
        crun_is "$version"
        [ "$(hooks run --rm --runtime "$oci/crun" --userns=auto)" = "$without" ]
        [ "$(hooks run --rm --runtime "$oci/crun")" = "$with" ]
    done
    run -0 --separate-stderr mine -v run --rm --dry-run=json --runtime "$oci/crun" --userns=nomap --gpu 0 img
    [[ $stderr = *'crun before 1.27 starts no hook'* ]]
    for version in 'crun version 1.27' 'crun version 1.29.1' 'crun version 2.0'; do
        crun_is "$version"
        [ "$(hooks run --rm --runtime "$oci/crun" --userns=auto)" = "$with" ]
    done
    [ "$(hooks run --rm --runtime runc --userns=auto)" = "$with" ]
}

@test "the folders of hooks in force stay so" {
    standard=/usr/share/containers/oci/hooks.d
    run -0 plan
    if [ -d $standard ]; then
        [ "$(jq -r '.hook.folders[0]' <<<"$output")" = $standard ]
    else
        [ "$(jq '.hook.folders | length' <<<"$output")" -eq 1 ]
    fi
    # The user's replace the default for him, and so they do here.
    run -0 plan --hooks-dir=/his
    [ "$(jq '.hook.folders | length' <<<"$output")" -eq 1 ]
    [ "$(jq -r '[.argv[] | select(startswith("--hooks-dir"))] | join(" ")' <<<"$output")" = \
        "--hooks-dir --hooks-dir=/his" ]
}

@test "a containers.conf that names folders of hooks: they stay, without the hook" {
    conf=$BATS_TEST_TMPDIR/home2/.config/containers
    mkdir -p "$conf/containers.conf.d"
    printf '[engine]\n# hooks_dir = ["/x"]\n\t#hooks_dir=[]\nruntime = "runc"\n' >"$conf/containers.conf"
    chmod -R a+rX "$BATS_TEST_TMPDIR/home2"
    [ "$(hooks run --rm)" = "$with" ]
    printf '[engine]\n  hooks_dir = ["/x"]\n' >"$conf/containers.conf.d/mine.conf"
    [ "$(hooks run --rm)" = "$without" ]
    run -0 --separate-stderr "${ordinary[@]}" "$NVBIND_BIN/nvbind" -v --host-root "$RUN_HOST" run \
        --rm --gpu 0 --dry-run=json img
    [ "$(grep -c "mine.conf' names folders of hooks" <<<"$stderr")" -eq 1 ]
    # What he says himself replaces them anyway.
    [ "$(hooks run --rm --hooks-dir /his)" = "$with" ]
    mv "$conf/containers.conf.d/mine.conf" "$conf/containers.conf.d/mine.off"
    [ "$(hooks run --rm)" = "$with" ]
    printf 'engine.hooks_dir=[]' >other.conf
    ordinary+=(env CONTAINERS_CONF="$PWD/other.conf")
    [ "$(hooks run --rm)" = "$without" ]
}

@test "bad machine: the hook's file cannot be written" {
    mkdir "$runtime/nvbind"
    [ "$(id -u)" -ne 0 ] || chown 65534 "$runtime/nvbind"
    chmod 0700 "$runtime/nvbind"
    mine run --rm --gpu none img
    : >"$calls"
    touch "$runtime/nvbind/hooks"
    fails "the hook's file for this start" "without '--rm'" mine run --rm --gpu 0 img
}
