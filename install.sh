#!/bin/sh
# Installs nvbind: programs, manual pages, completions, profiles, and the units and udev rule that
# keep a system-wide CDI specification fresh (they run once they are enabled).
#
#   install.sh [--user | --prefix DIR] [--uninstall]
#
# Into /usr/local by default, which needs root; --user is ~/.local, without root. It is built here,
# from the checkout that the script lies in, or, read from a pipe, from a fresh clone of
# NVBIND_REPOSITORY.
set -eu

repository=${NVBIND_REPOSITORY:-https://github.com/ghostkellz/nvbind}
prefix=/usr/local
target=install

die() {
    printf 'install.sh: error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '  hint: %s\n' "$2" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
        --user) prefix=${HOME:?}/.local ;;
        --prefix) [ $# -gt 1 ] || die "--prefix needs a folder"; prefix=$2; shift ;;
        --prefix=*) prefix=${1#*=} ;;
        --uninstall) target=uninstall ;;
        -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) die "unknown option '$1'" "install.sh --help" ;;
    esac
    shift
done
case $prefix in
    /*) ;;
    *) die "--prefix is '$prefix', which is no absolute path" "--prefix $PWD/$prefix" ;;
esac

# The nearest folder above that is there must be writable: better told now than after the build.
folder=$prefix
while [ ! -e "$folder" ]; do
    folder=$(dirname "$folder")
done
[ -w "$folder" ] || die "$folder cannot be written" "sudo $0, or $0 --user"

here=$(cd "$(dirname "$0")" 2>/dev/null && pwd) || here=
if [ ! -f "$here/meson.build" ] || [ ! -f "$here/install.sh" ]; then
    command -v git >/dev/null || die "git is not installed"
    clone=$(mktemp -d)
    trap 'rm -rf "$clone"' EXIT
    git clone --depth 1 "$repository" "$clone/nvbind"
    here=$clone/nvbind
fi
command -v make >/dev/null || die "make is not installed"
make -C "$here" "$target" PREFIX="$prefix"
[ "$target" = uninstall ] || [ -n "${DESTDIR:-}" ] || "$prefix/bin/nvbind" --version
