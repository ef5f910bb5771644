# engines: podman54 docker26
# more engines: host docker28
#
# "nvbind generate compose" and the tools that read it: podman-compose with rootless Podman, docker
# compose with Docker, and with Podman's service. What they make is held against what the engine's
# own create makes of the same words.

load ../lib/engine
load ../lib/docker
load ../lib/compose
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    export BATS_TEST_RETRIES=0 FOLDER
    FOLDER=$(shared_folder)
    if command -v dockerd >/dev/null; then
        need_rootful
        export TOOLS=docker-compose OLD= DOCKER_CONFIG=$FOLDER/docker
        docker_start '"features": {"cdi": true}'
        docker_image busybox box
        return
    fi
    command -v podman-compose >/dev/null || skip "podman-compose is not installed"
    export TOOLS=podman-compose OLD=
    [[ $(as_user podman-compose --version 2>/dev/null) != *" 1.0"* ]] || OLD=1
    import_image rootless busybox >/dev/null
    as_user podman tag localhost/nvbind-test/busybox box
    # docker compose's program runs without Docker's client.
    PLUGIN=$("$NVBIND_T_SRC/tests/lib/cache" path tree-docker26 2>/dev/null)/usr/libexec/docker/cli-plugins/docker-compose
    if [ -x "$PLUGIN" ] && [[ $(podman --version) != *" 4."* ]]; then
        SOCKET=$FOLDER/podman.sock
        # shellcheck disable=SC2016 # for the shell inside
        as_user bash -c 'echo $$ >"$1"; exec podman system service -t 0 "$2"' - \
            "$FOLDER/service" "unix://$SOCKET" >/dev/null 2>&1 3>&- &
        for _ in $(seq 100); do
            [ ! -S "$SOCKET" ] || break
            sleep 0.1
        done
        TOOLS="$TOOLS podman-socket"
    fi
    export PLUGIN SOCKET TOOLS
}

teardown_file() {
    [ ! -f "$FOLDER/service" ] || kill "$(cat "$FOLDER/service")" || true
    [[ ${TOOLS:-} != docker-compose ]] || docker_stop
}

setup() {
    cd "$FOLDER" || return
    engine "${TOOLS%% *}" rm -f nvbind-t >/dev/null 2>&1 || true
    export FILE=$FOLDER/compose-$BATS_TEST_NUMBER.yaml
}

identity() { if [ "$1" = docker-compose ]; then echo rootful; else echo rootless; fi; }

# generate TOOL WORDS...: into FILE; what is said stays in FILE.said.
generate() {
    local tool=$1
    shift
    as "$(identity "$tool")" env ${DOCKER_HOST:+"DOCKER_HOST=$DOCKER_HOST"} "$NVBIND_BIN/nvbind" \
        ${HOST:+--host-root "$HOST"} generate compose --for "$tool" --service s -o "$FILE" "$@" \
        2>"$FILE.said"
}

# compose TOOL WORDS...: the tool itself, on FILE.
compose() {
    local tool=$1
    shift
    case $tool in
        docker-compose) as_root env "DOCKER_HOST=$DOCKER_HOST" docker compose -f "$FILE" -p nvbind "$@" ;;
        podman-compose) as_user podman-compose -p nvbind -f "$FILE" "$@" ;;
        podman-socket) as_user env "DOCKER_HOST=unix://$SOCKET" "$PLUGIN" -f "$FILE" -p nvbind "$@" ;;
    esac
}

engine() {
    local tool=$1
    shift
    if [ "$tool" = docker-compose ]; then docker "$@"; else as_user podman "$@"; fi
}

# runs TOOL: the service runs to its end, and goes.
runs() {
    compose "$1" up -d >"$FILE.up" 2>&1 || { cat "$FILE" "$FILE.up"; return 1; }
    [ "$(engine "$1" wait nvbind-t)" = 0 ] || { cat "$FILE" "$FILE.up"; engine "$1" logs nvbind-t; return 1; }
}

# Not by the tool, which takes a second for it.
goes() {
    engine "$1" rm -f nvbind-t >/dev/null
}


# The service's words as another program reads them out of the file.
# shellcheck disable=SC2016 # jq's, and the shell's inside of the container
readonly tell='i=0; for a; do printf "%s\0" "$a"; done >/out/args; for n in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do eval "printf \"%s\\0\" \"\$V$n\""; done >/out/env'

hostile=('%h %%' '$X ${X} $(X) $$ ${Y:-z}' 'a"b'\''c' 'back\slash \n \x41' $'new\nline\ttab' '-leading'
    'yes' '0777' 'é ü 😀' 'a;b|c&d' '#no comment' ' blanks ' '{{.X}}' '1e3' 'a: b' '!tag &anchor *alias')

# podman-compose before 1.3 knows the project's own network and others with names, and no mode.
network() {
    if [ -z "$OLD" ]; then echo --network=none; fi
}

