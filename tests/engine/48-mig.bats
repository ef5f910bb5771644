# engines: host podman5
# MIG devices of a simulated host in real containers: inside is the slice that was chosen, its GPU and
# what all GPUs share, and nothing of another slice.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    HOST=$(shared_folder)/host
    # GPU 0 whole, GPU 1 cut in three, GPU 2 in one GPU instance of two compute instances.
    "$NVBIND_BIN/nvbind" simulate "$HOST" --gpus 3 --mig 1:4g.20gb,2g.10gb,1g.5gb \
        --mig 2:3g.20gb/2 >/dev/null
    # The node of whoever may cut GPUs stays closed.
    chmod -R a+rX "$HOST/proc" "$HOST/sys" "$HOST/usr" "$HOST/etc"
    export HOST
}

# shellcheck disable=SC2016 # for the shell inside
readonly look='cd /dev; echo $(ls -d nvidia[0-9]* dri nvidia-caps/* 2>/dev/null); cat nvidia-caps/* | sort -u'
readonly stand_in='A stand-in for a device node of a simulated host.'

# sees WANTED WORDS...: what a container shows that gets WORDS.
sees() {
    local wanted=$1
    shift
    run sim "$identity" run --rm --network=none "$@" "$image" sh -c "$look"
    echo "$* gives $status: $output"
    [ "$status" -eq 0 ]
    [ "$output" = "$wanted
$stand_in" ]
}

shows_slices() {
    identity=$1
    need_identity "$identity"
    use_runtime "$2"
    image=$(import_image "$identity" busybox)
    sees "nvidia-caps/nvidia-cap183 nvidia-caps/nvidia-cap184 nvidia1" --gpu 1:1
    sees "nvidia-caps/nvidia-cap282 nvidia-caps/nvidia-cap284 nvidia2" --gpu 2:1 --isolate
    sees "nvidia-caps/nvidia-cap147 nvidia-caps/nvidia-cap148 nvidia0 nvidia1" \
        -e NVIDIA_VISIBLE_DEVICES=0,1:0
    sees "nvidia-caps/nvidia-cap255 nvidia-caps/nvidia-cap256 nvidia1" --gpus device=1:2
    sees "nvidia-caps/nvidia-cap255 nvidia-caps/nvidia-cap256 nvidia1" \
        --device nvidia.com/gpu=1:2 --no-cdi
    run sim "$identity" run --rm --network=none --gpu 0 "$image" sh -c 'ls -d /dev/nvidia-caps'
    [ "$status" -ne 0 ]
    run sim "$identity" run --rm --network=none --gpu all "$image" sh -c 'ls /dev/nvidia-caps | wc -l'
    [ "$output" = 9 ]
}

@test "a slice and nothing of another: rootless, runc" { shows_slices rootless runc; }
@test "a slice and nothing of another: rootless, crun" { shows_slices rootless crun; }
@test "a slice and nothing of another: rootful, runc" { shows_slices rootful runc; }
@test "a slice and nothing of another: rootful, crun" { shows_slices rootful crun; }

@test "what narrows the caller keeps to its slice" {
    local uuid
    identity=rootless
    image=$(import_image rootless busybox)
    uuid=$("$NVBIND_BIN/nvbind" --host-root "$HOST" info --json | jq -r '.gpus[1].uuid')
    export CUDA_VISIBLE_DEVICES=MIG-$uuid/5/0
    sees "nvidia-caps/nvidia-cap183 nvidia-caps/nvidia-cap184 nvidia1" --gpu all
    sees "nvidia-caps/nvidia-cap183 nvidia-caps/nvidia-cap184 nvidia1" --gpu count=1
}

@test "a container that is kept starts again with its slice" {
    local image
    image=$(import_image rootless busybox)
    run sim rootless create --name nvbind-mig-kept --network=none --gpu 1:1 "$image" sh -c "$look"
    [ "$status" -eq 0 ]
    run as_user podman start -a nvbind-mig-kept
    echo "$output"
    as_user podman rm -f nvbind-mig-kept >/dev/null
    [ "$status" -eq 0 ]
    [ "$output" = "nvidia-caps/nvidia-cap183 nvidia-caps/nvidia-cap184 nvidia1
$stand_in" ]
}

@test "a system-wide specification's MIG device, by its CDI name" {
    local image
    need_rootful
    image=$(import_image rootful busybox)
    mkdir -p /etc/cdi
    "$NVBIND_BIN/nvbind" --host-root "$HOST" cdi generate --hookless \
        --output /etc/cdi/nvbind-mig.yaml
    run as_root podman run --rm --network=none --device nvidia.com/gpu=2:0 "$image" sh -c "$look"
    rm /etc/cdi/nvbind-mig.yaml
    echo "$output"
    [ "$output" = "nvidia-caps/nvidia-cap282 nvidia-caps/nvidia-cap283 nvidia2
$stand_in" ]
}

# Nodes that are devices, as on a machine with GPUs. A rootless Podman keeps to the mounts that its
# first process saw, so this is root's.
has_device_nodes() {
    local image why with=$NVBIND_T_SRC/tests/lib/with-driver
    need_rootful
    why=$("$with" --why) || skip "$why"
    use_runtime "$1"
    image=$(import_image rootful busybox)
    # shellcheck disable=SC2016 # for the shells inside
    run "$with" "$HOST" "$(find "$NVBIND_BUILD/tests" -name '*fakenvml.so')" \
        bash -c '. "$1"; shift; as_root "$@"' - "$NVBIND_T_SRC/tests/lib/engine.bash" \
        "$NVBIND_BIN/nvbind" run --rm --network=none --gpu 1:1 "$image" sh -c \
        'cd /dev; ls -d nvidia[0-9]* nvidia-caps/*
         for node in nvidia1 nvidia-caps/*; do test -c $node -a -r $node || echo $node; done'
    echo "$status $output"
    [ "$status" -eq 0 ]
    [ "$output" = "nvidia-caps/nvidia-cap183
nvidia-caps/nvidia-cap184
nvidia1" ]
}

@test "nodes that are devices: rootful, runc" { has_device_nodes runc; }
@test "nodes that are devices: rootful, crun" { has_device_nodes crun; }
