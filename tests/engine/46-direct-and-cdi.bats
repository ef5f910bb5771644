# engines: podman5
#
# What arrives in a container does not depend on how it got there: direct mode and CDI give the same
# nodes and files.

load ../lib/engine

setup_file() {
    engine_setup_file
    host=$(shared_folder)/host
    "$NVBIND_BIN/nvbind" simulate "$host" --gpus 2 >/dev/null
    chmod -R a+rX "$host"
    export host
}

nvbind_run() {
    as_user "$NVBIND_BIN/nvbind" --host-root "$host" run --rm --network=none "$@"
}

@test "direct mode and CDI give the same nodes and files" {
    local image direct cdi
    need_part debian-trixie
    use_runtime crun
    image=$(import_image rootless debian-trixie)
    # By content, since links in one mode are mounts in the other; and without the names that carry
    # the version, which direct mode needs only where a library has no other.
    list='ls -dL /dev/nvidia* /dev/dri/[cr]*
        cd /usr/lib/x86_64-linux-gnu && md5sum libcuda* libnvidia* libnvcuvid* | sort |
            grep -v "[.]so[.][0-9]*[.][0-9.]*$"
        md5sum /usr/bin/nvidia-*; env | grep -i nvidia'
    direct=$(nvbind_run --no-cdi --gpu all --capabilities all "$image" sh -c "$list")
    cdi=$(nvbind_run --cdi --gpu all --capabilities all "$image" sh -c "$list")
    [[ $cdi = *libcuda.so.1* && $cdi = */dev/nvidia1* ]]
    diff <(echo "$direct") <(echo "$cdi")
}