each_tool() {
    local tool
    for tool in $TOOLS; do
        echo "== $tool"
        "$1" "$tool"
    done
}

hostile_arrive() {
    local tool=$1 i words=()
    for i in "${!hostile[@]}"; do words+=(-e "V$i=${hostile[i]}"); done
    rm -rf out
    mkdir -m 1777 out
    generate "$tool" --gpu none --name nvbind-t $(network) -v "$FOLDER/out:/out" \
        --label "hostile=${hostile[1]}" "${words[@]}" box sh -c "$tell" sh "${hostile[@]}" ||
        { cat "$FILE.said"; return 1; }
    printf '%s\0' "${hostile[@]}" >expected
    if [ -n "$OLD" ]; then
        # Its network is not everywhere to be had, and it takes no other.
        compose "$tool" up --no-start >/dev/null 2>&1
        engine "$tool" inspect nvbind-t >inspected
        jq -j '.[0].Config | .Cmd[4:][], ("V\(range(16))=" as $n | .Env[] | select(startswith($n)) | ltrimstr($n)) | ., "\u0000"' inspected >got
        cat expected expected | cmp - got
        goes "$tool"
        return 0
    fi
    runs "$tool"
    cmp expected out/args || { cat "$FILE.up"; return 1; }
    cmp expected out/env
    [ "$(engine "$tool" inspect --format '{{index .Config.Labels "hostile"}}' nvbind-t)" = "${hostile[1]}" ]
    compose "$tool" down -t 0 >/dev/null 2>&1
    run ! engine "$tool" inspect nvbind-t
    # The tool's own reading of the file, printed again.
    compose "$tool" config >config
    [[ $tool = podman-compose ]] || grep -q '%h %%' config
}

@test "hostile words, variables and labels arrive in a container to the byte" {
    each_tool hostile_arrive
}

# ---- every option ----

# What inspect says of a container, without what two containers never have in common, what the
# tools add, and without empty values.
facts() {
    engine "$1" inspect "$2" | jq -S 'def tidy: walk(if type == "object" then with_entries(select(.value != null
            and .value != "" and .value != [] and .value != {} and .value != false)) else . end);
        .[0] | {Config, HostConfig, Mounts, Networks: (.NetworkSettings.Networks // {} | map_values({Aliases, IPAMConfig}))}
        | del(.Config.Hostname, .Config.CreateCommand, .Config.Image, .Config.Labels["nvbind.key"],
              .Config.AttachStdin, .Config.AttachStdout, .Config.AttachStderr, .Config.StdinOnce,
              .Mounts[].Mode, .HostConfig.Binds, .HostConfig.Mounts, .HostConfig.ConsoleSize, .HostConfig.ContainerIDFile, .HostConfig.NetworkMode)
        | .Config.Labels |= with_entries(select(.key | test("^(com.docker|io.podman).compose|^PODMAN_SYSTEMD_UNIT") | not))
        | if .Config.Healthcheck.Test[0]? == "NONE" then .Config.Healthcheck |= {Test} else . end
        | .Config.Healthcheck.Test[1]? |= (. // "" | sub("^/bin/sh -c .(?<c>.*).$"; .c))
        | .HostConfig.Ulimits |= (. // [] | sort) | .HostConfig.LogConfig.Path = null
        | del(.Config.Umask, .Config.sdNotifyMode, .HostConfig.HostsFile)
        | .Config.Env |= (. // [] | sort)
        | .Mounts |= (. // [] | map(select(.Name | tostring | test("^[0-9a-f]{64}$|nvbind_s_") | not)) | sort_by(.Destination)) | tidy'
}

# same TOOL WORDS...: the tool's container is the one that the engine makes of the words.
same() {
    local tool=$1 void=()
    shift
    # Without a GPU, Docker's default runtime may be NVIDIA's.
    [ "$tool" != docker-compose ] || void=(-e NVIDIA_VISIBLE_DEVICES=void)
    generate "$tool" --gpu none --name nvbind-t "$@" box true x || { echo "$*"; cat "$FILE.said"; return 1; }
    case $tool in
        podman-compose) compose "$tool" up --no-start ;;
        *) compose "$tool" create ;;
    esac >"$FILE.up" 2>&1 || { cat "$FILE" "$FILE.up"; return 1; }
    facts "$tool" nvbind-t >made || { cat "$FILE.up"; return 1; }
    goes "$tool"
    engine "$tool" create --name nvbind-t "${void[@]}" "$@" box true x >/dev/null
    facts "$tool" nvbind-t | if [ -z "$OLD" ]; then cat; else jq -S --slurpfile m made '.Networks = $m[0].Networks'; fi >wanted
    engine "$tool" rm -f nvbind-t >/dev/null
    diff wanted made
}

same_everywhere() {
    local tool=$1 limits=(--ulimit nofile=10:20 --ulimit nproc=30)
    [ "$tool" != podman-socket ] || limits=()
    : >e.env
    printf 'FROM_FILE=1\n' >e.env
    same "$tool" $(network) --annotation a=b --cap-add NET_ADMIN --cap-drop CHOWN --device /dev/null:/dev/n:r \
        --entrypoint /bin/sh -e 'A=b c' --env-file e.env --expose 81 --init -i -t --label k=v \
        --memory 100m --read-only --restart on-failure:3 \
        --security-opt no-new-privileges --shm-size 32m --stop-signal SIGINT --tmpfs /t:size=1m \
        "${limits[@]}" --user 5:6 --workdir /w -v "$FOLDER:/f:ro" -v named:/n \
        --mount "type=bind,source=$FOLDER,target=/g,readonly" --health-cmd 'true $X' \
        --health-interval 31s --health-retries 4 --health-timeout 9s --health-start-period 7s
    [ -n "$OLD" ] || same "$tool" --network=host --pid=host --group-add 7 --dns 1.2.3.4 --dns-search a.b --dns-option ndots:2 --hostname h --add-host "a:1.2.3.4" --no-healthcheck
    case $tool in
        podman-compose)
            [ -n "$OLD" ] || same "$tool" --network=none --userns=keep-id --no-hosts --ulimit=host ;;
        podman-socket)
            same "$tool" --network=none --userns=keep-id --security-opt label=disable --ipc=private \
                --cgroupns=host --uts=host --pids-limit 55 --oom-score-adj 100 ;;
        docker-compose)
            same "$tool" --network=none --device-cgroup-rule 'c 1:3 r' --ipc=host --cgroupns=host --uts=host \
                --pids-limit 55 --oom-score-adj 100 --cpus 1.5 --cpuset-cpus 0 --memory 90m --memory-swap -1 \
                --memory-reservation 50m \
                --domainname d --runtime crun --stop-timeout 7 --cgroup-parent /x \
                --isolation default --userns=host --oom-kill-disable --platform linux/amd64
            # As in tests/cli/generate_compose.bats; each asks the daemon, so not in every check.
            if [ "${NVBIND_TEST_ENGINES:-}" = all ]; then
                every_option_is_said docker-compose
                [ "$TAKEN" -ge 75 ]
            fi ;;
    esac
}

