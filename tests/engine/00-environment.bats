# The ground that every engine test stands on: a container starts, for both identities and with both
# OCI runtimes, and the engine's own state is nobody else's.

# engines: host podman5

load ../lib/engine

setup_file() {
    engine_setup_file
}

runs_container() {
    local identity=$1 runtime=$2 image
    need_identity "$identity"
    use_runtime "$runtime"
    need_part busybox
    image=$(import_image "$identity" busybox)
    run as "$identity" podman run --rm --network=none "$image" /bin/true
    echo "$output"
    [ "$status" -eq 0 ]
    run as "$identity" podman run --rm --network=none "$image" /bin/sh -c 'id -u; exit 7'
    echo "$output"
    [ "$status" -eq 7 ]
    [ "$output" = 0 ]
    [ "$(as "$identity" podman info --format '{{.Host.OCIRuntime.Name}}')" = "$runtime" ]
}

@test "rootless podman runs a container with runc" { runs_container rootless runc; }
@test "rootless podman runs a container with crun" { runs_container rootless crun; }
@test "rootful podman runs a container with runc" { runs_container rootful runc; }
@test "rootful podman runs a container with crun" { runs_container rootful crun; }

@test "the rootless engine is an ordinary user's, with sub-ids" {
    run as_user podman info --format '{{.Host.Security.Rootless}} {{.Host.IDMappings.UIDMap}}'
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = true* ]]
    [[ $output = *"$NVBIND_T_UID"* ]]
    [ "$(as_user id -u)" = "$NVBIND_T_UID" ]
    [ "$NVBIND_T_UID" != 0 ]
}

@test "the stores are the tests' own, on the overlay driver" {
    local identity
    for identity in rootless rootful; do
        [ "$identity" = rootless ] || [ "$NVBIND_T_MODE" = root ] || continue
        run as "$identity" podman info --format '{{.Store.GraphDriverName}} {{.Store.GraphRoot}}'
        echo "$output"
        [ "$status" -eq 0 ]
        [[ $output = overlay\ * ]]
        [[ $output = *" $NVBIND_T_CACHE/store/"* || $output = *" $NVBIND_T_DIR/store-"* ]]
    done
}
