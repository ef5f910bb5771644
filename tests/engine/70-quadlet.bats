# engines: podman54
# more engines: podman5 podman6
#
# Podman's own Quadlet generator reads what we write: every option of the table comes back as the
# option that it was, and every byte of a hostile value arrives.

load ../lib/engine

setup_file() {
    engine_setup_file
    GENERATOR=/usr/lib/systemd/system-generators/podman-system-generator
    [ -x "$GENERATOR" ] || GENERATOR=/usr/libexec/podman/quadlet
    VERSION=$(podman --version | grep -oE '[0-9]+\.[0-9]+' | head -n1)
    export GENERATOR VERSION
    export DUMP=${NVBIND_BUILD:?}/tests/dump_options WORDS=$NVBIND_BUILD/tests/unit_words
}

setup() {
    units=$(shared_folder)
    cd "$units" || return
}

quadlet() {
    as_root "$NVBIND_BIN/nvbind" generate quadlet --podman-version "${version:-$VERSION}" \
        ${unit:+--unit "$unit"} --gpu none "$@"
}

# generated NAME: the words of "podman run" that Podman's generator makes of NAME.container.
generated() {
    QUADLET_UNIT_DIRS=$units "$GENERATOR" --dryrun 2>messages |
        awk -v unit="---$1.service---" '$0 == unit { on = 1; next } /^---/ { on = 0 } on' >service
    "$WORDS" ExecStart <service
}

# The options among such words: one a line, "--name=value" with the value quoted by the shell, less
# those that Quadlet adds itself; in an order of their own, because Quadlet has one.
options() {
    local word words=()
    mapfile -d '' -t words
    set -- "${words[@]}"
    [ "${2:-}" = run ] || { cat messages >&2; return 1; }
    shift 2
    while [ $# -gt 0 ]; do
        case $1 in
            localhost/img) break ;;
            --replace | --rm | -d | --cgroups=split | --sdnotify=conmon | --name=* | --cidfile=*) ;;
            --name | --cidfile) shift ;;
            -v | -p) printf '%s=%q\n' "${1/-v/--volume}" "$2"; shift ;;
            --*=true) printf '%s\n' "${1%=true}" ;;
            --*=*) word=${1%%=*}; printf '%s=%q\n' "$word" "${1#*=}" ;;
            --*) case $2 in
                    -* | localhost/img) printf '%s\n' "$1" ;;
                    *) printf '%s=%q\n' "$1" "$2"; shift ;;
                esac ;;
            *) printf 'odd word: %q\n' "$1" ;;
        esac
        shift
    done | sed 's/^-p=/--publish=/' | LC_ALL=C sort
}

# A value that the engine and the generator take.
sample() {
    case $1 in
        add-host) echo a:1.2.3.4 ;;
        annotation | env | label | sysctl) echo a.b=c ;;
        cap-add | cap-drop) echo net_admin ;;
        cgroups) echo no-conmon ;;
        device) echo /dev/null ;;
        env-file) echo /etc/hostname ;;
        expose) echo 80 ;;
        mount) echo type=tmpfs,destination=/m ;;
        network) echo host ;;
        publish) echo 80:80 ;;
        pull) echo never ;;
        security-opt) echo seccomp=/x.json ;;
        tmpfs) echo /t ;;
        ulimit) echo nofile=1:2 ;;
        user) echo 1000 ;;
        userns) echo keep-id ;;
        uidmap | gidmap) echo 0:1:1 ;;
        volume) echo /etc:/e:ro ;;
        memory) echo 100m ;;
        *) echo 3 ;;
    esac
}

