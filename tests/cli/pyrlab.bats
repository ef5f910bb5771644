# PyRLab's Makefile: wrong values are one clear line, nothing is built or started then, and DOCKER_ARGS
# become what they mean. Containers are tested in tests/engine/80-pyrlab.bats.

bats_require_minimum_version 1.5.0

setup() {
    LAB=$BATS_TEST_TMPDIR/pyrlab
    cp -r "$NVB_SOURCE/pyrlab" "$LAB"
    rm -rf "$LAB/notebooks" "$LAB/notebook" "$LAB/build.log"
    # An engine that must not be called.
    mkdir "$BATS_TEST_TMPDIR/bin"
    for name in podman docker; do
        printf '#!/bin/sh\necho "$0 $*" >>"%s/called"\nexit 99\n' "$BATS_TEST_TMPDIR" \
            >"$BATS_TEST_TMPDIR/bin/$name"
        chmod +x "$BATS_TEST_TMPDIR/bin/$name"
    done
    # Whoever runs this has sub-ids.
    ln -s /bin/true "$BATS_TEST_TMPDIR/bin/getsubids"
}

lab() {
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin:$PATH" make -s -C "$LAB" "$@"
    printf '%s\n' "$output" "-- $stderr"
}

# refused MESSAGE WORD...: one line says it, and no engine was called.
refused() {
    local message=$1
    shift
    lab "$@"
    [ "$status" -ne 0 ]
    [[ ${stderr_lines[0]} = "pyrlab: error: $message"* ]]
    [ "$(grep -c 'pyrlab: error' <<<"$stderr")" = 1 ]
    [ ! -e "$BATS_TEST_TMPDIR/called" ]
    [ ! -e "$LAB/build.log" ]
}

@test "wrong values are one line, and nothing is built" {
    refused "CONTAINER_RUNTIME is one of: docker podman; not 'podmann'" CONTAINER_RUNTIME=podmann build
    refused "PACKAGES is one of: pypi debian; not 'conda'" PACKAGES=conda build_base
    refused "PYLAB is one of: mini common torch tf jax; not 'torhc'" PYLAB=torhc tag_pylab
    refused "there is no flavour 'torhc'" build_pylab-torhc
    refused "PACKAGES=debian has no tf" PACKAGES=debian build_pylab-tf
    refused "PYTHONBASE is the tag of an image" PYTHONBASE='3.12 bullseye' build
    refused "USERNS is one of" USERNS=host pylab
    refused "PYPORT is a port from 1 to 65535, not '0'" PYPORT=0 pylab
    refused "TFPORT is a port from 1 to 65535, not '70000'" TFPORT=70000 pylab
    refused "BIND is an address" BIND=everywhere pylab
    refused "UID is a number, at most 999999999, not 'me'" UID=me build_base
    refused "CUDA_INSTALL is one of: no yes; not '12'" CUDA_INSTALL=12 build_base
}

@test "values in which a shell or make would find something to run" {
    local mark=$BATS_TEST_TMPDIR/ran value
    for value in "\$(shell touch $mark)" "\$(touch $mark)" "\`touch $mark\`" "x; touch $mark;" "x'; touch $mark; '" \
        "x\"; touch $mark; \"" "x\${IFS}y" "x
touch $mark"; do
        for name in CONTAINER_RUNTIME PACKAGES PYTHONBASE BASE_IMAGE PYLAB NOTEBOOKS DOCKER BIND PYPORT \
            TOKEN USERNS TB_IMAGE UID; do
            lab CONTAINER_RUNTIME=podman "$name=$value" pylab
            [ "$status" -ne 0 ]
            [ "$(grep -c 'pyrlab: error' <<<"$stderr")" = 1 ]
        done
        # The environment, in which even what is for engines is text alone.
        run env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "NOTEBOOKS=$value" "SUDO_UID=$value" "HERE=$value" \
            "DOCKER_ARGS=$value" "BUILD_ARGS=$value" "TB_COMMAND=$value" make -s -C "$LAB" pylab
        [ "$status" -ne 0 ]
        lab CONTAINER_RUNTIME=podman "build_pylab-$value"
        [ "$status" -ne 0 ]
    done
    [ ! -e "$mark" ]
    [ ! -e "$BATS_TEST_TMPDIR/called" ]
}

@test "the checkout's own folder may have any name" {
    mv "$LAB" "$BATS_TEST_TMPDIR/my lab's \"\$x\""
    LAB="$BATS_TEST_TMPDIR/my lab's \"\$x\""
    lab help
    [ "$status" -eq 0 ]
    [[ $output = *"$LAB/Configuration.mk"* ]]
    lab PYPORT=0 pylab
    [[ $stderr = *"PYPORT is a port"* ]]
}

