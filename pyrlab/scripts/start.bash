# Starting and stopping labs. Sourced by scripts/lab.
# shellcheck shell=bash

# Where tokens are kept, for their owner alone, so that a restart keeps the address.
state=${XDG_STATE_HOME:-${HOME:?}/.local/state}/pyrlab

container_of() {
    if [ "$1" = pylab ]; then
        echo "pylab_${PYTHONBASE}_$PYPORT"
    else
        echo "rlab_${PYTHONBASE}_$RPORT"
    fi
}

port_of() { if [ "$1" = pylab ]; then echo "$PYPORT"; else echo "$RPORT"; fi; }

# What was said by PYLAB=, else what was tagged, else Configuration.mk's flavour.
lab_image() {
    local name
    if [ "$1" = rlab ]; then
        name=$(image_of rlab)
    elif [ -z "$PYLAB_GIVEN" ] && has_image "${image_prefix}pylab:$PYTHONBASE"; then
        name=${image_prefix}pylab:$PYTHONBASE
    else
        name=$(image_of "$PYLAB")
    fi
    has_image "$name" || die "there is no image $name" "make build_${1}$([ "$1" = rlab ] || echo "-$PYLAB")"
    printf '%s\n' "$name"
}

find_nvbind() {
    nvbind=
    if [ -n "${NVBIND:-}" ]; then
        nvbind=$(command -v "$NVBIND") || die "NVBIND: there is no program '$NVBIND'"
    else
        nvbind=$(command -v nvbind || command -v "$here/../build/bin/nvbind" || true)
    fi
}

count_gpus() {
    if [ -n "$nvbind" ]; then
        "$nvbind" info --json 2>/dev/null | grep -c '"pci"' || true
    else
        find /dev -maxdepth 1 -name 'nvidia[0-9]*' 2>/dev/null | wc -l
    fi
}

