# Building, tagging and removing images. Sourced by scripts/lab.
# shellcheck shell=bash

# parent_of FLAVOUR: what it stands on; nothing for the base.
parent_of() {
    case $1 in
        mini | rbase) echo base ;;
        common) echo mini ;;
        torch | tf | jax) echo common ;;
        rlab) echo rbase ;;
    esac
}

has_list() { [ -f "$here/packages/$1.$PACKAGES" ]; }

# build WORD...: these images and what they stand on, each once; "all" is every one there is a list for.
build() {
    local flavour parent wanted=() chain=()
    check_values
    for flavour; do
        # shellcheck disable=SC2086 # words
        [ "$flavour" != all ] || { build base $all_flavours rbase rlab; return; }
        case " base $all_flavours rbase rlab " in
            *" $flavour "*) ;;
            *) die "there is no flavour '$flavour'" "one of: base $all_flavours rbase rlab" ;;
        esac
        if ! has_list "$flavour"; then
            [ $# -gt 1 ] || die "PACKAGES=$PACKAGES has no $flavour" "make PACKAGES=pypi build_pylab-$flavour"
            say "$flavour: skipped, PACKAGES=$PACKAGES does not have it"
            continue
        fi
        wanted+=("$flavour")
    done
    check_engine
    start_log
    # One that was named is built; one that it stands on only where it is missing.
    for flavour in "${wanted[@]}"; do
        parent=$(parent_of "$flavour")
        while [ -n "$parent" ] && [[ " ${chain[*]} ${wanted[*]} " != *" $parent "* ]] &&
            ! has_image "$(image_of "$parent")"; do
            chain=("$parent" "${chain[@]}")
            parent=$(parent_of "$parent")
        done
    done
    # Of Docker's builders only the daemon's own, which its context names, has the images built before.
    [ "$CONTAINER_RUNTIME" != docker ] ||
        BUILDX_BUILDER=$(docker context inspect --format '{{.Name}}' 2>/dev/null || echo default)
    [ -z "${BUILDX_BUILDER:-}" ] || export BUILDX_BUILDER
    for flavour in "${chain[@]}" "${wanted[@]}"; do build_one "$flavour"; done
}

start_log() {
    [ -d "$(dirname "$BUILD_LOG")" ] || die "BUILD_LOG: there is no folder for '$BUILD_LOG'"
    [ ! -d "$BUILD_LOG" ] || die "BUILD_LOG is a file, and '$BUILD_LOG' is a folder"
    { : >"$BUILD_LOG"; } 2>/dev/null || die "BUILD_LOG: '$BUILD_LOG' cannot be written" "make BUILD_LOG=FILE ..."
    [ ! -f "$BUILD_LOG" ] || give_to_user "$BUILD_LOG"
}

# logged COMMAND...: shown and written to the log; the command's own status.
logged() {
    "$@" 2>&1 | tee -a "$BUILD_LOG"
}

build_one() {
    local flavour=$1 file=layer from name start=$SECONDS words=() variable
    case $flavour in
        base) file=base ;;
        mini | rlab) file=lab ;;
    esac
    name=$(image_of "$flavour")
    if [ "$flavour" = base ]; then
        find_base
        from=$base
        [ "$CUDA_INSTALL" = no ] || words+=(--build-arg CUDA=cuda)
        words+=(--build-arg "PACKAGES=$PACKAGES" --label "pyrlab.packages=$PACKAGES")
    else
        from=$(image_of "$(parent_of "$flavour")")
        words+=(--build-arg "FLAVOUR=$flavour")
        check_source "$from"
        [ "$file" != layer ] || [ "$flavour" = rbase ] || words+=(--build-arg "LAB_USER=$LAB_UID:$LAB_GID")
        [ "$flavour" != rlab ] || words+=(--build-arg LAB_PORT=9999)
    fi
    [ "$file" = layer ] || words+=(--build-arg "LAB_UID=$LAB_UID" --build-arg "LAB_GID=$LAB_GID")
    # By name alone: a proxy may hold a password.
    for variable in http_proxy https_proxy no_proxy; do
        if [ -n "${!variable:-}" ]; then words+=(--build-arg "$variable"); else unset "$variable"; fi
    done
    if [ "$PACKAGES" = pypi ] && [ -n "${PIP_INDEX_URL:-}" ]; then
        words+=(--build-arg "PIP_INDEX_URL=$PIP_INDEX_URL")
    fi
    split_words BUILD_ARGS
    say "$flavour: building $name on $from"
    # Podman's own format knows no healthchecks and is otherwise the same; old Docker takes both.
    logged "$CONTAINER_RUNTIME" build \
        -f "$here/Containerfile.$file" -t "$name" --build-arg "FROM=$from" "${words[@]}" \
        "${limit_words[@]}" "${split[@]}" "$here" ||
        die "$flavour was not built$(said_why)" "the whole of it: $BUILD_LOG"
    say "$flavour: built in $((SECONDS - start)) s, $(size_of "$name")"
}

# What install-packages said last, if it said why.
said_why() { sed -n 's/.*install-packages: error\(: .*\)/\1/p' "$BUILD_LOG" | tail -n 1; }

size_of() {
    local bytes
    bytes=$("$CONTAINER_RUNTIME" image inspect --format '{{.Size}}' "$1")
    printf '%d MB\n' $((bytes / 1000000))
}

