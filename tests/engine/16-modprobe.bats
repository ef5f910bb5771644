# Nodes that nobody has made yet: run calls the driver's helper, cdi generate only with --load. The
# machine has a driver and two GPUs in a mount namespace of the test's own: the kernel's files are a
# simulated host's, the driver's files another root, the nodes real ones without a driver behind them.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    HOST=$(shared_folder)/host
    "$NVBIND_BIN/nvbind" simulate "$HOST" --gpus 2 >/dev/null
    export HOST
}

setup() {
    need_rootful
    work=$BATS_TEST_TMPDIR
    mkdir "$work/bin"
    use_runtime runc
    export NVBIND_DRIVER_ROOT=$HOST
}

# modprobe TEXT: the helper is a script with this text, which writes its words down first.
modprobe() {
    printf '#!/bin/sh\necho "$*" >>%s/calls\n%s\n' "$work" "$1" >"$work/bin/nvidia-modprobe"
    chmod 4755 "$work/bin/nvidia-modprobe"
}

# What the real one does without a setting of the driver's that says otherwise.
# shellcheck disable=SC2016 # the helper's own shell
readonly makes_nodes='case "$*" in
"-u -c0") mknod -m 0666 /dev/nvidia-uvm c 511 0; mknod -m 0666 /dev/nvidia-uvm-tools c 511 1 ;;
*) for n in "$@"; do
    n=${n#-c}
    if [ "$n" = 255 ]; then name=nvidiactl; else name=nvidia$n; fi
    [ -e "/dev/$name" ] || mknod -m 0666 "/dev/$name" c 195 "$n"
done ;;
esac'

# on_machine COMMAND...: with the helper, the kernel's files, and a /dev that has the usual nodes
# and those of $NODES ("nvidia0:195").
on_machine() {
    cat >"$work/enter" <<'SCRIPT'
host=$1 work=$2 nodes=$3
shift 3
mount --bind "$host/proc/driver" /proc/driver
mount -t overlay overlay -o "lowerdir=$work/bin:/usr/bin" /usr/bin
mkdir -p "$work/dev"
mount --rbind /dev "$work/dev"
mount -t tmpfs -o mode=0755 tmpfs /dev
for name in null zero full random urandom tty; do
    : >"/dev/$name"
    mount --bind "$work/dev/$name" "/dev/$name"
done
for name in shm pts mqueue; do
    mkdir "/dev/$name"
    [ ! -d "$work/dev/$name" ] || mount --bind "$work/dev/$name" "/dev/$name"
done
ln -s pts/ptmx /dev/ptmx
# The driver's files too, where no other root is named for them.
if [ -z "${NVBIND_DRIVER_ROOT:-}" ]; then
    lib=/usr/lib/x86_64-linux-gnu
    mount -t overlay overlay -o "lowerdir=$host$lib:$lib" "$lib"
    mount --bind "$host/etc/ld.so.cache" /etc/ld.so.cache
fi
for node in $nodes; do mknod -m 0666 "/dev/${node%%:*}" c "${node#*:}" 0; done
exec "$@"
SCRIPT
    as_root unshare -m --propagation private bash -eu "$work/enter" "$HOST" "$work" \
        "${NODES:-}" "$@"
}

generate() {
    run --separate-stderr on_machine "$NVBIND_BIN/nvbind" cdi generate --hookless "$@"
    echo "status $status; $stderr"
}

@test "without --load nothing is called, and the commands are named" {
    modprobe "$makes_nodes"
    generate
    [ "$status" -eq 1 ]
    [[ $stderr == *"/dev/nvidiactl, /dev/nvidia-uvm, /dev/nvidia0 (GPU 0, "* ]]
    [[ $stderr == *"nvidia-modprobe -c255; nvidia-modprobe -u -c0; nvidia-modprobe -c0 -c1"* ]]
    [ ! -e "$work/calls" ]
}

@test "--load calls the helper once for the nodes and once for UVM" {
    modprobe "$makes_nodes"
    generate --load
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    [[ $output == *"path: /dev/nvidia1"* ]]
    [[ $output == *"path: /dev/nvidia-uvm"* ]]
    [ "$(cat "$work/calls")" = "-c255 -c0 -c1
-u -c0" ]
}

@test "what is there is not asked for again, and a GPU hidden among others stays hidden" {
    modprobe "$makes_nodes"
    NODES="nvidiactl:195 nvidia0:195" generate --load
    [ "$status" -eq 1 ]
    [[ $stderr == *"/dev/nvidia1 (GPU 1, "* ]]
    [[ $stderr != *"nvidia-uvm"* ]]
    [ "$(cat "$work/calls")" = "-u -c0" ]

    NODES="nvidiactl:195 nvidia0:195 nvidia1:195 nvidia-uvm:511" generate --load
    [ "$status" -eq 0 ]
    [ "$(cat "$work/calls")" = "-u -c0" ]

    # Who does not compute needs no UVM.
    NODES="nvidiactl:195 nvidia0:195 nvidia1:195" generate --load --capabilities utility
    [ "$status" -eq 0 ]
    [ "$(cat "$work/calls")" = "-u -c0" ]
}

@test "a helper that fails is told with its own words, and what is missing is still an error" {
    modprobe 'echo >&2; echo "modprobe: FATAL: Module nvidia-uvm not found" >&2; exit 1'
    generate --load
    [ "$status" -eq 1 ]
    [[ $stderr == *"nvidia-modprobe -u -c0 has failed: modprobe: FATAL: Module nvidia-uvm not found"* ]]
    [[ $stderr == *"hint: sudo nvidia-modprobe -u -c0"* ]]
    [[ $stderr == *"error: "*"/dev/nvidia-uvm"*"missing"* ]]
}

@test "a helper that others can write, or that is not root's, is not called" {
    modprobe "$makes_nodes"
    chmod o+w "$work/bin/nvidia-modprobe"
    generate --load
    [ "$status" -eq 1 ]
    [ ! -e "$work/calls" ]

    modprobe "$makes_nodes"
    chown 12345 "$work/bin/nvidia-modprobe"
    chmod 4755 "$work/bin/nvidia-modprobe"
    generate --load
    [ "$status" -eq 1 ]
    [ ! -e "$work/calls" ]

    # The folder is not theirs to change either.
    modprobe "$makes_nodes"
    chmod 0777 "$work/bin"
    generate --load
    [ "$status" -eq 1 ]
    [ ! -e "$work/calls" ]
}

@test "an ordinary user calls only a setuid helper" {
    modprobe "$makes_nodes"
    chmod -R a+rX "$HOST"
    chmod 0755 "$work/bin/nvidia-modprobe"
    run --separate-stderr on_machine setpriv --reuid "$NVBIND_T_UID" --clear-groups \
        "$NVBIND_BIN/nvbind" cdi generate --hookless --load
    echo "$stderr"
    [ "$status" -eq 1 ]
    [ ! -e "$work/calls" ]
}

@test "never for another tree" {
    modprobe "$makes_nodes"
    cp -a "$HOST" "$work/tree"
    rm "$work"/tree/dev/nvidia{ctl,-uvm,0,1}
    run on_machine "$NVBIND_BIN/nvbind" --host-root "$work/tree" cdi generate --hookless --load
    [ "$status" -eq 1 ]
    run on_machine "$NVBIND_BIN/nvbind" --host-root "$work/tree" run --rm --runtime podman img true
    [ "$status" -eq 125 ]
    run on_machine env NVBIND_DEV_ROOT="$work/tree" "$NVBIND_BIN/nvbind" cdi generate --load
    [ "$status" -eq 1 ]
    [ ! -e "$work/calls" ]
}

@test "run calls it itself, and the container has the nodes" {
    local image
    need_part busybox
    modprobe "$makes_nodes"
    image=$(import_image rootful busybox)

    run --separate-stderr on_machine "$NVBIND_BIN/nvbind" run --runtime podman --dry-run --rm \
        --network=none "$image" true
    [ "$status" -eq 125 ]
    [ ! -e "$work/calls" ]

    # shellcheck disable=SC2016 # the container's shell
    run --separate-stderr on_machine "$NVBIND_BIN/nvbind" -v run --runtime podman \
        --gpu 1 --rm --network=none "$image" sh -c 'ls /dev | grep nvidia'
    echo "$output $stderr"
    [ "$status" -eq 0 ]
    [ "$output" = "nvidia-uvm
nvidia-uvm-tools
nvidia1
nvidiactl" ]
    [[ $stderr == *"called nvidia-modprobe -u -c0"* ]]
}

@test "the real helper, where no module can be loaded, fails without harm" {
    need_part nvidia-modprobe
    install -m 4755 "$(part_path nvidia-modprobe)" "$work/bin/nvidia-modprobe"
    generate --load
    [ "$status" -eq 1 ]
    [[ $stderr == *"has failed: "* ]]
    [[ $stderr == *"missing"* ]]
}

@test "the folder of MPS that the caller's variable names, on the machine itself" {
    unset NVBIND_DRIVER_ROOT
    mkdir -p /run/mps-daemon /tmp/nvbind-mps.$$/mps
    ln -sfn mps-daemon /run/mps-link
    NODES="nvidiactl:195 nvidia0:195 nvidia1:195 nvidia-uvm:511"
    with_mps() {
        run --separate-stderr on_machine env CUDA_MPS_PIPE_DIRECTORY="$1" "$NVBIND_BIN/nvbind" \
            cdi generate --hookless
        echo "status $status; $stderr"
        [ "$status" -eq 0 ]
    }
    with_mps /run/mps-daemon
    [ -z "$stderr" ]
    [[ $output == *"hostPath: /run/mps-daemon
      containerPath: /tmp/nvidia-mps
      options:
        - rw"* ]]

    # What is kept has nothing that lies where others can replace it.
    with_mps "/tmp/nvbind-mps.$$/mps"
    [[ $output != *nvidia-mps* ]]
    [[ $stderr == *"the folder of MPS '/tmp/nvbind-mps.$$/mps' is left out"* ]]

    # A link is not followed, a file is none, what another user has is not taken.
    for path in /run/mps-link /run/mps-daemon/ /etc/passwd relative /run/not-there; do
        with_mps "$path"
        [[ $output != *nvidia-mps* ]]
    done
    chown 12345 /run/mps-daemon
    with_mps /run/mps-daemon
    [[ $output != *nvidia-mps* ]]
    [[ $stderr == *"'/run/mps-daemon' is left out: it belongs to another user"* ]]
    rm -r "/tmp/nvbind-mps.$$"
}
