# The specification of a machine, kept by "cdi refresh" where its engines look, in a machine whose
# root has a driver's files and nodes (tests/lib/with-driver): nothing tells nvbind of another root.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    HOST=$(shared_folder)/host
    "$NVBIND_BIN/nvbind" simulate "$HOST" --gpus 2 >/dev/null
    export HOST
}

# machine SCRIPT: as root, with the driver laid over this machine. nvbind and gpu (a container by
# the specification's name alone) are there.
machine() {
    local why with=$NVBIND_T_SRC/tests/lib/with-driver
    need_rootful
    why=$("$with" --why) || skip "$why"
    need_part busybox
    use_runtime runc
    image=$(import_image rootful busybox)
    export image
    cat >"$BATS_TEST_TMPDIR/script" <<SCRIPT
set -e
. "$NVBIND_T_SRC/tests/lib/engine.bash"
nvbind() { as_root "$NVBIND_BIN/nvbind" "\$@"; }
gpu() { as_root podman run --rm --network=none --device nvidia.com/gpu=0 "$image" ls /dev/nvidia0; }
fails() { if "\$@"; then echo "it should have failed: \$*"; exit 1; fi; }
rm -rf /etc/cdi /var/run/cdi
$1
SCRIPT
    run "$with" "$HOST" "$(find "$NVBIND_BUILD/tests" -name '*fakenvml.so')" \
        bash "$BATS_TEST_TMPDIR/script"
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "refresh writes where Podman looks, and run uses the name with --cdi" {
    machine '
        fails gpu
        nvbind cdi refresh
        [ -s /var/run/cdi/nvidia.com-gpu.yaml ]
        [ "$(stat -c "%a %U" /run/cdi/nvbind-hook.args)" = "644 root" ]
        gpu
        nvbind cdi list | grep -q "^nvidia.com/gpu=0 "
        line=$(nvbind run --rm --cdi --dry-run --gpu 0 "$image" true)
        [[ $line = *"--device nvidia.com/gpu=0"* && $line != *libcuda* ]]
        nvbind run --rm --network=none --cdi --gpu 1 "$image" ls /dev/nvidia1
        nvbind cdi refresh --give-back
        [ ! -e /var/run/cdi/nvidia.com-gpu.yaml ] && [ ! -e /run/cdi/nvbind-hook.args ]
        fails gpu'
}

@test "beside another specification no engine takes either, and --take-over ends that" {
    machine '
        nvbind cdi refresh
        nvbind cdi generate --hookless --output /var/run/cdi/nvidia.yaml
        # The fault that refresh keeps from happening.
        fails gpu
        nvbind cdi list | grep -q "dropped: in conflict with"
        fails nvbind cdi refresh
        nvbind cdi refresh --take-over
        gpu
        nvbind cdi refresh --give-back
        gpu
        [ "$(ls /var/run/cdi)" = nvidia.yaml ]'
}

@test "a driver that is upgraded makes the specification out of date, and run says so" {
    machine '
        nvbind cdi refresh
        lib=$(ls /usr/lib/*/libcuda.so.*.*)
        mv "$lib" "$lib.old"
        fails nvbind cdi refresh --check
        fails nvbind run --rm --cdi --gpu 0 "$image" true
        mv "$lib.old" "$lib"
        nvbind cdi refresh --check
        gpu'
}
