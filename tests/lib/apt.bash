# shellcheck disable=SC2154 # $cache, $part and $parts are tests/lib/cache's, as cannot() is
# What tests/lib/cache has of the distribution's archive. Sourced by it.
#
# A suite's lists are fetched once a call of "cache make", and a package once: all parts of a suite
# share a folder in $cache/.apt. Root trees are not installed one by one either: each is the suite's
# plain Debian unpacked, and what else it needs installed there by the machine's own apt.

readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Prints the address of a Debian archive, as this machine's apt knows it.
debian_mirror() {
    local uri
    if [ -n "${NVBIND_TEST_MIRROR:-}" ]; then
        printf '%s\n' "$NVBIND_TEST_MIRROR"
        return
    fi
    # The label is known once there are lists; before that, Debian's release names tell as much.
    # shellcheck disable=SC2016 # apt fills these in
    uri=$(apt-get indextargets --format '$(LABEL)|$(REPO_URI)|$(CODENAME)|$(COMPONENT)' \
        'Created-By: Packages' 2>/dev/null |
        awk -F'|' '$4 == "main" && ($1 == "Debian" || ($1 == "" &&
            $3 ~ /^(bookworm|trixie|forky|sid|stable|testing|unstable)$/)) { print $2; exit }')
    [ -n "$uri" ] || return 1
    printf '%s\n' "$uri"
}

# source_line SUITE COMPONENTS
source_line() {
    local uri
    uri=$(debian_mirror) ||
        cannot "no Debian archive among this machine's apt sources (NVBIND_TEST_MIRROR can name one)"
    [ -f "$keyring" ] || cannot "$keyring is missing (package debian-archive-keyring)"
    printf 'deb [signed-by=%s] %s %s %s\n' "$keyring" "$uri" "$1" "$2"
}