@test "every option makes what the engine makes of it" {
    each_tool same_everywhere
}

# ---- GPUs ----

sees_gpu() {
    local tool=$1
    shift
    generate "$tool" --gpu 1 --name nvbind-t $(network) "$@" box sh -c 'ls /dev | grep "^nvidia[0-9]"; find /usr -name "libcuda.so*" | grep -c .' ||
        { cat "$FILE.said"; return 1; }
    uuid=$("$NVBIND_BIN/nvbind" --host-root "$HOST" info --json | jq -r '.gpus[1].uuid')
    if [ -n "$OLD" ]; then
        compose "$tool" up --no-start >/dev/null 2>&1
        words=$(engine "$tool" inspect --format '{{.Config.CreateCommand}}' nvbind-t)
        [[ $words = *"--device nvidia.com/gpu=$uuid"* || ($words = */dev/nvidia1* && $words = *libcuda.so*) ]]
        [[ $words != */dev/nvidia0* ]]
    else
        runs "$tool"
        engine "$tool" logs nvbind-t >logs
        cat logs
        [ "$(head -n1 logs)" = nvidia1 ]
        [ "$(tail -n1 logs)" -ge 1 ]
    fi
    [ "$(engine "$tool" inspect --format '{{index .Config.Labels "nvbind.gpus"}}' nvbind-t)" = "$uuid" ]
    goes "$tool"
}

directly() {
    sees_gpu "$1" --no-cdi
    run ! grep -q "nvidia.com/gpu" "$FILE"
}

by_name() {
    sees_gpu "$1"
    grep -q "nvidia.com/gpu=$uuid" "$FILE"
    if [ "$1" = podman-compose ]; then
        run ! grep -q deploy: "$FILE"
    else
        grep -q "driver: cdi" "$FILE"
    fi
}

@test "a GPU by devices and mounts" {
    simulate_host --gpus 2
    each_tool directly
}

@test "a GPU by its UUID, where the engine has a specification" {
    need_rootful
    simulate_host --gpus 2
    mkdir -p /etc/cdi
    # Podman 4.3 takes no CDI above 0.5.
    "$NVBIND_BIN/nvbind" --host-root "$HOST" cdi generate --cdi-version 0.5 --output /etc/cdi/nvbind-compose.yaml
    chmod a+r /etc/cdi/nvbind-compose.yaml
    each_tool by_name
    rm /etc/cdi/nvbind-compose.yaml
}
