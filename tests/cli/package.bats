# The package and the installer: what they put there works, and goes again without a trace. Those
# that build everything once more are run by "make check-packages" (NVBIND_TEST_PACKAGES=all).

bats_require_minimum_version 1.5.0


# A root with nothing but a package manager's own folders.
debian_root() {
    mkdir -p "$1/var/lib/dpkg/updates" "$1/var/lib/dpkg/info"
    touch "$1/var/lib/dpkg/status" "$1/var/lib/dpkg/available"
}

in_root() {
    dpkg --root="$1" --log=/dev/null --force-not-root --force-script-chrootless --force-depends \
        --force-bad-path "${@:2}"
}

@test "a .deb is made, installed and removed, and nothing stays" {
    command -v dpkg-deb >/dev/null || skip "dpkg is not installed"
    command -v meson >/dev/null || skip "meson is not installed"
    cd "$BATS_TEST_TMPDIR" || return
    [ -f "$NVB_SOURCE/packaging/deb/build" ]
    # What did not change since the last run is not compiled again, where there is a ccache: the
    # folder of the build has another name each time.
    CCACHE_DIR=${NVBIND_TEST_CACHE:-$PWD}/ccache CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=200M \
        "$NVB_SOURCE/packaging/deb/build" . >/dev/null
    root=$PWD/root
    debian_root "$root"
    in_root "$root" -i ./nvbind_*.deb
    "$root/usr/bin/nvbind" --version
    # It finds its hook in libexec, and its profiles are built in.
    "$root/usr/bin/nvbind" simulate host >/dev/null
    "$root/usr/bin/nvbind" --host-root host cdi generate | grep -q "$root/usr/libexec/nvbind/nvbind-hook"
    "$root/usr/bin/nvbind" profile list | grep -q gaming
    grep -q '^ExecStart=/usr/bin/nvbind cdi refresh' "$root/usr/lib/systemd/system/nvbind-cdi-refresh.service"
    in_root "$root" --purge nvbind
    [ -z "$(find "$root" -path "$root/var/lib/dpkg" -prune -o -type f -print)" ]
}

@test "an .rpm is made, installed and removed, and nothing stays" {
    [ "${NVBIND_TEST_PACKAGES:-}" = all ] || skip "make check-packages runs it"
    command -v rpmbuild >/dev/null || skip "rpmbuild is not installed"
    cd "$BATS_TEST_TMPDIR" || return
    # The machine's own libraries stand in for what Fedora's packages are called.
    "$NVB_SOURCE/packaging/rpm/build" . --nodeps >/dev/null
    root=$PWD/root
    mkdir -p "$root"
    rpm --root "$root" --initdb
    rpm --root "$root" -i --nodeps --noscripts --ignoreos ./nvbind-*.rpm
    "$root/usr/bin/nvbind" --version
    rpm --root "$root" -e --noscripts nvbind
    [ -z "$(find "$root" -path '*rpm*' -prune -o -type f -print)" ]
}

@test "install.sh refuses what it cannot do before it builds" {
    run -0 "$NVB_SOURCE/install.sh" --help
    [[ $output = *'--uninstall'* ]]
    run -2 --separate-stderr "$NVB_SOURCE/install.sh" --prefix usr
    [[ $stderr = *"no absolute path"* ]]
    run -2 --separate-stderr "$NVB_SOURCE/install.sh" --here
    [[ $stderr = *"unknown option '--here'"* ]]
    [ "$(id -u)" != 0 ] || return 0 # who can write everywhere
    run -2 --separate-stderr "$NVB_SOURCE/install.sh" --prefix /proc/nvbind
    [[ $stderr = *'cannot be written'*'--user'* ]]
}

@test "make install and uninstall leave nothing behind" {
    command -v ninja >/dev/null || skip "ninja is not installed"
    DESTDIR=$BATS_TEST_TMPDIR/stage meson install -C "${NVBIND_BUILD:?}" --no-rebuild --quiet
    [ -n "$(find "$BATS_TEST_TMPDIR/stage" -name nvbind -type f -perm -u+x)" ]
    DESTDIR=$BATS_TEST_TMPDIR/stage ninja -C "$NVBIND_BUILD" uninstall >/dev/null
    [ -z "$(find "$BATS_TEST_TMPDIR/stage" -type f -o -type l)" ]
}

@test "install.sh --user and --uninstall leave the home as it was" {
    [ "${NVBIND_TEST_PACKAGES:-}" = all ] || skip "make check-packages runs it"
    command -v meson >/dev/null || skip "meson is not installed"
    cd "$BATS_TEST_TMPDIR" || return
    cp -r "$NVB_SOURCE" checkout 2>/dev/null || true
    rm -rf checkout/build*
    mkdir home
    HOME=$PWD/home checkout/install.sh --user >log 2>&1 || { tail -n 20 log; return 1; }
    home/.local/bin/nvbind --version
    [ -f home/.local/share/man/man1/nvbind-run.1 ]
    HOME=$PWD/home checkout/install.sh --user --uninstall >log 2>&1 || { tail -n 20 log; return 1; }
    [ -z "$(find home/.local -type f)" ]
}