# Sets $gpu_words from DOCKER_ARGS. "ls /dev/nvidia*" lists what a folder holds, under a heading
# and without the folder: such words become the paths they were.
read_gpu_words() {
    local word folder='' mended='' pending=''
    gpu_words=()
    split_words DOCKER_ARGS
    for word in "${split[@]}"; do
        if [ -n "$pending" ]; then
            case $word in
                --device) mended=1; continue ;;
                /*:) if [ -d "${word%:}" ]; then folder=${word%:} mended=1 pending=; continue; fi ;;
                /* | *=*) ;;
                *) if [ -n "$folder" ] && [ -e "$folder/$word" ]; then word=$folder/$word mended=1; fi ;;
            esac
            if [ -d "$word" ]; then mended=1; else gpu_words+=(--device "$word"); fi
            pending=
        elif [ "$word" = --device ]; then
            pending=1
        else
            gpu_words+=("$word")
        fi
    done
    [ -z "$mended" ] || say "warning: DOCKER_ARGS lists a folder among the nodes; its nodes are taken by their own paths"
}

# Sets $run: the words up to "run"; says what the lab gets of GPUs.
# choose_runner PROFILE: the profile nvbind adds, "" for none.
choose_runner() {
    local count
    find_nvbind
    read_gpu_words
    run=("$CONTAINER_RUNTIME" run)
    if [ -z "$nvbind" ]; then
        if [ ${#gpu_words[@]} -eq 0 ]; then
            say "GPUs: none, nvbind is not installed and DOCKER_ARGS is empty"
        elif [[ " ${gpu_words[*]} " = *" /dev/nvidia"* ]]; then
            say "warning: without nvbind these nodes come without the driver's libraries"
        fi
        return
    fi
    count=$(count_gpus)
    if [ "$count" = 0 ] && [ ${#gpu_words[@]} -eq 0 ]; then
        say "GPUs: none on this machine; the lab starts without"
        return
    fi
    run=("$nvbind" run --runtime "$CONTAINER_RUNTIME" ${1:+--profile "$1"})
    say "GPUs: by nvbind, $count on this machine"
}

# Sets $user_words: notebooks belong to whom they belong to outside.
choose_user() {
    if ! is_rootless; then
        user_words=(--user "$LAB_UID:$LAB_GID")
    elif [ "$USERNS" = keep-id ] && [ "$CONTAINER_RUNTIME" = podman ]; then
        user_words=("--userns=keep-id:uid=$LAB_UID,gid=$LAB_GID" --user "$LAB_UID:$LAB_GID")
    else
        # In the container's user namespace root is who started it.
        user_words=(--user 0:0 --env HOME=/home/pylab)
    fi
    user_words+=("${limit_words[@]}")
}

# read_token NAME: exports JUPYTER_TOKEN, or sets $open where there is to be none.
read_token() {
    local file=$state/$1.token
    if [ -L "$file" ] || { [ -e "$file" ] && ! { [ -f "$file" ] && [ -O "$file" ]; }; }; then
        die "the token's file '$file' is a link, no file or another's" "rm -f '$file'"
    fi
    open=
    if [ -n "$TOKEN_GIVEN" ] && [ -z "${TOKEN:-}" ]; then
        open=1
        unset JUPYTER_TOKEN
        say "warning: TOKEN is empty: whoever reaches $BIND:$(port_of "${1%%_*}") runs programs as you"
        rm -f "$file"
        return
    fi
    if [ -n "${TOKEN:-}" ]; then
        JUPYTER_TOKEN=$TOKEN
    elif [ "${2:-}" = keep ] && [ -f "$file" ]; then
        JUPYTER_TOKEN=$(cat "$file")
    else
        JUPYTER_TOKEN=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    fi
    # One that is there already has its own mode.
    (umask 077 && mkdir -p "$state" && { [ ! -e "$file" ] || chmod 600 "$file"; } &&
        printf '%s\n' "$JUPYTER_TOKEN" >"$file") || die "the token's file '$file' cannot be written"
    export JUPYTER_TOKEN
}

address_of() {
    local name=$1 port=$2 host=$BIND token=
    [ "$host" != 0.0.0.0 ] || host=$(hostname)
    [ ! -f "$state/$name.token" ] || token="?token=$(cat "$state/$name.token")"
    printf 'http://%s:%s/lab%s\n' "$host" "$port" "$token"
}

is_running() {
    [ "$("$CONTAINER_RUNTIME" container inspect --format '{{.State.Running}}' "$1" 2>/dev/null)" = true ]
}

# Whether JupyterLab answers on a port: by a shell of its own, which Docker's proxy ends where it
# takes a connection for nobody.
answers() (
    exec 2>/dev/null 3<>"/dev/tcp/$(own_address)/$1" || exit 1
    printf 'GET /api HTTP/1.0\r\n\r\n' >&3 && read -r -t 5 line <&3 && [[ $line = HTTP/1.?" 200"* ]]
)

# wait_for NAME PORT: until JupyterLab answers, or its container has ended.
wait_for() {
    local name=$1 port=$2 i
    for ((i = 0; i < 600; i++)); do
        ! answers "$port" || return 0
        if ((i % 20 == 19)) && ! is_running "$name"; then break; fi
        sleep 0.05
    done
    "$CONTAINER_RUNTIME" logs --tail 20 "$name" >&2 || true
    die "JupyterLab in $name does not answer on $BIND:$port" "$CONTAINER_RUNTIME logs $name"
}

# Sets $mounts from the "-v FOLDER:PLACE[:FLAGS]" of the Makefile's line, or to what it has as it comes.
mount_words() {
    mounts=("$@")
    [ $# -gt 0 ] || mounts=(-v "$NOTEBOOKS:/volumes/notebooks" -v "$DOCKER:/notebook")
    has_selinux || return 0
    local i
    for i in "${!mounts[@]}"; do
        [[ ${mounts[i]} != /*:/* || ${mounts[i]} = *:*:* ]] || mounts[i]+=:z
    done
}

# Sets $image, $ports and $profile for pylab or rlab.
describe_lab() {
    image=$(lab_image "$1")
    if [ "$1" = pylab ]; then
        profile=jupyter
        ports=(-p "$BIND:$PYPORT:8888" -p "$BIND:$TFPORT:6006" -p "$BIND:$DTPORT:40000")
    else
        # jupyter's own port is the other lab's.
        profile=ai-ml
        ports=(-p "$BIND:$RPORT:9999")
    fi
}

# Another flavour, or the same built anew since.
warn_of_other_image() {
    local image
    image=$(lab_image "$1")
    [ "$("$CONTAINER_RUNTIME" container inspect --format '{{.Image}}' "$2")" = \
        "$("$CONTAINER_RUNTIME" image inspect --format '{{.Id}}' "$image")" ] ||
        say "warning: it runs another image than $image is now; make $1_restart changes that"
}

# lab_start pylab|rlab [-v FOLDER:PLACE]...
lab_start() {
    local kind=$1 name image profile ports
    shift
    check_values
    check_engine
    check_folders
    name=$(container_of "$kind")
    if is_running "$name"; then
        say "$name is running"
        warn_of_other_image "$kind" "$name"
        address_of "$name" "$(port_of "$kind")"
        return
    fi
    describe_lab "$kind"
    if [ "$kind" = pylab ]; then check_free PYPORT TFPORT DTPORT; else check_free RPORT; fi
    "$CONTAINER_RUNTIME" rm -f "$name" >/dev/null 2>&1 || true
    choose_runner "$profile"
    choose_user
    mount_words "$@"
    read_token "$name" "${keep_token:-}"
    "${run[@]}" -d --name "$name" "${ports[@]}" "${mounts[@]}" "${user_words[@]}" \
        ${open:+-e PYRLAB_AUTH=none} ${JUPYTER_TOKEN:+-e JUPYTER_TOKEN} "${gpu_words[@]}" "$image" \
        >/dev/null || die "$name was not started"
    wait_for "$name" "$(port_of "$kind")"
    say "$name runs $image"
    address_of "$name" "$(port_of "$kind")"
}

lab_stop() {
    check_values
    check_engine
    local name
    name=$(container_of "$1")
    "$CONTAINER_RUNTIME" container inspect "$name" >/dev/null 2>&1 || { say "$name is not there"; return; }
    "$CONTAINER_RUNTIME" stop -t 5 "$name" >/dev/null 2>&1 || true
    "$CONTAINER_RUNTIME" rm -f "$name" >/dev/null
    say "$name is gone; its notebooks are in $NOTEBOOKS"
}

# Made anew, so that it sees the driver as it is now; the address stays.
lab_restart() {
    local keep_token=keep
    lab_stop "$1"
    lab_start "$@"
}

# need_lab pylab|rlab: sets $name to its container, which must be there.
need_lab() {
    check_values
    check_engine
    name=$(container_of "$1")
    "$CONTAINER_RUNTIME" container inspect "$name" >/dev/null 2>&1 || die "$name is not there" "make $1"
}

lab_logs() {
    local name
    need_lab "$1"
    "$CONTAINER_RUNTIME" logs -f "$name"
}

lab_shell() {
    local name terminal=-i
    need_lab "$1"
    is_running "$name" || die "$name is not running" "make $1"
    [ ! -t 0 ] || terminal=-it
    "$CONTAINER_RUNTIME" exec "$terminal" "$name" bash
}

lab_url() {
    local name
    need_lab "$1"
    is_running "$name" || die "$name is not running" "make $1"
    address_of "$name" "$(port_of "$1")"
}

