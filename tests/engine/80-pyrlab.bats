# engines: host
# more engines: podman54
#
# PyRLab on rootless Podman: the images that were built from the distribution's packages, run.

load ../lib/engine
load ../lib/lab
bats_require_minimum_version 1.5.0

NAME=pylab_3.12-bullseye_8888

setup_file() { lab_setup_file; }

teardown() {
    [ -z "${LAB:-}" ] || podman_rootless pod rm -fa -t 0 >/dev/null 2>&1 || true
    [ -z "${LAB:-}" ] || podman_rootless rm -fa -t 0 >/dev/null 2>&1 || true
}

# Between two starts: without JupyterLab's own two seconds to end.
gone() { podman_rootless rm -fa -t 0 >/dev/null; }

smi() {
    run podman_rootless exec "$NAME" nvidia-smi
    echo "$output"
    [ "$status" -eq "$(smi_status "$TREE")" ]
}

@test "the document's lines in order, then nvidia-smi in the container" {
    # Each layer is in the store, so these build nothing anew.
    if [ -z "$NVBIND_T_TREE" ]; then
        lab_make CONTAINER_RUNTIME=podman build_base
        [ "$status" -eq 0 ]
        lab_make CONTAINER_RUNTIME=podman build_pylab-mini
        [ "$status" -eq 0 ]
        [ "$(grep -c '^STEP\|Using cache' "$LAB/build.log")" -ge 10 ]
    fi
    lab_make CONTAINER_RUNTIME=podman tag_pylab PYLAB=mini
    [ "$status" -eq 0 ]
    lab_make CONTAINER_RUNTIME=podman pylab
    [ "$status" -eq 0 ]
    [[ $output = "http://127.0.0.1:8888/lab?token="* ]]
    # A terminal, as the document has it.
    run in_lab script -qec "podman exec -it $NAME bash -c 'tty && nvidia-smi'" /dev/null
    echo "$output"
    [[ $output = *"/dev/pts/"* ]]
    smi
}

@test "make pylab to an answering /api: at most 3 s; mini is at most 1.0 GB" {
    local start end
    lab_make pylab PYLAB=mini
    gone
    start=$(date +%s%N)
    lab_make pylab PYLAB=mini
    end=$(date +%s%N)
    [ "$status" -eq 0 ]
    echo "# $(((end - start) / 1000000)) ms" >&3
    size=$(podman_rootless image inspect --format '{{.Size}}' localhost/pylab-mini:3.12-bullseye)
    echo "# $((size / 1000000)) MB" >&3
    [ "$size" -le 1000000000 ]
    # The machine may be busy with other things: three times the target is the limit of the test.
    [ $(((end - start) / 1000000)) -le 9000 ]
}

@test "the Makefile's own line of volumes: the document's edit for SELinux, and :Z for one of them" {
    cp "$LAB/Makefile" "$BATS_TEST_TMPDIR/Makefile"
    sed -i 's|/volumes/notebooks \\$|/volumes/notebooks:z \\|; s|/notebook$|/notebook:Z|' "$LAB/Makefile"
    lab_make pylab PYLAB=mini
    cp "$BATS_TEST_TMPDIR/Makefile" "$LAB/Makefile"
    [ "$status" -eq 0 ]
    run podman_rootless inspect --format '{{.Config.CreateCommand}}' "$NAME"
    [[ $output = *"$NOTES:/volumes/notebooks:z "*"$WORK:/notebook:Z "* ]]
    gone
    # The document's own words put in its place: a rule of the reader's with the engine's line.
    printf '%s\n' 'pylab_start:' '	${CONTAINER_RUNTIME} run -d --name pylab_${PYTHONBASE}_${PYPORT} \' \
        '    -p 127.0.0.1:${PYPORT}:8888 --user 0:0 -e HOME=/home/pylab ${DOCKER_ARGS} \' \
        '    -v ${NOTEBOOKS}:/volumes/notebooks:z \' '    -v ${DOCKER}:/notebook:z \' \
        '    localhost/pylab-mini:${PYTHONBASE}' >>"$LAB/Makefile"
    lab_make pylab
    cp "$BATS_TEST_TMPDIR/Makefile" "$LAB/Makefile"
    [ "$status" -eq 0 ]
    [ "$(podman_rootless exec "$NAME" pwd)" = /volumes/notebooks ]
}

