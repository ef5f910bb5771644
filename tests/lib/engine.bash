# Bats helpers for real container engines: `load ../lib/engine` at the top of a file, and
# `engine_setup_file` in its setup_file. The file is run by `tests/run engine`, inside tests/lib/ns.
#
# An identity is "rootless" or "rootful". Rootless commands run as $NVBIND_T_USER, an ordinary user
# with sub-ids; rootful ones as root. Each has a store of its own. The OCI runtime of all that
# follows is chosen by `use_runtime runc|crun`.
#
#   podman_rootless ARGS...   podman_rootful ARGS...   as IDENTITY podman ARGS...
#   as_user COMMAND...        as_root COMMAND...       as IDENTITY COMMAND...
#   import_image IDENTITY busybox|debian-trixie|debian-bookworm      prints the image's name
#   need_rootful, need_runtime NAME, need_part NAME                  skip with the reason
#   part_path NAME                                                   the folder or file in the cache
#   simulate_host WORDS...   sets HOST, a simulated host that both identities may read
#   sim IDENTITY WORDS...    nvbind on it
#   smi_status TREE      what the real nvidia-smi exits with once it has found every library

engine_setup_file() {
    if [ -z "${NVBIND_T_DIR:-}" ]; then
        echo "engine tests need the environment of tests/lib/ns: tests/run engine" >&2
        return 1
    fi
    # Bats keeps its folders to its own user; the unprivileged one must be able to pass.
    chmod a+x "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR" "$BATS_FILE_TMPDIR" 2>/dev/null || true
    export TMPDIR=$NVBIND_T_DIR/tmp
    export NVBIND_T_RUNTIME=${NVBIND_T_RUNTIME:-runc}
    # Podman 4.3.1 loses a short container's exit status now and then ("no such exit code", status
    # 127: 2 of 240 runs on a machine with a load of four a core), so a test has a second try. A file
    # whose subject is a race sets this to 0 after the call.
    export BATS_TEST_RETRIES=1
}

# A fresh folder that both identities may write, removed when the run ends.
shared_folder() {
    local dir
    dir=$(mktemp -d "$NVBIND_T_DIR/tmp/test.XXXXXX")
    chmod 1777 "$dir"
    printf '%s\n' "$dir"
}

simulate_host() {
    HOST=$(shared_folder)/host
    "$NVBIND_BIN/nvbind" simulate "$HOST" "$@" >/dev/null
    chmod -R a+rX "$HOST"
    export HOST
}

sim() {
    local identity=$1
    shift
    as "$identity" "$NVBIND_BIN/nvbind" --host-root "$HOST" "$@"
}

use_runtime() {
    need_runtime "$1"
    export NVBIND_T_RUNTIME=$1
}

need_runtime() {
    command -v "$1" >/dev/null || skip "$1 is not installed"
    if [ "$1" = crun ] && [ "$NVBIND_T_CGROUP" = hybrid ]; then
        skip "crun refuses this machine's hybrid control groups, and only root could change them"
    fi
}

need_rootful() {
    [ "$NVBIND_T_MODE" = root ] || skip "started by an ordinary user: no rootful engine"
}

need_identity() {
    [ "$1" = rootless ] || need_rootful
}

# The reason is what tests/lib/cache could not do.
need_part() {
    local why
    why=$("$NVBIND_T_SRC/tests/lib/cache" why "$1") && return 0
    skip "$why"
}

part_path() {
    "$NVBIND_T_SRC/tests/lib/cache" path "$1"
}

# Without its libraries nvidia-smi exits 12. With them it depends on the tree's device nodes: real
# ones without a driver make it 9 ("couldn't communicate"), regular files 17 ("blocked by the
# operating system"). As root, without /dev/nvidiactl in the container, the library makes the node
# itself, may not open it, and the answer is 255.
smi_status() {
    if [ -c "$1/dev/nvidiactl" ]; then echo 9; else echo 17; fi
}

# What both identities need: nothing of the caller's environment but nvbind's own variables, and of
# those not the ones that only the tests know, which nvbind would remark on.
engine_env() {
    local who=$1 home=$2 run=$3 name
    printf '%s\0' "PATH=$PATH" "LC_ALL=C.UTF-8" "TMPDIR=$NVBIND_T_DIR/tmp" "HOME=$home" \
        "USER=$who" "LOGNAME=$who" "PODMAN_IGNORE_CGROUPSV1_WARNING=1"
    [ -z "$run" ] || printf '%s\0' "XDG_RUNTIME_DIR=$run"
    for name in ${!NVBIND_*} ${!ASAN_*} ${!UBSAN_*} ${!LSAN_*} CUDA_VISIBLE_DEVICES; do
        # The tests' own variables look to nvbind like misspelt ones of its.
        [[ $name != NVBIND_T_* ]] || continue
        [ -z "${!name+set}" ] || printf '%s\0' "$name=${!name}"
    done
}

# shellcheck disable=SC2153 # NVBIND_T_UID comes from tests/lib/ns
as_user() {
    local vars conf=$NVBIND_T_DIR/conf/user
    if [ "$NVBIND_T_MODE" = root ]; then
        mapfile -d '' -t vars < <(engine_env "$NVBIND_T_USER" \
            "$NVBIND_T_DIR/home/$NVBIND_T_USER" "/run/user/$NVBIND_T_UID")
        env -i "${vars[@]}" "CONTAINERS_CONF=$conf/$NVBIND_T_RUNTIME.conf" \
            "CONTAINERS_STORAGE_CONF=$conf/storage.conf" \
            setpriv --reuid "$NVBIND_T_UID" --regid "$NVBIND_T_UID" --init-groups -- "$@"
    else
        mapfile -d '' -t vars < <(engine_env "$NVBIND_T_USER" "$NVBIND_T_DIR/home" \
            "$NVBIND_T_DIR/run")
        env -i "${vars[@]}" "CONTAINERS_CONF=$conf/$NVBIND_T_RUNTIME.conf" \
            "CONTAINERS_STORAGE_CONF=$conf/storage.conf" "$@"
    fi
}

as_root() {
    local vars conf=$NVBIND_T_DIR/conf/root
    mapfile -d '' -t vars < <(engine_env root "$NVBIND_T_DIR/home/root" "")
    mkdir -p "$NVBIND_T_DIR/home/root"
    env -i "${vars[@]}" "CONTAINERS_CONF=$conf/$NVBIND_T_RUNTIME.conf" \
        "CONTAINERS_STORAGE_CONF=$conf/storage.conf" "$@"
}

as() {
    local identity=$1
    shift
    case $identity in
        rootless) as_user "$@" ;;
        rootful) as_root "$@" ;;
        *) echo "an identity is rootless or rootful, not '$identity'" >&2; return 1 ;;
    esac
}

podman_rootless() { as_user podman "$@"; }
podman_rootful() { as_root podman "$@"; }

# import_image IDENTITY PART: the image, from the cached tarball; made anew when that has changed.
import_image() {
    local identity=$1 part=$2 name=localhost/nvbind-test/$2 file key
    file=$(part_path "$part")
    key=$(stat -c '%Y-%s' "$file")
    if [ "$(as "$identity" podman image inspect --format '{{index .Labels "nvbind.key"}}' "$name" \
        2>/dev/null)" != "$key" ]; then
        # By standard input: the unprivileged user need not reach the file.
        as "$identity" podman import -q --change "LABEL nvbind.key=$key" \
            --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
            - "$name" <"$file" >/dev/null
    fi
    printf '%s\n' "$name"
}