@test "more wrong values: names of images, addresses, two ports that are one, the log" {
    refused "TB_IMAGE is the name of an image" TB_IMAGE=--privileged pod_start
    refused "BASE_IMAGE is the name of an image" BASE_IMAGE=-v build_base
    refused "BIND is an address" BIND=300.1.1.1 pylab
    refused "TFPORT and PYPORT are both 6006" PYPORT=6006 pylab
    refused "PYPORT is a port from 1 to 65535, not '08888'" PYPORT=08888 pylab
    refused "UID is a number, at most 999999999, not '4294967296'" UID=4294967296 pylab
    refused "TOKEN may hold letters" TOKEN='a b' pylab
    refused "TB_COMMAND: quotes do not match" TB_COMMAND="a 'b" pod_start
    refused "BUILD_LOG: there is no folder for '/nowhere/x'" CONTAINER_RUNTIME=podman BUILD_LOG=/nowhere/x build_base
    refused "BUILD_LOG is a file, and '/tmp' is a folder" CONTAINER_RUNTIME=podman BUILD_LOG=/tmp build_base
    refused "docker has no pods" pod_stop
}

@test "folders: a missing one, a relative one, one that no engine takes" {
    refused_after_engine() {
        local message=$1
        shift
        lab CONTAINER_RUNTIME=podman "$@" pylab
        [ "$status" -ne 0 ]
        [[ $stderr = *"pyrlab: error: $message"* ]]
        [ ! -e "$BATS_TEST_TMPDIR/called" ]
    }
    refused_after_engine "NOTEBOOKS: there is no folder '/nowhere'" NOTEBOOKS=/nowhere
    refused_after_engine "DOCKER is an absolute path, not 'here'" DOCKER=here
    refused_after_engine "NOTEBOOKS is an absolute path, and make takes quotes" NOTEBOOKS='"/tmp"'
    refused_after_engine "NOTEBOOKS: '/etc/passwd' is no folder" NOTEBOOKS=/etc/passwd
    # A blank before a comment in Configuration.mk, and a home's sign.
    HOME=/nowhere refused_after_engine "NOTEBOOKS: there is no folder '/nowhere/notes'" 'NOTEBOOKS=~/notes '
    if [ "$EUID" = 0 ]; then
        install -d -o 61235 "$BATS_TEST_TMPDIR/other"
        refused_after_engine "NOTEBOOKS: user 1000 may not write in" NOTEBOOKS="$BATS_TEST_TMPDIR/other"
        refused_after_engine "DOCKER: user 61236 may not write in" UID=61236 NOTEBOOKS=/tmp DOCKER="$BATS_TEST_TMPDIR/other"
    fi
    mkdir "$BATS_TEST_TMPDIR/a:b"
    refused_after_engine "NOTEBOOKS: an engine takes no ':'" NOTEBOOKS="$BATS_TEST_TMPDIR/a:b"
}

@test "an engine that is not installed is named with the command that installs it" {
    run env PATH=/nowhere "$BASH" -c 'HERE=$1 CONTAINER_RUNTIME=podman; . "$1/scripts/check.bash"; check_engine' \
        bash "$LAB"
    [ "$status" -eq 1 ]
    [[ $output = *"podman is not installed"*"sudo apt-get install -y podman"* ]]
}

# words DOCKER_ARGS: the words that the engine gets, one a line; what is said goes to stderr.
words() {
    run --separate-stderr env HERE="$LAB" CONTAINER_RUNTIME=podman HOME=/tmp DOCKER_ARGS="$1" "$BASH" -euc '
        here=$HERE
        for part in check build start; do . "$here/scripts/$part.bash"; done
        read_gpu_words
        printf "%s\n" "${gpu_words[@]}"'
    [ "$status" -eq 0 ]
}

# token NAME [keep]: what start.bash does about a lab's token.
token() {
    run --separate-stderr env XDG_STATE_HOME="$BATS_TEST_TMPDIR/state" LAB="$LAB" "$BASH" -euc '
        TOKEN_GIVEN= BIND=127.0.0.1 PYPORT=1
        for part in check build start; do . "$LAB/scripts/$part.bash"; done
        read_token "$@"
        printf "%s\n" "$JUPYTER_TOKEN"' bash "$@"
    printf '%s\n' "$output" "-- $stderr"
}

