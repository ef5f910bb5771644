# Bats helpers for nvbind run on the command line: engines that only write down how they were
# called, and a simulated host. `load ../lib/run`, then `run_setup_file` and `run_setup`.

run_setup_file() {
    export RUN_HOST=$BATS_FILE_TMPDIR/host
    "$NVBIND_BIN/nvbind" simulate "$RUN_HOST" --gpus 8 >/dev/null
}

# Everything of the caller's that could decide something is out of the way.
run_setup() {
    local name
    for name in ${!SLURM_*} ${!NVIDIA_*} ${!CONTAINER*} ${!DOCKER_*} ${!XDG_*} CUDA_VISIBLE_DEVICES \
        NVBIND_HOST_ROOT NVBIND_CONFIG; do
        unset "$name"
    done
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME/.config/containers" "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/empty"
    # What an image without a registry means is the subject of short_name.bats alone.
    echo 'unqualified-search-registries = []' >"$HOME/.config/containers/registries.conf"
    # As root, an engine that others could have written is refused.
    chmod 0755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/bin"
    calls=$BATS_TEST_TMPDIR/calls
    : >"$calls"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
    cd "$BATS_TEST_TMPDIR" || return
}

# fake_engine NAME VERSION: an engine that notes its questions and its starts.
fake_engine() {
    local text="$1 version $2"
    [ "$1" = podman ] || text="Docker version $2, build 0000000"
    cat >"$BATS_TEST_TMPDIR/bin/$1" <<FAKE
#!/bin/bash
printf '%q ' "\$@" >>"$calls"
echo >>"$calls"
case "\$*" in
    --version) echo "$text" ;;
    *"/run/user/"*" info --format "*)
        echo '{"ServerVersion": "$2", "SecurityOptions": ["name=rootless"]}'
        ;;
    *" info --format "*) echo '{"ServerVersion": "$2", "version": {"Version": "$2"}}' ;;
    "run --help" | "create --help")
        echo "Options:"
        echo "  -X, --new-value string   An option of tomorrow"
        echo "      --new-flag           Another one"
        ;;
esac
FAKE
    chmod 0755 "$BATS_TEST_TMPDIR/bin/$1"
}

nvbind() {
    "$NVBIND_BIN/nvbind" "$@"
}

# Sets the words that run a command as an ordinary user, with a home of its own.
be_ordinary() {
    ordinary=(env HOME="$BATS_TEST_TMPDIR/home2")
    mkdir -p "$BATS_TEST_TMPDIR/home2"
    cp -r "$HOME/.config" "$BATS_TEST_TMPDIR/home2"
    chmod 0777 "$BATS_TEST_TMPDIR/home2"
    chmod a+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
    [ "$(id -u)" -eq 0 ] || return 0
    chown -R 65534:65534 "$BATS_TEST_TMPDIR/home2"
    ordinary+=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    "${ordinary[@]}" test -x "$NVBIND_BIN/nvbind" || skip "the build folder is closed to other users"
}

# On the simulated host.
sim() {
    nvbind --host-root "$RUN_HOST" "$@"
}

# started: how often an engine was called to make a container.
started() {
    grep -cvE '^(--version|(run|create) --help|--(host|url) .* info --format .*) $' "$calls"
}

# fails TEXT HINT COMMAND...: exit status 125, one error with TEXT, a hint with HINT (which may be
# empty: none is asked for), nothing on standard output, no container.
fails() {
    local text=$1 hint=$2 rc=0
    shift 2
    "$@" >out 2>err || rc=$?
    if [ "$rc" -ne 125 ] || [ -s out ] || [ "$(grep -c '^nvbind: error: ' err)" -ne 1 ] ||
        ! grep -qF -e "$text" err || { [ -n "$hint" ] && ! grep '^  hint: ' err | grep -qF -e "$hint"; } ||
        [ "$(started)" -ne 0 ]; then
        printf 'status %s for: %s\n' "$rc" "$*"
        head -qc 2000 out err "$calls"
        return 1
    fi
}
