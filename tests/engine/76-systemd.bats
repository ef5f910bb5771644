# Services with GPUs under a real systemd: the document's units to the byte, what "generate" writes,
# what keeps the specification fresh; started, killed, restarted, after another driver and after a
# reboot. All of them run side by side in one machine, because a restart takes RestartSec=.
# Of the cache: tree-systemd driver-550 driver-535 busybox.

load ../lib/engine
load ../lib/machine
bats_require_minimum_version 1.5.0

# Each service's systemd ("root" or "login"), its unit and its container.
services=(
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

# every VERB: for all services of a systemd at once.
every() {
    local verb=$1 who line
    for who in root login; do
        local names=()
        for line in "${services[@]}"; do
            read -r _ unit _ <<<"$line"
            [ "${line%% *}" != "$who" ] || names+=("$unit")
        done
        ctl "$who" "$verb" "${names[@]}"
    done
}

# each COMMAND...: with each service's three words behind; all at once, an engine's start takes long.
each() {
    local line who unit name pids=()
    rm -f unlucky
    for line in "${services[@]}"; do
        read -r who unit name <<<"$line"
        { "$@" "$who" "$unit" "$name" || printf 'failed for %s: %s\n' "$line" "$*" >>unlucky; } &
        pids+=($!)
    done
    wait "${pids[@]}"
    [ ! -s unlucky ]
}

journal() {
    if [ "$1" = root ]; then root journalctl -b -o cat -n 60 -u "$2"; else
        root journalctl -b -o cat -n 60 "_SYSTEMD_USER_UNIT=$2.service" + "USER_UNIT=$2.service"
    fi
}

# put WHO PATH: a file of the machine from standard input.
put() {
    mkdir -p "$(dirname "$MACHINE$2")"
    cat >"$MACHINE$2"
    [ "$1" = root ] || chown -R "$MACHINE_UID:$MACHINE_UID" "$MACHINE/home/$MACHINE_USER/.config"
}

# generate WHO FORMAT WORDS...: installs it for that systemd.
generate() {
    local who=$1
    shift
    "$who" nvbind generate "$@" >generated 2>&1 || { cat generated; return 1; }
}

teardown() {
    if [ -n "${BATS_ERROR_STATUS:-}" ] && [ "$BATS_ERROR_STATUS" != 0 ]; then
        if [ -s unlucky ]; then
            cat unlucky
            read -r _ _ who unit _ < <(tail -n1 unlucky)
            ctl "$who" status --no-pager -l "$unit" | cut -c1-200
        else
            root journalctl -b -o short-monotonic --no-pager -n 12
        fi
    fi
}

@test "the document's two units, as written, stay up; a leftover of their name does not matter" {
    put root /etc/systemd/system/gpu-service.service <"$units/system.service"
    put login "/home/$MACHINE_USER/.config/systemd/user/gpu-service.service" <"$units/user.service"
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

@test "the specification is written when its units are enabled, and Quadlets by UUID start with it" {
    run -1 login nvbind generate quadlet --unit early --gpu 0 ai-service
    [[ $output = *'sudo nvbind cdi refresh'* ]]
    root systemctl enable --now nvbind-cdi-refresh.path nvbind-cdi-refresh.service
    [ -n "$(root cat /run/cdi/nvidia.com-gpu.yaml)" ]
    generate login quadlet --install --unit quadlet-user --name quadlet-user --gpu 0 ai-service
    generate root quadlet --install --unit quadlet-system --name quadlet-system --gpu all ai-service
    # A name without a registry is what "run" would take.
    for file in "$MACHINE/home/$MACHINE_USER/.config" "$MACHINE/etc"; do
        grep -qxF 'Image=localhost/ai-service:latest' "$file"/containers/systemd/*.container
    done
    # The user's systemd knows no unit that is root's.
    run ! grep -q nvbind-cdi-refresh.service "$MACHINE/home/$MACHINE_USER"/.config/containers/systemd/*
    user_ctl start quadlet-user
    root systemctl start quadlet-system
    sees_gpus login quadlet-user quadlet-user
    sees_gpus root quadlet-system quadlet-system
    inside login quadlet-user quadlet-user ls /dev | grep -x 'nvidia[0-9]' >nodes
    [ "$(cat nodes)" = nvidia0 ]
}

@test "generated services: Type=notify with Podman for both systemds and for a user, Docker" {
    printf '%s\n' '{"bridge": "none", "iptables": false, "ip6tables": false}' |
        put root /etc/docker/daemon.json
    root systemctl start docker
    root podman save ai-service 2>/dev/null | root docker load >/dev/null
    root docker tag localhost/ai-service:latest ai-service:latest
    generate login systemd --install --unit notify-user --name notify-user --gpu 1 ai-service
    generate root systemd --install --unit notify-system --name notify-system --gpu 0 ai-service
    generate root systemd --install --unit as-user --service-user "$MACHINE_USER" --name as-user \
        --gpu 0 ai-service
    generate root systemd --install --unit docked --runtime docker --name docked --network none \
        --gpu 0 ai-service
    user_ctl enable notify-user
    root systemctl enable notify-system as-user docked docker
    # A container that a crash left.
    login podman create --name notify-user ai-service true >/dev/null
    root docker create --name docked ai-service true >/dev/null
    user_ctl start notify-user
    root systemctl start notify-system as-user docked || true
    each until_true 10 is_up
    each until_true 10 sees_gpus
    # conmon is the main process, and the container is of the service's control group.
    [ "$(root systemctl show -P Type notify-system)" = notify ]
    [ "$(root cat "/proc/$(root systemctl show -P MainPID notify-system)/comm")" = conmon ]
}

@test "a container that is killed comes back" {
    kill_it() { engine_of "$1" "$2" kill -s KILL "$3" >/dev/null; }
    came_back() { [ "$(ctl "$1" show -P NRestarts "$2")" -ge 1 ] && sees_gpus "$@"; }
    each kill_it
    each until_true 25 came_back
    # The service's own process as well, which is not always the container's.
    root systemctl kill -s KILL gpu-service
    user_ctl kill -s KILL gpu-service
}

@test "after another driver the specification is another, and a restart brings the new files" {
    before=$(root cat /run/cdi/nvidia.com-gpu.yaml | cksum)
    machine_driver driver-535
    root ldconfig
    fresh() { root nvbind cdi refresh --check >/dev/null && root grep -q 535 /run/cdi/nvidia.com-gpu.yaml; }
    until_true 10 fresh
    # On a busy machine Podman may be gone before systemd has read its word; then it starts once more.
    every restart || true
    has_535() { [ -n "$(inside "$@" find /usr/lib -name 'libcuda.so*' -exec md5sum {} + | grep "^$sum ")" ]; }
    sum=$(md5sum "$MACHINE"/usr/lib/x86_64-linux-gnu/nvidia/current/libcuda.so.535.*)
    sum=${sum%% *}
    each until_true 10 has_535
    # It was started by what changed and by units that want it, not over and over.
    root journalctl -b --no-pager -o short-monotonic -u nvbind-cdi-refresh.service | grep ' Starting ' >starts
    cat starts
    [ "$(wc -l <starts)" -le 8 ]
    [ "$(root systemctl show -P ActiveState nvbind-cdi-refresh.path)" = active ]
}

@test "after a reboot all of them come up again" {
    machine_reboot
    each until_true 25 is_up
    each until_true 10 sees_gpus
    # Each was started after what it needs.
    run ! grep -iE 'unresolvable|has no session' <(root journalctl -b --no-pager -o cat)
    [ -z "$(root systemctl --failed --no-legend)" ]
    [ -z "$(user_ctl --failed --no-legend)" ]
}

@test "they stop at once and leave nothing; the exit status is the container's" {
    # The documents' units do not say that 143, a command's end by the signal of "podman stop", is well.
    ended_well() {
        case $(ctl "$1" show -P ActiveState -P Result -P ExecMainStatus "$2" | sort | tr '\n' ' ') in
            *'inactive success '*) ;;
            '143 exit-code failed ') [[ $2 = *gpu-service ]] ;;
            *) return 1 ;;
        esac
    }
    start=$SECONDS
    every stop
    [ $((SECONDS - start)) -lt 10 ]
    each ended_well
    # The document's units say no --rm: theirs alone are kept, ended.
    [ "$(login podman ps -a --format '{{.Names}}' | sort | tr '\n' ' ')" = 'gpu-service user-gpu-service ' ]
    [ -z "$(root podman ps -aq)" ]
    [ -z "$(root docker ps -aq)" ]
    generate root systemd --install --unit status --name status --restart no --gpu 0 ai-service sh -c 'exit 7'
    root systemctl start status || true
    until_true 10 eval '[ "$(root systemctl show -P ActiveState status)" = failed ]'
    [ "$(root systemctl show -P ExecMainStatus status)" = 7 ]
}

# correct WHO FILE: the file as "doctor --unit" writes it, in its place; what it said in "remarks".
correct() {
    local who=$1 file=$2
    "$who" nvbind doctor --unit "$file" >corrected 2>remarks || [ $? -eq 1 ]
    cat remarks
    put "$who" "$file" <corrected
}

@test "the document's units and Quadlet as doctor --unit corrects them start and stay up" {
    home=/home/$MACHINE_USER
    put root /etc/systemd/system/gpu-service.service <"$units/system.service"
    put login "$home/.config/systemd/user/gpu-service.service" <"$units/user.service"
    put login "$home/.config/containers/systemd/lab.container" <"$units/gpu-service.container"
    root systemctl enable --now nvbind-cdi-refresh.path nvbind-cdi-refresh.service
    correct root /etc/systemd/system/gpu-service.service
    grep -qx "Wants=user@$MACHINE_UID.service" corrected
    correct login "$home/.config/systemd/user/gpu-service.service"
    run ! grep -q -- '-d' corrected
    correct login "$home/.config/containers/systemd/lab.container"
    grep -qF "mkdir -p $home/data" remarks
    login mkdir -p "$home/data"
    for who in root login; do ctl "$who" daemon-reload; done
    services=("root gpu-service gpu-service" "login gpu-service user-gpu-service" "login lab systemd-lab")
    every start
    each until_true 10 sees_gpus
    each is_up
    for who in root login; do
        journal "$who" gpu-service >log
        [ "$(tac log | sed '/Started/q' | grep -c "'-d' is left out")" -eq 0 ]
    done
    every stop
    [ -z "$(login podman ps -aq --filter name=systemd-lab)" ]
}

@test "PyRLab's service: make pylab_service installs a Quadlet whose lab answers" {
    need_part pyrlab
    machine_lab
    login make -C pyrlab pylab_service PYLAB=mini >said 2>&1 || { cat said; return 1; }
    cat said
    grep -qx 'Image=localhost/pylab-mini:3.12-bullseye' \
        "$MACHINE/home/$MACHINE_USER/.config/containers/systemd/pylab.container"
    user_ctl start pylab
    # status ADDRESS
    status() { root curl -so /dev/null -w '%{http_code}' "$1" || true; }
    answers() { [ "$(status http://127.0.0.1:8888/api)" = 200 ]; }
    until_true 20 answers
    # The address that was said opens the lab, and nothing else does.
    url=$(grep -oE 'http://[^ ]+token=[^ ]+' said)
    [ "$(status "${url/lab[?]/api/contents?}")" = 200 ]
    [ "$(status http://127.0.0.1:8888/api/contents)" = 403 ]
    engine_of login pylab exec pylab_3.12-bullseye_8888 sh -c 'nvidia-smi >/dev/null; [ $? -eq 9 ]'
    user_ctl stop pylab
    [ -z "$(login podman ps -aq --filter name=pylab)" ]
}

@test "a user without a session: one message with the fix, and lingering lets the unit start" {
    gone() { ! root test -e "/run/user/$MACHINE_UID"; }
    # logind asks who asks, and knows no process of another machine.
    linger() { root systemd-run --pipe --wait --quiet loginctl "$1" "$MACHINE_USER"; }
    linger disable-linger
    root systemctl stop "user@$MACHINE_UID"
    until_true 10 gone
    put root /etc/systemd/system/gpu-service.service <"$units/system.service"
    root systemctl daemon-reload
    root systemctl start gpu-service
    said() { journal root gpu-service | grep -F "$1"; }
    until_true 10 said "error: '$MACHINE_USER' has no session"
    said "hint: sudo loginctl enable-linger $MACHINE_USER"
    linger enable-linger
    until_true 20 sees_gpus root gpu-service gpu-service
    # The corrected one asks for the user's systemd itself.
    correct root /etc/systemd/system/gpu-service.service
    linger disable-linger
    root systemctl stop gpu-service
    root systemctl enable gpu-service
    machine_reboot
    until_true 25 sees_gpus root gpu-service gpu-service
    is_up root gpu-service
    [ "$(root systemctl show -P NRestarts gpu-service)" = 0 ]
}
