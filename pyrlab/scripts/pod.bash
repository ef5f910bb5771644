# JupyterLab and TensorBoard together: a Podman pod, or compose. Sourced by scripts/lab.
# shellcheck shell=bash

pod_start() {
    local image pod_user=()
    check_values
    [ "$CONTAINER_RUNTIME" = podman ] || die "docker has no pods" "make compose_up, or CONTAINER_RUNTIME=podman"
    check_engine
    check_folders
    ! podman pod exists pylab-pod || die "the pod pylab-pod is there" "make CONTAINER_RUNTIME=podman pod_stop"
    image=$(lab_image pylab)
    check_free PYPORT TFPORT
    has_image "$TB_IMAGE" || pull "$TB_IMAGE" >&2 ||
        die "TB_IMAGE: $TB_IMAGE cannot be had" "make TB_IMAGE=NAME of an image with TensorBoard"
    choose_runner ""
    choose_user
    mount_words
    read_token pylab-pod
    # A namespace is the pod's, not the container's.
    if [[ ${user_words[0]} = --userns=* ]]; then
        pod_user=("${user_words[0]}")
        user_words=("${user_words[@]:1}")
    fi
    podman pod create --name pylab-pod "${pod_user[@]}" -p "$BIND:$PYPORT:8888" -p "$BIND:$TFPORT:6006" \
        >/dev/null || die "the pod was not made"
    split_words TB_COMMAND
    if ! "${run[@]}" -d --pod pylab-pod --name jupyter "${mounts[@]}" "${user_words[@]}" \
        ${open:+-e PYRLAB_AUTH=none} ${JUPYTER_TOKEN:+-e JUPYTER_TOKEN} "${gpu_words[@]}" "$image" >/dev/null ||
        ! podman run -d --pod pylab-pod --name tensorboard "${limit_words[@]}" -v "$NOTEBOOKS:/logs:ro" "$TB_IMAGE" \
            "${split[@]}" >/dev/null; then
        podman pod rm -f pylab-pod >/dev/null
        die "the pod was not started"
    fi
    wait_for jupyter "$PYPORT"
    say "pylab-pod runs jupyter and tensorboard (http://$BIND:$TFPORT/)"
    address_of pylab-pod "$PYPORT"
}

pod_stop() {
    check_values
    [ "$CONTAINER_RUNTIME" = podman ] || die "docker has no pods" "make compose_down, or CONTAINER_RUNTIME=podman"
    check_engine
    podman pod exists pylab-pod || { say "pylab-pod is not there"; return; }
    podman pod rm -f -t 5 pylab-pod >/dev/null
    say "pylab-pod is gone; its notebooks are in $NOTEBOOKS"
}

# Sets $compose to the program this machine has for the engine.
find_compose() {
    if [ "$CONTAINER_RUNTIME" = podman ]; then
        compose=(podman-compose)
    elif docker compose version >/dev/null 2>&1; then
        compose=(docker compose)
    else
        compose=(docker-compose)
    fi
    command -v "${compose[0]}" >/dev/null || die "${compose[0]} is not installed" \
        "sudo apt-get install -y ${compose[0]}"
    compose+=(-p pyrlab -f "$here/compose.yml")
}

# A second file with what the GPUs need, written by nvbind; compose.yml alone knows none.
add_gpus_to_compose() {
    local tool=docker-compose file=$state/compose.gpus.yml
    if [ "${run[0]}" = "$CONTAINER_RUNTIME" ]; then
        [ ${#gpu_words[@]} -eq 0 ] || say "warning: without nvbind compose starts the lab without DOCKER_ARGS"
        return
    fi
    [ "$CONTAINER_RUNTIME" = docker ] || tool=podman-compose
    mkdir -p "$state"
    "$nvbind" -q generate compose --for "$tool" --service jupyter -o "$file" --runtime "$CONTAINER_RUNTIME" \
        --name pyrlab-jupyter "${gpu_words[@]}" "$LAB_IMAGE" || die "nvbind wrote no GPUs for compose"
    compose+=(-f "$file")
}

# TB_COMMAND as a list: tools differ in how they take a text with blanks that a variable brings.
add_command_to_compose() {
    local file=$state/compose.command.yml word list=''
    split_words TB_COMMAND
    for word in "${split[@]}"; do
        word=${word//\\/\\\\}
        word=${word//\"/\\\"}
        list+="${list:+, }\"${word//\$/\$\$}\""
    done
    mkdir -p "$state"
    printf 'services:\n  tensorboard:\n    command: [%s]\n' "$list" >"$file" || die "'$file' cannot be written"
    compose+=(-f "$file")
}

# What compose.yml fills in. A user namespace of its own is none of compose's words that both engines
# take: rootless, the lab's root is its caller.
compose_environment() {
    local flag=
    ! has_selinux || flag=:z
    if is_rootless; then LAB_USER=0:0; else LAB_USER=$LAB_UID:$LAB_GID; fi
    VOLUME_FLAG=$flag
    export LAB_IMAGE LAB_USER VOLUME_FLAG
    export PYRLAB_AUTH=${open:+none} JUPYTER_TOKEN=${JUPYTER_TOKEN:-}
}

compose_up() {
    check_values
    check_engine
    check_folders
    find_compose
    LAB_IMAGE=$(lab_image pylab)
    check_free PYPORT TFPORT
    choose_runner ""
    add_gpus_to_compose
    add_command_to_compose
    read_token pylab-compose
    compose_environment
    "${compose[@]}" up -d || die "compose did not start the lab"
    wait_for pyrlab-jupyter "$PYPORT"
    address_of pylab-compose "$PYPORT"
}

# Nothing that has gone since, an image or a folder, stands in the way.
compose_down() {
    check_values
    check_engine
    find_compose
    open=
    LAB_IMAGE=none
    compose_environment
    "${compose[@]}" down
}