@test "a token is asked for, on this machine's own address alone, and stands on no command line" {
    lab_make pylab
    [ "$status" -eq 0 ]
    [ "${#TOKEN}" = 48 ]
    [[ $(api /contents | tail -1) = 403 ]]
    [[ $(api /contents -H "Authorization: token $TOKEN" | tail -1) = 200 ]]
    [[ $(api /contents -H "Authorization: token ${TOKEN%?}x" | tail -1) = 403 ]]
    run podman_rootless port "$NAME"
    [ "$(grep -vc '127.0.0.1:' <<<"$output")" = 0 ]
    [ "${#lines[@]}" = 3 ]
    run grep -laF "$TOKEN" /proc/[0-9]*/cmdline
    [ -z "$output" ]
    run podman_rootless image inspect localhost/pylab-mini:3.12-bullseye
    [[ $output != *JUPYTER_TOKEN* ]]
    [ "$(in_lab sh -c 'stat -c %a ~/.local/state/pyrlab/*.token')" = 600 ]
    run podman_rootless inspect --format '{{.EffectiveCaps}} {{.HostConfig.CapAdd}}' "$NAME"
    [[ $output != *SYS_ADMIN* ]]
    # The same address after a restart; another after a stop.
    local first=$TOKEN
    lab_make pylab_restart
    [ "$status" -eq 0 ]
    [ "$TOKEN" = "$first" ]
    lab_make pylab_stop
    lab_make pylab
    [ "$TOKEN" != "$first" ]
}

@test "TOKEN= switches the question off, with a warning" {
    lab_make pylab TOKEN=
    [ "$status" -eq 0 ]
    [[ $stderr = *"warning: TOKEN is empty"* ]]
    [ "$output" = "http://127.0.0.1:8888/lab" ]
    [[ $(api /contents | tail -1) = 200 ]]
}

owned() {
    lab_make pylab "USERNS=$1"
    [ "$status" -eq 0 ]
    run api /contents/volumes/notebooks/own.txt -X PUT -H "Authorization: token $TOKEN" \
        -d '{"type": "file", "format": "text", "content": "hello"}'
    [ "${lines[-1]}" = 201 ]
    [ "$(stat -c '%u:%g' "$NOTES/own.txt")" = "$NVBIND_T_UID:$NVBIND_T_UID" ]
    [ "$(cat "$NOTES/own.txt")" = hello ]
    rm "$NOTES/own.txt"
    [ "$(stat -c %u "$WORK/welcome.ipynb")" = "$NVBIND_T_UID" ]
}

@test "a file that the lab writes is the user's: USERNS=root" { owned root; }
@test "a file that the lab writes is the user's: USERNS=keep-id" { owned keep-id; }

@test "DOCKER_ARGS: CDI, nodes by hand, NVIDIA's runtime, and the listing with a folder in it" {
    local form
    for form in '--device nvidia.com/gpu=all' '--runtime=nvidia --gpus all' \
        "--device $TREE/dev/nvidia0:/dev/nvidia0 --device $TREE/dev/nvidiactl:/dev/nvidiactl"; do
        lab_make pylab DOCKER_ARGS="$form"
        [ "$status" -eq 0 ]
        run podman_rootless exec "$NAME" sh -c 'nvidia-smi; echo "exit $?"; ls /dev/nvidia0'
        echo "$form: $output"
        # Without its libraries: 12.
        [[ $output = *"exit 9"* || $output = *"exit $(smi_status "$TREE")"* ]]
        [[ $output = *"/dev/nvidia0"* ]]
        gone
    done
}

@test "without nvbind, and without a GPU, the lab starts and says so" {
    mkdir -p "$BATS_TEST_TMPDIR/none"
    HOST_ROOT=$BATS_TEST_TMPDIR/none
    chmod a+rx "$BATS_TEST_TMPDIR" "$HOST_ROOT"
    lab_make pylab
    [ "$status" -eq 0 ]
    [[ $stderr = *"GPUs: none on this machine; the lab starts without"* ]]
    gone
    LAB_PATH=$PATH
    lab_make pylab
    [ "$status" -eq 0 ]
    [[ $stderr = *"GPUs: none, nvbind is not installed"* ]]
}

