# A lab as a service: a Quadlet, which systemd and Podman 4.4 and later start. Sourced by scripts/lab.
# shellcheck shell=bash

# lab_service pylab|rlab [-v FOLDER:PLACE]...: written by nvbind where it is there, else here. The
# token is in a file that the unit names.
lab_service() {
    local kind=$1 name image profile ports words scope=--user
    shift
    check_values
    [ "$CONTAINER_RUNTIME" = podman ] || die "a Quadlet is Podman's" "make CONTAINER_RUNTIME=podman ${kind}_service"
    check_engine
    check_quadlet
    check_folders
    find_nvbind
    name=$(container_of "$kind")
    describe_lab "$kind"
    read_gpu_words
    choose_user
    mount_words "$@"
    read_token "$name" keep
    (umask 077 && printf '%s\n' "${open:+PYRLAB_AUTH=none}${JUPYTER_TOKEN:+JUPYTER_TOKEN=$JUPYTER_TOKEN}" \
        >"$state/$name.env")
    words=(--name "$name" "${ports[@]}" "${mounts[@]}" "${user_words[@]}" --env-file "$state/$name.env"
        "${gpu_words[@]}" "$image")
    [ "$EUID" != 0 ] || scope=--system
    if [ -n "$nvbind" ]; then
        # Without a GPU there is no profile that needs one.
        if [ "$(count_gpus)" = 0 ] && [ ${#gpu_words[@]} -eq 0 ]; then
            words=(--gpu none "${words[@]}")
        else
            words=(--profile "$profile" "${words[@]}")
        fi
        install_by_nvbind "$kind"
    else
        say "GPUs: what DOCKER_ARGS says; nvbind is not installed"
        install_quadlet "$kind" "$scope"
    fi
    ! is_running "$name" || say "$name runs already: make ${kind}_stop before the service starts"
    say "$kind.service is installed; it is started by: systemctl $scope start $kind"
    address_of "$name" "$(port_of "$kind")"
}

# A Quadlet has its GPUs by CDI. Where no specification has them, a service that nvbind itself starts
# needs none.
install_by_nvbind() {
    local said
    said=$(mktemp)
    if "$nvbind" generate quadlet --install --unit "$1" --restart on-failure "${words[@]}" 2>"$said"; then
        cat "$said" >&2
        rm -f "$said"
        return
    fi
    if ! grep -q 'no CDI specification' "$said"; then
        cat "$said" >&2
        rm -f "$said"
        die "the unit was not written"
    fi
    rm -f "$said"
    say "no CDI specification has this machine's GPUs (sudo nvbind cdi refresh writes one): a service that nvbind starts"
    "$nvbind" generate systemd --install --unit "$1" --runtime podman --restart on-failure "${words[@]}" ||
        die "the unit was not written"
}

check_quadlet() {
    local version
    version=$(podman version --format '{{.Client.Version}}')
    [[ $version =~ ^([0-9]+)\.([0-9]+) ]] || die "podman says no version: '$version'"
    ((BASH_REMATCH[1] * 100 + BASH_REMATCH[2] >= 404)) || die "Podman $version has no Quadlet, which came with 4.4" \
        "make pylab, or a newer Podman"
    command -v systemctl >/dev/null || die "there is no systemctl here, and a service is systemd's to start" "make pylab"
}

# quoted WORD: as an ExecStart= line has it. Quadlet itself takes no care of "$" and "%".
quoted() {
    local word=${1//\\/\\\\}
    word=${word//\"/\\\"} word=${word//\$/\$\$} word=${word//%/%%}
    printf '"%s"' "$word"
}

# install_quadlet KIND SCOPE: of the words of lab_service.
install_quadlet() {
    local kind=$1 folder=${XDG_CONFIG_HOME:-$HOME/.config}/containers/systemd i file arguments=''
    [ "$2" = --user ] || folder=/etc/containers/systemd
    file=$folder/$kind.container
    mkdir -p "$folder"
    # Without the name, which has a key of its own, and the image.
    for ((i = 2; i < ${#words[@]} - 1; i++)); do arguments+=" $(quoted "${words[i]}")"; done
    cat >"$file.new" <<UNIT || die "'$file' cannot be written"
# By PyRLab: make ${kind}_service
[Unit]
Description=JupyterLab ($kind)

[Container]
Image=$image
ContainerName=$name
PodmanArgs=$arguments

[Service]
Restart=on-failure
TimeoutStartSec=900

[Install]
WantedBy=default.target
UNIT
    mv "$file.new" "$file"
    say "written: $file"
    systemctl "$2" daemon-reload ||
        say "systemd was not told of it: systemctl $2 daemon-reload, from a session of $(id -un)"
}
