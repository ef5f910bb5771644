# Services with GPUs under a real systemd: the document's units to the byte, what "generate" writes,
# what keeps the specification fresh; started, killed, restarted, after another driver and after a
# reboot. All of them run side by side in one machine, because a restart takes RestartSec=.
# Of the cache: tree-systemd driver-550 driver-535 busybox.

load ../lib/engine
load ../lib/machine
bats_require_minimum_version 1.5.0

# Each service's systemd ("root" or "login"), its unit and its container.
readonly services=(
    "root gpu-service gpu-service"
    "login gpu-service user-gpu-service"
    "root quadlet-system quadlet-system"
    "login quadlet-user quadlet-user"
    "root notify-system notify-system"
    "login notify-user notify-user"
    "root as-user as-user"
    "root docked docked"
)

setup_file() {
    local why
    engine_setup_file
    # What a test leaves is the next one's machine.
    export BATS_TEST_RETRIES=0
    why=$(machine_why) || skip "$why"
    machine_up
    machine_image ai-service personal-ai
}

teardown_file() { machine_down; }

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    # The document's, byte for byte.
    units=$NVBIND_T_SRC/tests/data/units
}

# ctl WHO ARGS...: that systemd's systemctl.
ctl() {
    local who=$1
    shift
    if [ "$who" = root ]; then root systemctl "$@"; else user_ctl "$@"; fi
}

# inside WHO UNIT CONTAINER COMMAND...: a command in the service's container.
inside() {
    local who=$1 unit=$2 name=$3
    shift 3
    engine_of "$who" "$unit" exec "$name" "$@"
}

engine_of() {
    local who=$1 unit=$2
    shift 2
    case $who-$unit in
        root-docked) root docker "$@" ;;
        # Units of the system whose container is the user's.
        root-gpu-service | root-as-user | login-*) login podman "$@" ;;
        *) root podman "$@" ;;
    esac
}

is_up() { [ "$(ctl "$1" show -P ActiveState -P SubState "$2" | tr '\n' ' ')" = 'active running ' ]; }

# Without its libraries nvidia-smi exits 12.
sees_gpus() {
    local rc=0
    inside "$1" "$2" "$3" nvidia-smi >/dev/null 2>&1 || rc=$?
    [ "$rc" -eq 9 ]
}

each() {
    local line who unit name
    for line in "${services[@]}"; do
        read -r who unit name <<<"$line"
        "$@" "$who" "$unit" "$name" || { echo "failed for: $line: $*"; journal "$who" "$unit"; return 1; }
    done
}

journal() {
    if [ "$1" = root ]; then root journalctl -b -o cat -n 40 -u "$2"; else
        root journalctl -b -o cat -n 40 "_SYSTEMD_USER_UNIT=$2.service" + "USER_UNIT=$2.service"
    fi
}

# put WHO PATH: a file of the machine from standard input.
put() {
    mkdir -p "$(dirname "$MACHINE$2")"
    cat >"$MACHINE$2"
    [ "$1" = root ] || chown -R "$MACHINE_UID:$MACHINE_UID" "$MACHINE/home/$MACHINE_USER/.config"
}

@test "the document's two units, as written, stay up; a leftover of their name does not matter" {
    put root /etc/systemd/system/gpu-service.service <"$units/system.service"
    put login "/home/$MACHINE_USER/.config/systemd/user/gpu-service.service" <"$units/user.service"
    grep -qF -- '-d \' "$MACHINE/etc/systemd/system/gpu-service.service"
    login podman create --name user-gpu-service personal-ai true >/dev/null
    login podman create --name gpu-service ai-service true >/dev/null
    for who in root login; do
        ctl "$who" daemon-reload
        ctl "$who" enable gpu-service
        ctl "$who" start gpu-service
    done
    until_true 10 sees_gpus root gpu-service gpu-service
    until_true 10 sees_gpus login gpu-service user-gpu-service
    for who in root login; do
        is_up "$who" gpu-service
        [ "$(ctl "$who" show -P NRestarts gpu-service)" = 0 ]
        journal "$who" gpu-service >log
        [ "$(grep -c "warning: '-d' is left out" log)" -eq 1 ]
        grep -qF 'nvbind doctor --unit' log
    done
}

teardown() {
    [ -z "${BATS_ERROR_STATUS:-}" ] || [ "$BATS_ERROR_STATUS" = 0 ] || {
        root systemctl --failed --no-pager
        root journalctl -b -o cat --no-pager -n 60
    }
}