# suite_apt SUITE[:ARCHITECTURE | +OTHER PACKAGE]: sets "apt" to a folder with lists, and APT_CONFIG
# to settings, of our own: the machine's packages, lists and settings stay as they are; only how to
# reach the archive (proxies and the like) is taken over. With an architecture both are known; with
# a second suite the package comes from there.
suite_apt() {
    local suite=${1%%[:+]*} other='' components='main contrib non-free non-free-firmware' line lines
    local architectures='' native
    [[ $1 != *+* ]] || other=${1#*+}
    native=$(dpkg --print-architecture)
    architectures="\"$native\";"
    [[ $1 != *:* ]] || architectures+=" \"${1#*:}\";"
    apt=$cache/.apt/$1
    export APT_CONFIG=$apt/apt.conf
    [ ! -e "$apt/fetched" ] || return 0
    line=$(source_line "$suite" "$components") || exit 1
    lines=("$line")
    if [ -n "$other" ]; then
        line=$(source_line "$other" main) || exit 1
        lines+=("$line")
    fi
    rm -rf "$apt"
    mkdir -p "$apt/lists/partial" "$cache/.apt/$suite.debs/partial"
    : >"$apt/status"
    printf '%s\n' "${lines[@]}" >"$apt/sources.list"
    [ -z "$other" ] ||
        printf 'Package: %s\nPin: release a=%s\nPin-Priority: 990\n' "$2" "$other" >"$apt/pin"
    {
        env -u APT_CONFIG apt-config dump | grep '^Acquire::' || true
        cat <<CONF
APT::Architecture "$native";
APT::Architectures { $architectures };
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
APT::Sandbox::User "$(id -un)";
APT::Install-Recommends "false";
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Cache::archives "$cache/.apt/$suite.debs";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::main "/dev/null";
Dir::Etc::preferences "$([ -z "$other" ] && echo /dev/null || echo "$apt/pin")";
Dir::Etc::preferencesparts "/dev/null";
CONF
    } >"$apt/apt.conf"
    apt-get -q update >"$cache/$part.log" 2>&1 ||
        cannot "apt-get update failed: $(tail -n1 "$cache/$part.log")"
    : >"$apt/fetched"
}

# download DIR SUITE PACKAGE...: into DIR. A name may end in ":ARCHITECTURE".
download() {
    local dir=$1 suite=$2 apt
    shift 2
    [[ $* != *:i386* ]] || suite+=:i386
    suite_apt "$suite"
    mkdir -p "$dir"
    (cd "$dir" && apt-get -q download "$@") >>"$cache/$part.log" 2>&1 ||
        cannot "apt-get download failed: $(grep -m1 '^E:' "$cache/$part.log" || tail -n1 "$cache/$part.log")"
    unset APT_CONFIG
}

# unpack DEBS TREE PACKAGE: "NAME" or "NAME:ARCHITECTURE".
unpack() {
    local name=${3%:*} arch=amd64 deb
    [[ $3 != *:* ]] || arch=${3#*:}
    for deb in "$1/${name}"_*_"$arch".deb "$1/${name}"_*_all.deb; do
        [ ! -e "$deb" ] || dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$2" ||
            cannot "dpkg-deb failed on $3"
    done
}

# mmdebstrap_run SUITE[:ARCHITECTURE] ARGS...: as root directly, as an ordinary user in a user
# namespace. The lists are those that are there already.
mmdebstrap_run() {
    local suite=$1 apt
    shift
    command -v mmdebstrap >/dev/null || cannot "mmdebstrap is not installed (scripts/setup check)"
    suite_apt "$suite"
    unset APT_CONFIG
    mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
        --dpkgopt=force-unsafe-io --skip=update \
        --setup-hook="cp '$apt'/lists/*_* \"\$1/var/lib/apt/lists/\"" "$@" \
        >"$cache/$part.log" 2>&1 ||
        cannot "mmdebstrap failed: $(grep -m1 -i '^E:' "$cache/$part.log" || tail -n1 "$cache/$part.log")"
}

# plain_debian SUITE: prints where an archive of the suite's plain Debian lies.
plain_debian() {
    local archive=$cache/.apt/$1.tar
    if [[ " ${parts[*]} " == *" debian-$1 "* ]] && is_there "debian-$1"; then
        archive=$cache/debian-$1
    elif [ ! -e "$archive" ]; then
        make_debian "$archive.new" "$1" && mv "$archive.new" "$archive"
    fi
    printf '%s\n' "$archive"
}

# install_into TREE SUITE PACKAGES [SUITE+OTHER PACKAGE]: plain Debian of the suite and these, the one
# package from the other suite. Root's alone.
install_into() {
    local tree=$1 suite=$2 base apt
    local -a names
    read -rd '' -a names <<<"$3" || true
    base=$(plain_debian "$suite") || exit 1
    suite_apt "${4:-$suite}" "${5:-}"
    mkdir -m 0755 "$tree"
    tar -C "$tree" -xpf "$base" --numeric-owner --exclude='./usr/share/doc/*' \
        --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' ||
        cannot "plain Debian $suite cannot be unpacked"
    printf 'path-exclude=/usr/share/%s/*\n' doc man locale >"$tree/etc/dpkg/dpkg.cfg.d/small"
    echo force-unsafe-io >"$tree/etc/dpkg/dpkg.cfg.d/fast"
    printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
    chmod 0755 "$tree/usr/sbin/policy-rc.d"
    # Paths below the tree are given to its dpkg as it sees them. The mounts go with the namespace.
    # shellcheck disable=SC2016 # the inner shell's
    DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 unshare -m -- bash -ec '
        tree=$1 debs=$2
        shift 2
        for dir in proc sys dev; do mount -n --rbind "/$dir" "$tree/$dir"; done
        mount -n --bind "$debs" "$tree/var/cache/apt/archives"
        exec apt-get -q -y -o Dir::State::status="$tree/var/lib/dpkg/status" \
            -o Dir::Cache::archives="$tree/var/cache/apt/archives" \
            -o DPkg::Chroot-Directory="$tree" -o Dpkg::Use-Pty=0 install "$@"
    ' install_into "$tree" "$cache/.apt/$suite.debs" "${names[@]}" >>"$cache/$part.log" 2>&1 ||
        cannot "apt-get install failed: $(grep -m1 '^E:' "$cache/$part.log" || tail -n1 "$cache/$part.log")"
    unset APT_CONFIG
    rm -rf "$tree"/usr/sbin/policy-rc.d "$tree"/etc/dpkg/dpkg.cfg.d/{fast,small} \
        "$tree"/var/log/apt "$tree"/var/log/{dpkg,alternatives}.log "$tree"/var/cache/debconf/*-old
}
