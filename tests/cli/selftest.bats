# nvbind selftest: what is said before a container is made. Containers: tests/engine/60-selftest.bats.

bats_require_minimum_version 1.5.0

setup() {
    PATH=$NVBIND_BIN:$PATH
    cd "$BATS_TEST_TMPDIR" || return
}

@test "root writes nothing into a folder that another user could turn" {
    [ "$(id -u)" = 0 ] || skip "not root"
    mkdir -p his/.cache/nvbind open
    chown -R 65534 his
    chmod 0777 open
    for home in his open; do
        HOME=$PWD/$home run -125 --separate-stderr nvbind selftest
        # shellcheck disable=SC2154 # run sets it
        [[ $stderr = *"'$PWD/$home/.cache/nvbind', is not root's alone"*"hint: "* ]]
        [ -z "$(find "$home" -name 'selftest*')" ]
    done
}