@test "every option of the table comes back from the generator as it went in" {
    local name letter arity repeat engines scope flags rest value expected got count=0
    while IFS=$'\t' read -r name letter arity repeat engines scope flags rest; do
        [[ $engines = *,podman,* && $scope = *,run,* ]] || continue
        case $name in
            # Quadlet's own, those that no service has, and those that are systemd's.
            detach | replace | rm | purge | sig-proxy | name | restart | sdnotify | rootfs) continue ;;
            attach | cidfile | detach-keys | preserve-fds | rmi | interactive | tty) continue ;;
            no-healthcheck | pod | pod-id-file | gpus | help) continue ;;
        esac
        value=''
        [ "$arity" = bool ] || value=$(sample "$name")
        rm -f ./*.container
        if ! quadlet "--$name${value:+=$value}" localhost/img \
            >one.container 2>refused; then
            # Not this Podman's: its own help does not know it either.
            grep -qE "no option|unknown option|Podman has nothing" refused || { cat refused; return 1; }
            continue
        fi
        got=$(generated one | options)
        canonical=$("$DUMP" | awk -F'\t' -v n="$name" '$1 == n && $12 != "-" { print $12; exit }')
        expected="--${canonical:-$name}${value:+=$(printf '%q' "$value")}"
        [ "$got" = "$expected" ] || {
            echo "option --$name: '$got' instead of '$expected'"
            cat one.container messages
            return 1
        }
        count=$((count + 1))
    done < <("$DUMP")
    echo "$count options"
    [ "$count" -ge 100 ]
}

@test "typed keys are used where this Podman has them" {
    quadlet --name lab -p 80:80 -v /a:/b -e A=1 -l k=v --user 5:6 \
        --ulimit nofile=1:2 --health-cmd true --security-opt label=type:x_t --userns keep-id \
        --hostname h --shm-size 1g --memory 1g --restart on-failure localhost/img true >one.container
    for line in 'ContainerName=lab' 'PublishPort=80:80' 'Volume=/a:/b' 'Environment=A=1' \
        'Label=k=v' 'User=5' 'Group=6' 'Ulimit=nofile=1:2' 'HealthCmd=true' \
        'SecurityLabelType=x_t' 'UserNS=keep-id' 'HostName=h' 'ShmSize=1g' 'Restart=on-failure' \
        'Exec=true' 'WantedBy=multi-user.target'; do
        grep -qxF "$line" one.container || { echo "no $line"; cat one.container; return 1; }
    done
    case $VERSION in
        5.4) grep -qxF 'PodmanArgs=--memory=1g' one.container ;;
        *) grep -qxF 'Memory=1g' one.container ;;
    esac
    [[ $(generated one | tr '\0' ' ') = *' --user 5:6 '* ]]
}

@test "hostile values reach the command line to the byte" {
    local value words found hostile=('%h %%' '$X ${X} $(X) $$' 'a"b'\''c' 'back\slash \n \x41' $'new\nline\ttab'
        '-leading' 'yes' '0777' 'é ü' 'a;b|c&d' '#no comment' ' blanks ' 'end\' '[x]' '=x=')
    for value in "${hostile[@]}"; do
        rm -f ./*.container
        quadlet -e "A=$value" --label "l=$value" \
            --annotation "a=$value" --hostname "h$value" -v "/x:/y$value" localhost/img \
            "$value" "-c" "$value" >one.container
        mapfile -d '' -t words < <(generated one)
        printf 'for %q:\n' "$value"
        found=" "
        for word in "${words[@]}"; do
            [ "$word" != "A=$value" ] || found+="env "
            [ "$word" != "l=$value" ] || found+="label "
            [ "$word" != "a=$value" ] || found+="annotation "
            [[ $word != "h$value" && $word != "--hostname=h$value" ]] || found+="hostname "
            [[ $word != "/x:/y$value" && $word != "--volume=/x:/y$value" ]] || found+="volume "
        done
        [ "$found" = ' volume env label annotation hostname ' ] ||
            for word in env label annotation hostname volume; do
                [[ $found = *" $word "* ]] || { echo "no $word"; cat one.container messages; return 1; }
            done
        [ "${words[-3]}" = "$value" ]
        [ "${words[-1]}" = "$value" ]
    done
}

@test "what a service cannot have is an error that names it" {
    for option in --attach=stdin --cidfile=/x --rmi --detach-keys=ctrl-a; do
        run quadlet "$option" localhost/img
        [ "$status" -eq 2 ]
        [[ $output = *"cannot have '${option%%=*}'"* ]]
    done
    run quadlet --restart on-failure:3 localhost/img
    [ "$status" -eq 2 ]
    version=4.3 run quadlet localhost/img
    [ "$status" -eq 2 ]
    [[ $output = *'Podman 4.3 has no Quadlet'*'nvbind generate systemd'* ]]
    unit=../../etc/x run quadlet localhost/img
    [ "$status" -eq 2 ]
    [[ $output = *"is no name for a unit"* ]]
}

@test "GPUs stand there by UUID where a specification has them, and without one it says what to do" {
    "$NVBIND_BIN/nvbind" simulate "$units/host" --gpus 2 >/dev/null
    uuid=$("$NVBIND_BIN/nvbind" --host-root "$units/host" info --json | jq -r '.gpus[1].uuid')
    run as_root "$NVBIND_BIN/nvbind" --host-root "$units/host" generate quadlet --gpu 1 localhost/img
    [ "$status" -eq 1 ]
    [[ $output = *'no CDI specification'*'nvbind generate systemd --gpu 1 localhost/img'* ]]
    mkdir -p /etc/cdi
    "$NVBIND_BIN/nvbind" --host-root "$units/host" cdi generate --output /etc/cdi/nvidia.json
    as_root "$NVBIND_BIN/nvbind" --host-root "$units/host" generate quadlet --gpu 1 localhost/img \
        >one.container
    rm /etc/cdi/nvidia.json
    cat one.container
    grep -qxF "AddDevice=nvidia.com/gpu=$uuid" one.container
    grep -qxF 'After=nvbind-cdi-refresh.service' one.container
}