@test "what stands in the way is one line: a port in use, a port of root's, an image that is not there" {
    lab_make pylab
    lab_make pylab
    [[ $stderr = *"$NAME is running"* && $stderr != *warning* ]]
    podman_rootless tag localhost/pylab-base:3.12-bullseye localhost/pylab-jax:3.12-bullseye
    lab_make pylab PYLAB=jax
    podman_rootless untag localhost/pylab-jax:3.12-bullseye
    [[ $stderr = *"warning: it runs another image than localhost/pylab-jax:3.12-bullseye"* ]]
    lab_make pylab PYTHONBASE=other TFPORT=6007
    [ "$status" -ne 0 ]
    [[ $stderr = *"there is no image localhost/pylab-mini:other"* ]]
    podman_rootless rename "$NAME" elsewhere
    lab_make pylab
    [ "$status" -ne 0 ]
    [[ $stderr = *"port 8888 (PYPORT) on 127.0.0.1 is in use"* ]]
    podman_rootless rm -f -t 0 elsewhere
    lab_make pylab PYPORT=80
    [ "$status" -ne 0 ]
    [[ $stderr = *"port 80 (PYPORT) is below"*"sysctl"* ]]
}

# With a GPU's driver and without one it runs on torch's image, in 83-pyrlab-images.
@test "the notebook that is shipped runs from top to bottom where the driver is a simulated one" {
    # A simulated machine, whose libraries have no functions.
    HOST_ROOT=$NVBIND_T_DIR/tmp/lab/simulated
    as_user "$NVBIND_BIN/nvbind" simulate "$HOST_ROOT" --gpus 2
    lab_make pylab
    run podman_rootless exec "$NAME" sh -c 'jupyter-nbconvert --to notebook --execute \
        --output-dir /tmp /notebook/welcome.ipynb && cat /tmp/welcome.ipynb'
    [ "$status" -eq 0 ]
    [[ $output = *"/dev/nvidia0"*"/dev/nvidia1"*"it has no functions"*"image/png"* ]]
}

