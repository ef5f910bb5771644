# Values of Configuration.mk and how this machine stands to them. Sourced by scripts/lab.
# shellcheck shell=bash

readonly all_flavours="mini common torch tf jax"

die() {
    printf 'pyrlab: error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '  hint: %s\n' "$2" >&2
    exit 1
}

say() { printf 'pyrlab: %s\n' "$*" >&2; }

# one_of NAME WORD...: the variable has one of these values.
one_of() {
    local name=$1 word
    shift
    for word; do [ "${!name}" != "$word" ] || return 0; done
    die "$name is one of: $*; not '${!name}'" "make $name=$1 ..., or the line in Configuration.mk"
}

check_port() {
    [[ ${!1} =~ ^[1-9][0-9]{0,4}$ ]] || die "$1 is a port from 1 to 65535, not '${!1}'"
    [ "${!1}" -le 65535 ] || die "$1 is a port from 1 to 65535, not '${!1}'"
}

check_values() {
    one_of CONTAINER_RUNTIME docker podman
    one_of PACKAGES pypi debian
    # shellcheck disable=SC2086 # words
    one_of PYLAB $all_flavours
    one_of USERNS root keep-id
    one_of CUDA_INSTALL no yes
    [[ $PYTHONBASE =~ ^[a-z0-9][A-Za-z0-9_.-]{0,100}$ ]] ||
        die "PYTHONBASE is the tag of an image, such as 3.12-bullseye, not '$PYTHONBASE'"
    [[ $BIND =~ ^[0-9.]+$ || $BIND =~ ^\[[0-9a-fA-F:]+\]$ ]] ||
        die "BIND is an address, such as 127.0.0.1 or 0.0.0.0, not '$BIND'"
    local name
    for name in PYPORT TFPORT DTPORT RPORT; do check_port "$name"; done
    for name in LAB_UID LAB_GID; do
        [[ ${!name} =~ ^[0-9]{1,9}$ ]] || die "${name#LAB_} is a number, not '${!name}'"
    done
    # The lab's user in an image is nobody's root.
    [ "$LAB_UID" != 0 ] || LAB_UID=1000
    [ "$LAB_GID" != 0 ] || LAB_GID=1000
}

check_engine() {
    command -v "$CONTAINER_RUNTIME" >/dev/null || die "$CONTAINER_RUNTIME is not installed" \
        "sudo apt-get install -y $([ "$CONTAINER_RUNTIME" = podman ] && echo podman || echo docker.io), or: make CONTAINER_RUNTIME=$([ "$CONTAINER_RUNTIME" = podman ] && echo docker || echo podman) ..."
    if [ "$CONTAINER_RUNTIME" = docker ]; then
        local why
        why=$(docker version 2>&1 >/dev/null) ||
            die "docker's service does not answer: ${why%%$'\n'*}" "sudo systemctl start docker, or: make CONTAINER_RUNTIME=podman ..."
    fi
}

is_rootless() { [ "$CONTAINER_RUNTIME" = podman ] && [ "$EUID" != 0 ]; }

has_selinux() { [ -e /sys/fs/selinux/enforce ]; }

# Whether somebody listens there already.
port_answers() {
    local address=${BIND//[\[\]]/}
    [ "$address" != 0.0.0.0 ] || address=127.0.0.1
    (exec 3<>"/dev/tcp/$address/$1") 2>/dev/null
}

# check_free PORT-VARIABLE...: nobody has these ports, and the caller may take them.
check_free() {
    local name first
    for name; do
        ! port_answers "${!name}" || die "port ${!name} ($name) on $BIND is in use" \
            "$CONTAINER_RUNTIME ps -a shows containers; or take another: make $name=$((${!name} + 1)) ..."
        first=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024)
        if is_rootless && [ "${!name}" -lt "$first" ]; then
            die "port ${!name} ($name) is below $first, and rootless Podman may not take it" \
                "sudo sysctl net.ipv4.ip_unprivileged_port_start=${!name}"
        fi
    done
}

# The folders' own defaults are made, a folder that somebody named must be there.
check_folders() {
    local name
    for name in NOTEBOOKS DOCKER; do
        case ${!name} in
            "$here"/notebooks | "$here"/notebook) mkdir -p "${!name}" ;;
            /*) [ -d "${!name}" ] || die "$name: there is no folder '${!name}'" "mkdir -p '${!name}'" ;;
            *) die "$name is an absolute path, not '${!name}'" "make $name=\"\$PWD/${!name}\" ..." ;;
        esac
        [[ ${!name} != *[:,]* ]] || die "$name: an engine takes no ':' and no ',' in a path: '${!name}'"
    done
}

# Names of images: Podman's own are under localhost/.
image_of() {
    local name
    case $1 in
        base | rbase | rlab) name=$1 ;;
        *) name=pylab-$1 ;;
    esac
    [ "$name" != base ] || name=pylab-base
    printf '%s%s:%s\n' "$image_prefix" "$name" "$PYTHONBASE"
}

has_image() { "$CONTAINER_RUNTIME" image inspect "$1" >/dev/null 2>&1; }

image_prefix=
[ "${CONTAINER_RUNTIME:-}" != podman ] || image_prefix=localhost/
