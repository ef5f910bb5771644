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

readonly settings="CONTAINER_RUNTIME PACKAGES PYTHONBASE BASE_IMAGE PYLAB NOTEBOOKS DOCKER BIND PYPORT TFPORT
    DTPORT RPORT TOKEN USERNS CUDA_INSTALL BUILD_LOG TB_IMAGE NVBIND LAB_UID LAB_GID DOCKER_ARGS BUILD_ARGS
    TB_COMMAND"

# What a file of variables brings along: blanks before a comment, "~/", and values that are not text.
read_values() {
    local name
    for name in $settings; do
        [ -n "${!name+set}" ] || continue
        [ "$name" = DOCKER_ARGS ] || [ "$name" = BUILD_ARGS ] || [[ ${!name} != *[[:cntrl:]]* ]] ||
            die "${name#LAB_} holds a line's end or another character that no value has: $(printf %q "${!name}")"
        printf -v "$name" %s "${!name%"${!name##*[![:blank:]]}"}"
        case $name in
            NOTEBOOKS | DOCKER | BUILD_LOG)
                [[ ${!name} != \~/* ]] || printf -v "$name" %s "${HOME:?}${!name#\~}"
                ;;
        esac
    done
}

check_image_name() {
    [[ ${!1} =~ ^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,250}$ ]] ||
        die "$1 is the name of an image, such as $2, not '${!1}'"
}

# Four numbers, or IPv6 in brackets.
check_bind() {
    local part four='^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})$'
    [[ $BIND =~ $four || $BIND =~ ^\[[0-9a-fA-F:]{2,45}\]$ ]] ||
        die "BIND is an address, such as 127.0.0.1, 0.0.0.0 or [::1], not '$BIND'"
    for part in "${BASH_REMATCH[@]:1}"; do
        [ "$part" -le 255 ] || die "BIND is an address, such as 127.0.0.1 or 0.0.0.0, not '$BIND'"
    done
}

check_ports() {
    local name seen=' '
    for name in PYPORT TFPORT DTPORT RPORT; do
        check_port "$name"
        [[ $seen != *" ${!name}="* ]] || {
            seen=${seen#*" ${!name}="}
            die "$name and ${seen%% *} are both ${!name}" "make $name=$((${!name} % 65535 + 1)) ..."
        }
        seen+="${!name}=$name "
    done
}

check_values() {
    local name
    read_values
    one_of CONTAINER_RUNTIME docker podman
    one_of PACKAGES pypi debian
    # shellcheck disable=SC2086 # words
    one_of PYLAB $all_flavours
    one_of USERNS root keep-id
    one_of CUDA_INSTALL no yes
    [[ $PYTHONBASE =~ ^[a-z0-9][A-Za-z0-9_.-]{0,100}$ ]] ||
        die "PYTHONBASE is the tag of an image, such as 3.12-bullseye, not '$PYTHONBASE'"
    check_image_name BASE_IMAGE debian:trixie
    check_image_name TB_IMAGE tensorflow/tensorflow
    check_bind
    check_ports
    [[ ${PIP_INDEX_URL:-} != *://*@* ]] ||
        die "PIP_INDEX_URL holds a name or a password, which would stay in the images' history" \
            "name the index without; where it asks for one, a proxy on this machine can add it"
    for name in LAB_UID LAB_GID; do
        [[ ${!name} =~ ^(0|[1-9][0-9]{0,8})$ ]] || die "${name#LAB_} is a number, at most 999999999, not '${!name}'"
    done
    [[ ${TOKEN:-} =~ ^[A-Za-z0-9._~-]{0,200}$ ]] ||
        die "TOKEN may hold letters, digits and . _ ~ - alone, at most 200 of them"
    for name in DOCKER_ARGS BUILD_ARGS TB_COMMAND; do split_words "$name"; done
    choose_ids
}

# The lab's user in an image is nobody's root. Rootless, a number of the image is one of the caller's
# sub-ids and never the caller's own: one that most users' sub-ids reach does as well as any.
choose_ids() {
    local name
    for name in LAB_UID LAB_GID; do
        if [ "${!name}" = 0 ] || { is_rootless && [ "${!name}" -gt 65000 ]; }; then
            printf -v "$name" %s 1000
        fi
    done
}

# Sets $split to the words of a variable, by a shell's rules for quotes; nothing is run or expanded.
split_words() {
    local list
    split=()
    list=$(xargs -r printf '%s\n' <<<"${!1-}" 2>/dev/null) || die "$1: quotes do not match: ${!1}"
    [ -z "$list" ] || mapfile -t split <<<"$list"
}

check_engine() {
    local other=docker package=podman
    [ "$CONTAINER_RUNTIME" = podman ] || other=podman package=docker.io
    command -v "$CONTAINER_RUNTIME" >/dev/null || die "$CONTAINER_RUNTIME is not installed" \
        "sudo apt-get install -y $package, or: make CONTAINER_RUNTIME=$other ..."
    if [ "$CONTAINER_RUNTIME" = docker ]; then check_docker; else check_podman; fi
}

# Sets $docker_rootless: then root in a container is who started the daemon.
check_docker() {
    local security why
    docker_rootless=
    if why=$(docker version 2>&1 >/dev/null) && security=$(docker info --format '{{.SecurityOptions}}'); then
        [[ $security != *name=rootless* ]] || docker_rootless=1
        return
    fi
    [[ $why != *"permission denied"* ]] || die "docker's service is closed to $(id -un)" \
        "sudo make ..., or once: sudo usermod -aG docker $(id -un) (whoever is in it is root), or: make CONTAINER_RUNTIME=podman ..."
    die "docker's service does not answer: ${why%%$'\n'*}" \
        "sudo systemctl start docker, or: make CONTAINER_RUNTIME=podman ..."
}

# 1 where this process may raise a limit: CAP_SYS_RESOURCE is bit 24.
may_raise_limits() {
    local bits
    bits=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
    (((16#${bits:-0} >> 24) & 1))
}

# Sets $limit_words. Rootful Podman raises limits in every container, which root without
# CAP_SYS_RESOURCE may not do; one that containers.conf sets is left to it.
check_podman() {
    if [ "$EUID" = 0 ]; then
        may_raise_limits || has_default_ulimits || limit_words=(--ulimit "nofile=$(hard_limit n 20000)"
            --ulimit "nproc=$(hard_limit u 32768)")
        return
    fi
    grep -qsE "^($(id -un)|$EUID):" /etc/subuid || getsubids "$(id -un)" >/dev/null 2>&1 ||
        die "$(id -un) has no sub-ids, which rootless Podman needs for an image's users" \
            "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un); podman system migrate"
}

hard_limit() {
    local value
    value=$(ulimit -H"$1")
    if [ "$value" = unlimited ] || [ "$value" -gt "$2" ]; then value=$2; fi
    echo "$value:$value"
}

has_default_ulimits() {
    grep -qsE '^[[:blank:]]*default_ulimits' "${CONTAINERS_CONF:-/etc/containers/containers.conf}" \
        /etc/containers/containers.conf.d/*.conf /usr/share/containers/containers.conf \
        "${CONTAINERS_CONF_OVERRIDE:-/dev/null}"
}

# Whether a container's root is the caller; Docker's answer comes from check_engine.
is_rootless() {
    if [ "$CONTAINER_RUNTIME" = podman ]; then [ "$EUID" != 0 ]; else [ -n "${docker_rootless:-}" ]; fi
}

has_selinux() { [ -e /sys/fs/selinux/enforce ]; }

# Where this machine itself reaches what is published on BIND.
own_address() {
    case $BIND in
        0.0.0.0) echo 127.0.0.1 ;;
        '[::]') echo ::1 ;;
        *) echo "${BIND//[\[\]]/}" ;;
    esac
}

# Whether somebody listens there already.
port_answers() { (exec 3<>"/dev/tcp/$(own_address)/$1") 2>/dev/null; }

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

# The folders' own defaults are made, a folder that somebody named must be there; the lab's user may
# write both.
check_folders() {
    local name
    for name in NOTEBOOKS DOCKER; do
        case ${!name} in
            "$here"/notebooks | "$here"/notebook) make_folder "${!name}" ;;
            /*)
                [ ! -e "${!name}" ] || [ -d "${!name}" ] || die "$name: '${!name}' is no folder"
                [ -d "${!name}" ] || die "$name: there is no folder '${!name}'" "mkdir -p $(printf %q "${!name}")"
                ;;
            [\"\']*) die "$name is an absolute path, and make takes quotes as a part of it: ${!name}" "without the quotes" ;;
            *) die "$name is an absolute path, not '${!name}'" "make $name=\"\$PWD\"/$(printf %q "${!name}") ..." ;;
        esac
        [[ ${!name} != *[:,]* ]] || die "$name: an engine takes no ':' and no ',' in a path: '${!name}'"
        check_writable "$name"
    done
}

# Under sudo a folder belongs to who called it, not to root.
make_folder() {
    [ ! -d "$1" ] || return 0
    mkdir "$1" || die "'$1' cannot be made"
    give_to_user "$1"
}

give_to_user() { [ "$EUID" != 0 ] || chown -h "$LAB_UID:$LAB_GID" "$1"; }

check_writable() {
    local path=${!1} who=$EUID
    if is_rootless || [ "$LAB_UID" = "$EUID" ]; then
        [ ! -w "$path" ] || return 0
    elif [ "$EUID" = 0 ] && command -v setpriv >/dev/null; then
        # The folder's own mode counts: the engine takes it from wherever it lies.
        who=$LAB_UID
        ! (cd "$path" && setpriv --reuid "$LAB_UID" --regid "$LAB_GID" --clear-groups test -w .) || return 0
    else
        # Another's rights: as their owner alone can be told.
        who=$LAB_UID
        [ "$(stat -Lc %u "$path")" != "$LAB_UID" ] || return 0
        [[ $(stat -Lc %a "$path") != *[2367] ]] || return 0
    fi
    die "$1: user $who may not write in '$path', so the lab could not" \
        "sudo chown $who $(printf %q "$path"), or make $1=ANOTHER ..."
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

limit_words=() image_prefix=
[ "${CONTAINER_RUNTIME:-}" != podman ] || image_prefix=localhost/
