# engines: host podman5
# more engines: podman54 podman6
# --isolate on real engines, looked at from inside: what a container can open, write and reach. The
# host's GPUs are real device nodes (without a driver behind them an allowed one says "No such
# device or address", a refused one "Operation not permitted" or that it is not there).

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    simulate_host --gpus 3
    make_nodes "$HOST"
}

# The stand-ins become device nodes where root may make some.
make_nodes() {
    local name major=195 minor
    [ "$NVBIND_T_MODE" = root ] || return 0
    for name in "$1"/dev/nvidia[0-9] "$1"/dev/nvidiactl "$1"/dev/nvidia-modeset \
        "$1"/dev/nvidia-uvm "$1"/dev/nvidia-uvm-tools "$1"/dev/dri/*; do
        case ${name##*/} in
            nvidiactl) major=195 minor=255 ;;
            nvidia-modeset) major=195 minor=254 ;;
            nvidia-uvm) major=510 minor=0 ;;
            nvidia-uvm-tools) major=510 minor=1 ;;
            nvidia*) major=195 minor=${name##*nvidia} ;;
            card*) major=226 minor=${name##*card} ;;
            renderD*) major=226 minor=${name##*renderD} ;;
            *) continue ;;
        esac
        rm "$name"
        mknod -m 0666 "$name" c "$major" "$minor"
    done
}

# Every node of a GPU that can be opened, by whatever name it is under /dev; then what comes of making
# one for a GPU that was not chosen.
# shellcheck disable=SC2016 # for the shell inside
readonly look='
for node in $(find /dev \( -name "nvidia*" -o -path "/dev/dri/*" \) ! -type d ! -type l | sort); do
    answer=$( (: <"$node") 2>&1) && answer=open
    case $answer in *"No such device"*) answer=open ;; esac
    echo "$node ${answer##*: }"
done
for numbers in "195 2" "226 2" "510 1"; do
    mknod /tmp/other c $numbers 2>/dev/null || continue
    answer=$( (: <>/tmp/other) 2>&1) && answer=open
    rm -f /tmp/other
    case $answer in *"No such device"* | open) echo "made $numbers: open" ;; esac
done'

opens_nothing_else() {
    local identity=$1 image want
    need_identity "$identity"
    use_runtime "$2"
    image=$(import_image "$identity" busybox)

    run --separate-stderr sim "$identity" run --rm --network=none --gpu 1 --isolate "$image" sh -c "$look"
    echo "$output"
    [ "$status" -eq 0 ]
    want="/dev/nvidia-uvm open
/dev/nvidia1 open
/dev/nvidiactl open"
    [ "$output" = "$want" ]

    # Drawing takes the mode setting and its own nodes below /dev/dri, however the folder was asked for.
    run --separate-stderr sim "$identity" run --rm --network=none --gpu 1 --isolate=strict \
        --capabilities all --device /dev/dri "$image" sh -c "$look"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$output" = "/dev/dri/card2 open
/dev/dri/renderD129 open
/dev/nvidia-modeset open
$want" ]
    [[ $stderr = *"narrowed"*"/dev/dri/card2 /dev/dri/renderD129"* ]]

    # Not even by making a node of its own.
    run --separate-stderr sim "$identity" run --rm --network=none --gpu 1 --isolate --cap-add MKNOD \
        "$image" sh -c "$look"
    echo "$output"
    [ "$output" = "$want" ]
}

@test "nothing of the other GPUs can be opened: rootless, runc" { opens_nothing_else rootless runc; }
@test "nothing of the other GPUs can be opened: rootless, crun" { opens_nothing_else rootless crun; }
@test "nothing of the other GPUs can be opened: rootful, runc" { opens_nothing_else rootful runc; }
@test "nothing of the other GPUs can be opened: rootful, crun" { opens_nothing_else rootful crun; }

@test "without isolation it is the same GPU, and more beside it" {
    local image
    use_runtime runc
    image=$(import_image rootless busybox)
    run --separate-stderr sim rootless run --rm --network=none --gpu 1 "$image" sh -c "$look"
    echo "$output"
    [[ $output = *"/dev/nvidia-uvm-tools open"* && $output = *"/dev/nvidia1 open"* ]]
}

# shellcheck disable=SC2016 # for the shell inside
readonly feel='
grep -E "^(NoNewPrivs|CapEff|CapBnd):" /proc/self/status | tr -s "\t" " "
for place in / /etc /usr /root; do
    if touch $place/x 2>/dev/null; then echo "$place written"; fi
