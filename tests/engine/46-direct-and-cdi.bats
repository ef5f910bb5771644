# engines: podman5
#
# What arrives in a container does not depend on how it got there: direct mode, with the hook and
# without, and CDI give the same nodes and files.

load ../lib/engine

setup_file() {
    engine_setup_file
    host=$(shared_folder)/host
    "$NVBIND_BIN/nvbind" simulate "$host" --gpus 2 >/dev/null
    chmod -R a+rX "$host"
    export host
}

nvbind_run() {
    as_user "$NVBIND_BIN/nvbind" --host-root "$host" run --network=none "$@"
}

@test "direct mode and CDI give the same nodes and files" {
    local image hookless direct cdi
    need_part debian-trixie
    use_runtime crun
    image=$(import_image rootless debian-trixie)
    # By content, since links in one form are mounts in the other; and without the names that carry
    # the version, which the hookless form needs only where a library has no other.
    list='ls -dL /dev/nvidia* /dev/dri/[cr]*
        cd /usr/lib/x86_64-linux-gnu && md5sum libcuda* libnvidia* libnvcuvid* | sort |
            grep -v "[.]so[.][0-9]*[.][0-9.]*$"
        md5sum /usr/bin/nvidia-*; env | grep -i nvidia'
    # A container that stays has no hook.
    hookless=$(nvbind_run --name nvbind-stays --gpu all --capabilities all "$image" sh -c "$list")
    as_user podman rm -fi nvbind-stays >/dev/null
    direct=$(nvbind_run --rm --no-cdi --gpu all --capabilities all "$image" sh -c "$list")
    cdi=$(nvbind_run --rm --cdi --gpu all --capabilities all "$image" sh -c "$list")
    [[ $cdi = *libcuda.so.1* && $cdi = */dev/nvidia1* ]]
    diff <(echo "$direct") <(echo "$cdi")
    diff <(echo "$hookless") <(echo "$cdi")
}