@test "a pod with TensorBoard's stand-in beside the lab" {
    lab_make pod_start TB_IMAGE=localhost/pylab-mini:3.12-bullseye \
        TB_COMMAND='python3 -m "http.server" 6006 --directory /logs'
    [ "$status" -eq 0 ]
    touch "$NOTES/log.of.tensorboard"
    [[ $(curl -s --retry 20 --retry-all-errors --retry-delay 1 http://127.0.0.1:6006/) = *log.of.tensorboard* ]]
    [[ $(api /contents -H "Authorization: token $TOKEN" | tail -1) = 200 ]]
    [[ $(api /contents | tail -1) = 403 ]]
    run podman_rootless exec jupyter nvidia-smi
    [ "$status" -eq "$(smi_status "$TREE")" ]
    run podman_rootless pod ps --format '{{.Name}} {{.Status}}'
    [ "$output" = "pylab-pod Running" ]
    lab_make pod_start
    [ "$status" -ne 0 ]
    [[ $stderr = *"the pod pylab-pod is there"* ]]
    lab_make pod_stop
    [ "$status" -eq 0 ]
    run podman_rootless pod ps -q
    [ -z "$output" ]
}

@test "compose: the lab and TensorBoard's stand-in, by podman-compose" {
    command -v podman-compose >/dev/null || skip "podman-compose is not installed"
    lab_make compose_up TB_IMAGE=localhost/pylab-mini:3.12-bullseye \
        TB_COMMAND='python3 -m "http.server" 6006 --directory /logs'
    [ "$status" -eq 0 ]
    [[ $(curl -s --retry 20 --retry-all-errors --retry-delay 1 http://127.0.0.1:6006/) = *Directory* ]]
    [[ $(api /contents | tail -1) = 403 ]]
    run podman_rootless exec pyrlab-jupyter sh -c 'nvidia-smi; echo "exit $?"'
    echo "$output"
    [[ $output = *"exit 9"* || $output = *"exit $(smi_status "$TREE")"* ]]
    [[ $(api /contents -H "Authorization: token $TOKEN" | tail -1) = 200 ]]
    lab_make compose_down TB_IMAGE=localhost/pylab-mini:3.12-bullseye
    [ "$status" -eq 0 ]
    run podman_rootless ps -aq
    [ -z "$output" ]
}

@test "a unit: Podman 4.3 has no Quadlet, and one error says so; doctor tells what is there" {
    lab_make pylab_service PYLAB=mini
    if [[ $(podman --version) = *" 4."[0-3].* ]]; then
        [ "$status" -ne 0 ]
        [[ $stderr = *"has no Quadlet"* ]]
    elif ! command -v systemctl; then
        [ "$status" -ne 0 ]
        [[ $stderr = *"there is no systemctl here"* ]]
    else
        [ "$status" -eq 0 ]
    fi
    lab_make doctor
    [ "$status" -eq 0 ]
    [[ $output = *"GPUs       2"*"image      localhost/pylab-mini:3.12-bullseye"* ]]
    [[ $stderr != *error* ]]
}

# What is under test is the Makefile's part: busybox answers in JupyterLab's place.
@test "sudo make: folders and the log belong to who called it, and so does the lab; limits are not raised" {
    need_rootful
    local lab=$NVBIND_T_DIR/tmp/lab/root conf=$NVBIND_T_DIR/conf/root/runc.conf
    cp -r "$NVBIND_T_SRC/pyrlab" "$lab"
    chown -R "$NVBIND_T_UID:$NVBIND_T_UID" "$lab"
    cp "$conf" "$BATS_TEST_TMPDIR/conf"
    sed -i '/default_ulimits/d' "$conf"
    # A store of its own, which cache_clean empties.
    sed -i.bak "s|^graphroot.*|graphroot = \"$NVBIND_T_DIR/tmp/lab/store\"|" "${conf%/*}/storage.conf"
    local serve='mkdir /tmp/w; echo {} >/tmp/w/api; id -u >/volumes/notebooks/uid; exec httpd -fp 8888 -h /tmp/w'
    as_root podman import -q --change 'ENV PATH=/bin' --change 'STOPSIGNAL SIGKILL' --change "CMD [\"sh\", \"-c\", \"$serve\"]" \
        - localhost/pylab-mini:sudo <"$(part_path busybox)" >/dev/null
    sudo_make() {
        run --separate-stderr as_root env SUDO_UID="$NVBIND_T_UID" SUDO_GID="$NVBIND_T_UID" \
            make -s -C "$lab" CONTAINER_RUNTIME=podman PYTHONBASE=sudo "$@"
        echo "$output $stderr"
    }
    sudo_make pylab PYLAB=mini
    [ "$status" -eq 0 ]
    [ "$(cat "$lab/notebooks/uid")" = "$NVBIND_T_UID" ]
    sudo_make build_base BASE_IMAGE=nosuch.invalid/x:1
    [ "$status" -ne 0 ]
    [[ $stderr = *"nosuch.invalid/x:1 cannot be pulled"* ]]
    for file in build.log notebooks notebooks/uid notebook; do
        [ "$(stat -c '%u:%g' "$lab/$file")" = "$NVBIND_T_UID:$NVBIND_T_UID" ]
    done
    sudo_make pylab_stop
    [ "$status" -eq 0 ]
    sudo_make doctor
    [[ $output = *"image      localhost/pylab-mini:sudo"* ]]
    sudo_make clean
    [ "$status" -eq 0 ]
    [ ! -e "$lab/build.log" ]
    run ! as_root podman image exists localhost/pylab-mini:sudo
    as_root podman import -q - localhost/some <"$(part_path busybox)" >/dev/null
    sudo_make cache_clean
    [ "$status" -eq 0 ]
    [ -z "$(as_root podman images -q)" ]
    cp "$BATS_TEST_TMPDIR/conf" "$conf"
    mv "${conf%/*}/storage.conf.bak" "${conf%/*}/storage.conf"
}