done
for place in /tmp /var/tmp /run /dev/shm; do
    touch $place/x || echo "$place not written"
done
ls /sys/class/net
echo "pids $(cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null)"
echo "pid $$"'

is_strict() {
    local identity=$1 image
    need_identity "$identity"
    need_part debian-trixie
    use_runtime "$2"
    image=$(import_image "$identity" debian-trixie)
    run --separate-stderr sim "$identity" run --rm --gpu 1 --isolate=strict "$image" sh -c "$feel"
    echo "$output"
    echo "$stderr"
    [ "$status" -eq 0 ]
    [ "$(grep -v '^pids ' <<<"$output" | sort)" = "$(printf '%s\n' \
        'CapBnd: 0000000000000000' 'CapEff: 0000000000000000' 'NoNewPrivs: 1' lo 'pid 1' | sort)" ]
    [[ $output = *"pids 4096"* || $stderr = *"number of processes is not limited"* ]]

    # The hook lists the driver for the loader in a root that cannot be written.
    if [ "$(sim "$identity" run --rm --gpu 0 --dry-run=json "$image" 2>/dev/null | jq '.edits.hooks | length')" -eq 1 ]; then
        run --separate-stderr sim "$identity" run --rm --gpu 0 --isolate=strict "$image" ldconfig -p
        [ "$status" -eq 0 ]
        grep -F 'libcuda.so.1 (libc6,x86-64) => ' <<<"$output"
    fi
}

@test "strict: no privileges, a read-only root, no network: rootless, runc" { is_strict rootless runc; }
@test "strict: no privileges, a read-only root, no network: rootless, crun" { is_strict rootless crun; }
@test "strict: no privileges, a read-only root, no network: rootful, runc" { is_strict rootful runc; }
@test "strict: no privileges, a read-only root, no network: rootful, crun" { is_strict rootful crun; }

@test "strict: the user's words win" {
    local image
    use_runtime runc
    image=$(import_image rootless debian-trixie)
    run --separate-stderr sim rootless run --rm --gpu 0 --isolate=strict --read-only=false \
        --cap-add NET_ADMIN --network=host "$image" sh -c "touch /etc/x && echo written; $feel"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = "written"* ]]
    [[ $output = *"CapBnd: 0000000000001000"* ]]
}

# tells_egl IDENTITY WORDS...: the application profile, as a program of the image reads it.
tells_egl() {
    local identity=$1 image
    shift
    image=$(import_image "$identity" busybox)
    sim "$identity" run --rm --network=none --isolate --capabilities graphics "$@" "$image" \
        cat /etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf
}

@test "EGL and Vulkan are told which GPUs there are" {
    use_runtime crun
    run --separate-stderr tells_egl rootless --gpu 1,2
    echo "$output $stderr"
    [ "$status" -eq 0 ]
    [[ $output = *'"EGLVisibleDGPUDevices", 0x6]'* ]]
    # Every user of the image reads it, and whoever the container's root is.
    run --separate-stderr tells_egl rootless --gpu 0 --user 1234
    [[ $output = *'"EGLVisibleDGPUDevices", 0x1]'* ]]
    run --separate-stderr tells_egl rootless --gpu 0 --userns=keep-id
    [[ $output = *'"EGLVisibleDGPUDevices", 0x1]'* ]]
    for userns in nomap auto; do
        run --separate-stderr tells_egl rootless --gpu 0 --userns=$userns
        echo "$userns: $output $stderr"
        [[ $output = *'"EGLVisibleDGPUDevices", 0x1]'* ]]
    done
    # All of them: there is nothing to hide.
    run --separate-stderr tells_egl rootless --gpu all
    [ "$status" -ne 0 ]
    # A container that stays has it in a place that stays.
    image=$(import_image rootless busybox)
    sim rootless create --name nvbind-egl --gpu 0 --isolate --capabilities graphics --network=none \
        "$image" cat /etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf
    rm -rf "/run/user/$NVBIND_T_UID/nvbind" "$NVBIND_T_DIR/run/nvbind"
    run as_user podman start -a nvbind-egl
    as_user podman rm -f nvbind-egl >/dev/null
    echo "$output"
    [[ $output = *'"EGLVisibleDGPUDevices", 0x1]'* ]]
}
