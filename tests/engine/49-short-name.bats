# engines: host podman5
# more engines: podman54 podman6
#
# Images named without a registry, on real Podman: a local one wins, else Docker's registry is asked.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() { engine_setup_file; }

setup() {
    if grep -qs '^ *unqualified-search-registries' /etc/containers/registries.conf \
        /etc/containers/registries.conf.d/*; then
        skip "this machine's Podman has registries to search"
    fi
}

nvbind_run() {
    run --separate-stderr as_user "$NVBIND_BIN/nvbind" run --rm --network=none --gpu none "$@"
    printf '%s\n' "$output" "-- $stderr"
}

@test "a local image of that name wins" {
    local image
    image=$(import_image rootless busybox)
    as_user podman tag "$image" localhost/nvbind-steam:latest localhost/nvbind/steam:1
    nvbind_run nvbind-steam:latest echo found
    [ "$status" -eq 0 ]
    [ "$output" = found ]
    nvbind_run nvbind-steam echo found
    [ "$output" = found ]
    nvbind_run nvbind/steam:1 echo found
    [ "$output" = found ]
    as_user podman rmi localhost/nvbind-steam:latest localhost/nvbind/steam:1 >/dev/null
}

# There is no network in here: the engine's own error tells where it went.
@test "without a local image it asks Docker's registry, and Podman alone would not" {
    nvbind_run nvbind-absent:latest true
    [ "$status" -eq 125 ]
    [[ $stderr = *"docker.io/library/nvbind-absent:latest"*"docker.io"* ]]
    nvbind_run nvbind/absent true
    [ "$status" -eq 125 ]
    [[ $stderr = *"//registry-1.docker.io/"* || $stderr = *"pinging container registry"* ]]
    run as_user podman run --rm --network=none nvbind-absent:latest true
    [ "$status" -eq 125 ]
    [[ $output != *docker.io* ]] # in words that differ from version to version
}

@test "the user's own registries.conf still counts, version 1 too" {
    local conf
    conf=$(shared_folder)/registries.conf
    printf '[[registry]]\nlocation = "docker.io"\nblocked = true\n' >"$conf"
    chmod a+r "$conf"
    run --separate-stderr as_user env CONTAINERS_REGISTRIES_CONF="$conf" "$NVBIND_BIN/nvbind" run \
        --rm --gpu none nvbind-absent true
    echo "$stderr"
    [ "$status" -eq 125 ]
    [[ $stderr = *blocked* ]]
    printf '[registries.block]\nregistries = ["docker.io"]\n' >"$conf"
    run --separate-stderr as_user env CONTAINERS_REGISTRIES_CONF="$conf" "$NVBIND_BIN/nvbind" run \
        --rm --gpu none nvbind-absent true
    echo "$stderr"
    [ "$status" -eq 125 ]
    [[ $stderr = *blocked* || $stderr = *"v1"* || $stderr = *"V1"* ]]
}