@test "a token's file is for its owner alone, and no link" {
    state=$BATS_TEST_TMPDIR/state/pyrlab
    token lab
    [ "$status" -eq 0 ]
    [ "$(stat -c %a "$state/lab.token")" = 600 ]
    chmod 644 "$state/lab.token"
    token lab keep
    [ "$status" -eq 0 ]
    [ "$output" = "$(cat "$state/lab.token")" ]
    [ "$(stat -c %a "$state/lab.token")" = 600 ]
    echo mine >"$BATS_TEST_TMPDIR/target"
    ln -sf "$BATS_TEST_TMPDIR/target" "$state/lab.token"
    for words in lab "lab keep"; do
        token $words
        [ "$status" -eq 1 ]
        [[ $stderr = "pyrlab: error: the token's file '$state/lab.token' is a link"*"hint: rm -f "* ]]
    done
    [ "$(cat "$BATS_TEST_TMPDIR/target")" = mine ]
    ln -sf "$BATS_TEST_TMPDIR/nowhere" "$state/lab.token"
    token lab
    [ "$status" -eq 1 ]
    [ ! -e "$BATS_TEST_TMPDIR/nowhere" ]
    rm "$state/lab.token"
    [ "$(id -u)" = 0 ] || return 0
    : >"$state/lab.token"
    chown 12345 "$state/lab.token"
    token lab
    [ "$status" -eq 1 ]
}

@test "DOCKER_ARGS: words and quotes as a shell has them, and nothing is expanded" {
    words "--device nvidia.com/gpu=all -e 'A=b c' -e \$(id)"
    [ "$output" = "--device
nvidia.com/gpu=all
-e
A=b c
-e
\$(id)" ]
    [ -z "$stderr" ]
    words ""
    [ -z "$output" ]
}

@test "DOCKER_ARGS: the listing of nodes with a folder in it is mended, with one warning" {
    local dev=$BATS_TEST_TMPDIR/dev listing
    mkdir -p "$dev/nvidia-caps"
    touch "$dev"/{nvidia0,nvidiactl} "$dev"/nvidia-caps/nvidia-cap{1,2}
    listing=$(ls "$dev"/nvidia* | sed 's/^/--device /')
    [[ $listing = *"--device $dev/nvidia-caps:"* ]]
    words "$(tr '\n' ' ' <<<"$listing")"
    [ "$output" = "--device
$dev/nvidia0
--device
$dev/nvidiactl
--device
$dev/nvidia-caps/nvidia-cap1
--device
$dev/nvidia-caps/nvidia-cap2" ]
    [ "$(grep -c warning <<<"$stderr")" = 1 ]
    rm -r "$dev/nvidia-caps"
    words "$(ls "$dev"/nvidia* | sed 's/^/--device /' | tr '\n' ' ')"
    [ "${#lines[@]}" = 4 ]
    [ -z "$stderr" ]
}

@test "DOCKER_ARGS: the document's line in Configuration.mk is make's to expand, the environment's is not" {
    local dev=$BATS_TEST_TMPDIR/dev
    mkdir "$dev"
    touch "$dev"/nvidia{0,ctl}
    printf 'print:\n\t@printf "%%s\\n" "$$DOCKER_ARGS"\n' >"$BATS_TEST_TMPDIR/print.mk"
    printed() { make -s -C "$LAB" -f Makefile -f "$BATS_TEST_TMPDIR/print.mk" print; }
    cp "$LAB/Configuration.mk" "$BATS_TEST_TMPDIR/kept"
    sed -i "s|^DOCKER_ARGS ?=.*|DOCKER_ARGS := \$(shell ls $dev/nvidia* \| sed 's/^/--device /')|" "$LAB/Configuration.mk"
    [ "$(printed)" = "--device $dev/nvidia0 --device $dev/nvidiactl" ]
    cp "$BATS_TEST_TMPDIR/kept" "$LAB/Configuration.mk"
    [ "$(DOCKER_ARGS='$(shell echo run)' printed)" = '$(shell echo run)' ]
}

@test "make alone, help: what there is; every target of the document is known to make" {
    lab
    [ "$status" -eq 0 ]
    [[ $output = *"tag_pylab PYLAB=mini"* ]]
    for target in build build_base build_pylab build_pylab-{mini,common,torch,tf,jax} build_rbase \
        build_rlab tag_pylab {pylab,rlab}{,_start,_stop,_restart,_logs,_shell,_url,_service} \
        pod_start pod_stop compose_up compose_down image_clean cache_clean clean all help doctor; do
        run make -n -C "$LAB" "$target"
        [ "$status" -eq 0 ]
        [[ $output = *'"$HERE/scripts/lab" '* ]]
    done
}

@test "no list names a package twice, and every word of one is known" {
    for list in "$LAB"/packages/*.*; do
        run ! grep -vE '^(#|(apt|unpack|pip|component|exclude) )' "$list"
        [ -z "$(sed -n 's/^apt //p' "$list" | tr ' ' '\n' | sort | uniq -d)" ]
    done
}
