# engines: podman5
# Podman 5.5 and later take a folder of specifications from their caller. nvbind run writes one there
# that brings the hook: the loader's own list then has the driver. Without it the libraries lie where
# the loader looks anyway, and the list does not know them.

load ../lib/engine

setup_file() {
    engine_setup_file
    simulate_host --gpus 2
}

lists() {
    local identity=$1 image
    need_identity "$identity"
    need_part debian-trixie
    use_runtime "$2"
    image=$(import_image "$identity" debian-trixie)
    run sim "$identity" run --rm --network=none --gpu 0 "$image" ldconfig -p
    [ "$status" -eq 0 ]
    grep -F 'libcuda.so.1 (libc6,x86-64) => ' <<<"$output"
    grep -F 'libc.so.6 (libc6,x86-64) => ' <<<"$output"
    run sim "$identity" run --rm --network=none --gpu 0 --read-only "$image" ldconfig -p
    [ "$status" -eq 0 ]
    # What may have to start without nvbind goes without.
    run sim "$identity" run --replace --name nvbind-stays --network=none --gpu 0 "$image" ldconfig -p
    as "$identity" podman rm -fi nvbind-stays >/dev/null
    [ "$status" -eq 0 ]
    [[ $output != *libcuda.so.1* ]]
}

@test "the hook puts the driver into the loader's list: rootless, runc" { lists rootless runc; }
@test "the hook puts the driver into the loader's list: rootless, crun" { lists rootless crun; }
@test "the hook puts the driver into the loader's list: rootful, runc" { lists rootful runc; }
@test "the hook puts the driver into the loader's list: rootful, crun" { lists rootful crun; }

@test "the same host writes its specification once, for its owner alone" {
    local image folder=/run/user/$NVBIND_T_UID/nvbind/cdi
    image=$(import_image rootless busybox)
    rm -rf "$folder"
    for _ in 1 2; do
        run sim rootless run --rm --network=none --gpu 0 "$image" ls /dev/nvidia0
        [ "$status" -eq 0 ]
    done
    run find "$folder" -type f -printf '%m %U %f\n'
    echo "$output"
    [ "$output" = "600 $NVBIND_T_UID nvidia.com-gpu.json" ]
}

@test "a container that was asked to need nvbind again says so, and starts with it" {
    local image
    image=$(import_image rootless busybox)
    run sim rootless run --cdi --name nvbind-kept --network=none --gpu 0 "$image" ls /dev/nvidia0
    echo "$output"
    as_user podman rm -f nvbind-kept >/dev/null
    [ "$status" -eq 0 ]
    [[ $output = *warning*"--no-cdi"* ]]
}