# A layer of one source on an image of the other would find no packages.
check_source() {
    local other
    other=$("$CONTAINER_RUNTIME" image inspect --format '{{index .Config.Labels "pyrlab.packages"}}' "$1")
    [ "$other" = "$PACKAGES" ] || die "$1 was built with PACKAGES=$other, not $PACKAGES" \
        "make PACKAGES=$PACKAGES build_base first, or set PYTHONBASE to keep both"
}

# Sets $base: BASE_IMAGE where the engine has it or can pull it, else a Debian or Ubuntu that
# mmdebstrap makes from the distribution's packages.
find_base() {
    base=$BASE_IMAGE
    ! has_image "$base" || return 0
    say "base: pulling $base"
    if logged pull "$base"; then return; fi
    local name=${BASE_IMAGE##*/} suite
    read_suite "$name"
    base=${image_prefix}pyrlab-${name%%:*}:$suite
    if has_image "$base"; then
        say "base: it cannot be pulled; $base was made before"
        return
    fi
    command -v mmdebstrap >/dev/null || die "$BASE_IMAGE cannot be pulled, and mmdebstrap is not installed" \
        "sudo apt-get install -y mmdebstrap"
    say "base: it cannot be pulled; making $base by mmdebstrap"
    local tar
    tar=$(mktemp "${TMPDIR:-/tmp}/pyrlab.XXXXXX.tar")
    if ! logged mmdebstrap --variant=minbase --format=tar --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" "$tar" ||
        ! logged import_image "$tar" "$base"; then
        rm -f "$tar"
        die "$base was not made" "the whole of it: $BUILD_LOG"
    fi
    rm -f "$tar"
}

# pull NAME. A name without a registry is Docker's: nvbind knows that also where this machine's Podman
# searches none for it.
pull() {
    local words only_here=pyrlab-pull-$$
    ! words=$("$CONTAINER_RUNTIME" pull "$1" 2>&1 | tee /dev/stderr) || return 0
    [[ $CONTAINER_RUNTIME = podman && $words = *short-name* ]] || return 1
    find_nvbind
    [ -n "$nvbind" ] && "$nvbind" create --runtime podman --gpu none --name "$only_here" "$1" || return 1
    podman rm "$only_here"
}

# read_suite IMAGE: sets $suite, the release that mmdebstrap knows it by.
read_suite() {
    local tag=latest
    [[ $1 != *:* ]] || tag=${1#*:}
    tag=${tag%-slim}
    case ${1%%:*}:$tag in
        debian:latest) suite=stable ;;
        debian:11 | debian:12 | debian:13 | debian:14) suite=$(debian_name "$tag") ;;
        debian:[a-z]*) suite=$tag ;;
        ubuntu:20.04) suite=focal ;;
        ubuntu:22.04) suite=jammy ;;
        ubuntu:24.04 | ubuntu:latest) suite=noble ;;
        ubuntu:[a-z]*) suite=$tag ;;
        debian:* | ubuntu:*)
            die "$BASE_IMAGE cannot be pulled, and there is no release '$tag' to make it from" \
                "a release's name does, such as BASE_IMAGE=${1%%:*}:$([[ $1 = u* ]] && echo noble || echo trixie)"
            ;;
        *)
            die "$BASE_IMAGE cannot be pulled, and it is not made of a distribution's packages alone" \
                "make PACKAGES=debian ..., or BASE_IMAGE=NAME of one that is here, or BASE_IMAGE=debian:trixie"
            ;;
    esac
    [[ $suite =~ ^[a-z]+$ ]] || die "BASE_IMAGE: '$suite' is no release's name"
    # Without its keys mmdebstrap would ask the archive first and say so much later.
    local keys=${1%%:*}-archive-keyring
    [ -f "/usr/share/keyrings/$keys.gpg" ] ||
        die "$BASE_IMAGE cannot be pulled, and /usr/share/keyrings/$keys.gpg is not here to make it with" \
            "sudo apt-get install -y $([[ $1 = u* ]] && echo ubuntu-keyring || echo debian-archive-keyring)"
}

debian_name() {
    local names=([11]=bullseye [12]=bookworm [13]=trixie [14]=forky)
    echo "${names[$1]}"
}

import_image() {
    "$CONTAINER_RUNTIME" import --change 'CMD ["bash"]' \
        --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$2" <"$1"
}

tag_pylab() {
    check_values
    check_engine
    local name
    name=$(image_of "$PYLAB")
    has_image "$name" || die "there is no image $name" "make build_pylab-$PYLAB"
    "$CONTAINER_RUNTIME" tag "$name" "${image_prefix}pylab:$PYTHONBASE"
    "$CONTAINER_RUNTIME" tag "$name" "${image_prefix}pylab:latest"
    say "${image_prefix}pylab:latest is $name"
}

image_clean() {
    check_values
    check_engine
    local flavour name
    for name in "${image_prefix}pylab:latest" "${image_prefix}pylab:$PYTHONBASE"; do
        ! has_image "$name" || "$CONTAINER_RUNTIME" rmi "$name"
    done
    for flavour in rlab rbase jax tf torch common mini base; do
        name=$(image_of "$flavour")
        ! has_image "$name" || "$CONTAINER_RUNTIME" rmi "$name"
    done
}

# The engine's whole cache, as the document has it: images that no container uses are in it.
cache_clean() {
    check_values
    check_engine
    if [ "$CONTAINER_RUNTIME" = podman ]; then
        podman system prune -af
    elif docker buildx version >/dev/null 2>&1; then
        docker buildx prune -af
    else
        docker builder prune -af
    fi
}

clean() {
    image_clean
    rm -f "$BUILD_LOG"
}
