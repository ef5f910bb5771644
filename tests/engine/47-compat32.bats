# 32-bit programs: compat32 brings the driver's libraries of that class into the folders that the
# image's own 32-bit loader reads. Debian's real i386 driver packages, in an image that is i386
# throughout and in one that is amd64.

load ../lib/engine

setup_file() {
    engine_setup_file
}

setup() {
    need_part driver-550-compat32
    need_part debian-trixie-i386
    tree=$(part_path driver-550-compat32)
    use_runtime runc
}

nvbind_run() {
    local identity=$1
    shift
    as "$identity" "$NVBIND_BIN/nvbind" --host-root "$tree" run --runtime podman --rm \
        --network=none "$@"
}

# The loader says on standard error what it could not load before the program began, and goes on.
# Perl's own loading of libraries is a dlopen by name, as programs do it.
# shellcheck disable=SC2016 # the container's shell
readonly loads='for name; do
    said=$(LD_PRELOAD=$name /bin/true 2>&1) && [ -z "$said" ] && echo "$name preloaded" ||
        echo "$name: $said"
    perl -MDynaLoader -e '\''
        my $library = DynaLoader::dl_load_file($ARGV[0], 0) or die DynaLoader::dl_error(), "\n";
        print "$ARGV[0] $ARGV[1]: ",
            (DynaLoader::dl_find_symbol($library, $ARGV[1]) ? "found" : "not found"), "\n"'\'' \
        "$name" "$(case $name in libcuda*) echo cuInit ;; libnvidia-ml*) echo nvmlInit_v2 ;; *) echo _init ;; esac)"
done 2>&1'

# loads IDENTITY CAPABILITIES LIBRARY...: each is loaded by a 32-bit program.
loads() {
    local identity=$1 capabilities=$2 image name
    need_identity "$identity"
    shift 2
    image=$(import_image "$identity" debian-trixie-i386)
    run nvbind_run "$identity" --capabilities "$capabilities" "$image" sh -c "$loads" sh "$@"
    echo "$output"
    [ "$status" -eq 0 ]
    for name; do
        grep -qx "$name preloaded" <<<"$output"
    done
    grep -qx "libcuda.so.1 cuInit: found" <<<"$output"
    grep -qx "libnvidia-ml.so.1 nvmlInit_v2: found" <<<"$output"
}

readonly compute=(libcuda.so.1 libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1)
readonly graphics=(libGLX_nvidia.so.0 libEGL_nvidia.so.0 libnvidia-glcore.so.550.163.01
    libnvidia-eglcore.so.550.163.01)

@test "a 32-bit program loads CUDA, NVML, GLX and EGL by the hook: rootless" {
    loads rootless compute,utility,graphics,compat32 "${compute[@]}" "${graphics[@]}"
}

@test "a 32-bit program loads CUDA, NVML, GLX and EGL by the hook: rootful" {
    loads rootful compute,utility,graphics,compat32 "${compute[@]}" "${graphics[@]}"
}

@test "a 32-bit program loads CUDA and NVML, hookless" {
    local image
    need_identity rootless
    image=$(import_image rootless debian-trixie-i386)
    as rootless podman rm -f -t 0 coverage-compat32 >/dev/null 2>&1 || true
    # A container that is kept has no hook.
    run as rootless "$NVBIND_BIN/nvbind" --host-root "$tree" run --runtime podman \
        --name coverage-compat32 --network=none --capabilities compute,utility,compat32 "$image" \
        sh -c "$loads" sh "${compute[@]}"
    as rootless podman rm -f -t 0 coverage-compat32
    echo "$output"
    [ "$status" -eq 0 ]
    grep -qx "libcuda.so.1 cuInit: found" <<<"$output"
    grep -qx "libnvidia-ptxjitcompiler.so.1 preloaded" <<<"$output"
}

@test "without compat32 no 32-bit library comes" {
    local image
    need_identity rootless
    image=$(import_image rootless debian-trixie-i386)
    run nvbind_run rootless --capabilities compute,utility "$image" sh -c "$loads" sh libcuda.so.1
    echo "$output"
    [[ $output != *"found"* ]]
    [[ $output == *"libcuda.so.1: "*"cannot"* ]]
}

# The loader lists what a library needs, and with it what is preloaded: a 32-bit process in a 64-bit
# image, whose linker cache has both.
@test "in a 64-bit image the 32-bit loader finds its libraries, and the 64-bit one its own" {
    local image name folder=$tree/usr/lib/i386-linux-gnu mounts=()
    need_identity rootless
    need_part debian-trixie
    image=$(import_image rootless debian-trixie)
    for name in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1; do
        mounts+=(-v "$folder/$name:/usr/lib/i386-linux-gnu/$name:ro")
    done
    # shellcheck disable=SC2016 # the container's shell
    run nvbind_run rootless --capabilities compute,utility,compat32 "${mounts[@]}" \
        -v "$folder/ld-linux.so.2:/lib/ld-linux.so.2:ro" "$image" sh -c '
        LD_PRELOAD=libcuda.so.1 /lib/ld-linux.so.2 --list /usr/lib/i386-linux-gnu/libc.so.6
        echo 64; LD_PRELOAD=libcuda.so.1 /lib64/ld-linux-x86-64.so.2 --list /bin/true
        ldconfig -p | grep libcuda.so.1'
    echo "$output"
    [ "$status" -eq 0 ]
    grep -qE "libcuda.so.1 => \S*i386-linux-gnu\S*" <<<"$output"
    grep -qE "libcuda.so.1 => \S*x86_64-linux-gnu\S*" <<<"$output"
    [[ $output != *"cannot"* ]]
    [ "$(grep -c 'libcuda.so.1 (libc6' <<<"$output")" -eq 2 ]
}
