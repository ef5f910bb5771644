# engines: docker26
# more engines: docker20 docker28
#
# PyRLab on a real Docker: the Makefile's targets, by an ordinary user whom the daemon's socket lets in.

load ../lib/engine
load ../lib/docker
load ../lib/lab
bats_require_minimum_version 1.5.0

NAME=pylab_3.12-bullseye_8888

setup_file() { lab_setup_docker; }

teardown() {
    docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || true
    chmod 0666 /run/docker-test.sock
}

# What was only loaded does not stay.
teardown_file() {
    docker_stop
    [ -z "${VERSION:-}" ] || [ "$VERSION" = 26 ] || rm -rf "$DOCKER_ROOT"
}

# What a GPU's absence makes of nvidia-smi once its libraries are there; 12 without them.
smi() {
    run docker exec "$NAME" sh -c 'nvidia-smi; echo "exit $?"'
    echo "$output"
    [[ $output = *"exit $(smi_status "$TREE")"* ]]
}

@test "the document's lines in order, then nvidia-smi in the container" {
    if [ "$VERSION" = 26 ]; then
        # Each layer is in the store, so these build nothing anew; BuildKit says so.
        lab_make CONTAINER_RUNTIME=docker build_base
        [ "$status" -eq 0 ]
        lab_make CONTAINER_RUNTIME=docker build_pylab-mini
        [ "$status" -eq 0 ]
        [ "$(grep -c 'CACHED' "$LAB/build.log")" -ge 3 ]
    fi
    lab_make CONTAINER_RUNTIME=docker tag_pylab PYLAB=mini
    [ "$status" -eq 0 ]
    lab_make CONTAINER_RUNTIME=docker pylab
    [ "$status" -eq 0 ]
    [[ $output = "http://127.0.0.1:8888/lab?token="* ]]
    run in_lab script -qec "docker exec -it $NAME bash -c 'tty && nvidia-smi'" /dev/null
    echo "$output"
    [[ $output = *"/dev/pts/"* ]]
    smi
    # The same lab answers again, and another command's words say what it is.
    lab_make pylab
    [[ $stderr = *"$NAME is running"* && $stderr != *warning* ]]
    docker tag pylab-base:3.12-bullseye pylab-jax:3.12-bullseye
    lab_make pylab PYLAB=jax
    docker rmi pylab-jax:3.12-bullseye
    [[ $stderr = *"warning: it runs another image than pylab-jax:3.12-bullseye"* ]]
    lab_make pylab_url
    [ "$output" = "$ADDRESS" ]
    run in_lab make -s pylab_shell <<<'id -u; ls -d /volumes/notebooks /notebook'
    echo "$output"
    [ "$output" = "$NVBIND_T_UID
/notebook
/volumes/notebooks" ]
    run timeout 2 docker logs "$NAME"
    [[ $output = *"Jupyter Server"* ]]
}

@test "a token, this machine's own address, and files that are the user's; a restart keeps the address" {
    lab_make pylab PYLAB=mini
    [ "$status" -eq 0 ]
    [[ $(api /contents | tail -1) = 403 ]]
    run api /contents/volumes/notebooks/own.txt -X PUT -H "Authorization: token $TOKEN" \
        -d '{"type": "file", "format": "text", "content": "hello"}'
    [ "${lines[-1]}" = 201 ]
    [ "$(stat -c '%u:%g' "$NOTES/own.txt")" = "$NVBIND_T_UID:$NVBIND_T_UID" ]
    [ "$(stat -c %u "$WORK/welcome.ipynb")" = "$NVBIND_T_UID" ]
    run docker port "$NAME"
    [ "$(grep -vc '127.0.0.1:' <<<"$output")" = 0 ]
    [ "${#lines[@]}" = 3 ]
    run grep -laF "$TOKEN" /proc/[0-9]*/cmdline
    [ -z "$output" ]
    run docker inspect --format '{{.HostConfig.Privileged}} {{.HostConfig.CapAdd}}' "$NAME"
    [ "$output" = "false []" ]
    local first=$TOKEN
    lab_make pylab_restart PYLAB=mini
    [ "$status" -eq 0 ]
    [ "$TOKEN" = "$first" ]
    lab_make pylab_stop
    [ "$status" -eq 0 ]
    run docker ps -aq
    [ -z "$output" ]
}

@test "DOCKER_ARGS: CDI, nodes by hand, NVIDIA's runtime; without nvbind the engine has them as they are" {
    local form
    for form in '--device nvidia.com/gpu=all' '--runtime=nvidia --gpus all' \
        "--device $TREE/dev/nvidia0:/dev/nvidia0 --device $TREE/dev/nvidiactl:/dev/nvidiactl"; do
        lab_make pylab PYLAB=mini DOCKER_ARGS="$form"
        [ "$status" -eq 0 ]
        run docker exec "$NAME" sh -c 'nvidia-smi; echo "exit $?"; ls /dev/nvidia0'
        echo "$form: $output"
        [[ $output = *"exit 9"* || $output = *"exit $(smi_status "$TREE")"* ]]
        [[ $output = *"/dev/nvidia0"* ]]
        docker rm -f "$NAME"
    done
    LAB_PATH=$PATH
    lab_make pylab PYLAB=mini DOCKER_ARGS='--env A=b'
    [ "$status" -eq 0 ]
    [ "$(docker exec "$NAME" printenv A)" = b ]
}

@test "compose: the lab and TensorBoard's stand-in, by docker compose" {
    if [ "$VERSION" = 20 ]; then
        lab_make compose_up PYLAB=mini
        [ "$status" -ne 0 ]
        [[ $stderr = *"docker-compose is not installed"* ]]
        return
    fi
    mkdir -p "$NOTES/with \$a 'blank'"
    chown "$NVBIND_T_UID" "$NOTES/with \$a 'blank'"
    lab_make compose_up PYLAB=mini TB_IMAGE=pylab-mini:3.12-bullseye "NOTEBOOKS=$NOTES/with \$a 'blank'" \
        TB_COMMAND='python3 -m "http.server" 6006 --directory /logs'
    [ "$status" -eq 0 ]
    [[ $(curl -s --retry 20 --retry-all-errors --retry-delay 1 http://127.0.0.1:6006/) = *Directory* ]]
    [[ $(api /contents | tail -1) = 403 ]]
    run docker exec pyrlab-jupyter sh -c 'nvidia-smi; echo "exit $?"'
    echo "$output"
    [[ $output = *"exit 9"* || $output = *"exit $(smi_status "$TREE")"* ]]
    run api /contents/volumes/notebooks/made.txt -X PUT -H "Authorization: token $TOKEN" \
        -d '{"type": "file", "format": "text", "content": "hello"}'
    [ "$(stat -c %u "$NOTES/with \$a 'blank'/made.txt")" = "$NVBIND_T_UID" ]
    lab_make compose_down
    [ "$status" -eq 0 ]
    run docker ps -aq
    [ -z "$output" ]
}

@test "what stands in the way is one line: a port in use, a socket that is closed, no daemon, pods" {
    lab_make pylab PYLAB=mini
    docker rename "$NAME" elsewhere
    lab_make pylab PYLAB=mini
    [ "$status" -ne 0 ]
    [[ $stderr = *"port 8888 (PYPORT) on 127.0.0.1 is in use"* ]]
    lab_make pylab PYLAB=torch
    [[ $stderr = *"there is no image pylab-torch:3.12-bullseye"*"make build_pylab-torch"* ]]
    chmod 0600 /run/docker-test.sock
    lab_make pylab PYLAB=mini
    [ "$status" -ne 0 ]
    [[ $stderr = *"docker's service is closed to $NVBIND_T_USER"*"usermod"* ]]
    [ "$(grep -c 'pyrlab: error' <<<"$stderr")" = 1 ]
    DOCKER_HOST=unix:///nowhere lab_make pylab PYLAB=mini
    [ "$status" -ne 0 ]
    [[ $stderr = *"docker's service does not answer"*"systemctl start docker"* ]]
    [ "$(grep -c 'pyrlab: error' <<<"$stderr")" = 1 ]
    lab_make pod_start
    [[ $stderr = *"docker has no pods"*"make compose_up"* ]]
    lab_make pylab_service
    [[ $stderr = *"a Quadlet is Podman's"* ]]
}

@test "doctor; images and the log go again, and another tag's stay" {
    docker tag pylab-mini:3.12-bullseye pylab-mini:other
    docker tag pylab-base:3.12-bullseye pylab-base:other
    lab_make PYTHONBASE=other tag_pylab PYLAB=mini
    [ "$(docker image inspect --format '{{.Id}}' pylab:other)" = \
        "$(docker image inspect --format '{{.Id}}' pylab-mini:3.12-bullseye)" ]
    lab_make PYTHONBASE=other doctor
    [ "$status" -eq 0 ]
    [[ $output = *"GPUs       2"*"image      pylab-mini:other"* ]]
    touch "$LAB/build.log"
    lab_make PYTHONBASE=other clean
    [ "$status" -eq 0 ]
    [ ! -e "$LAB/build.log" ]
    run docker image ls --format '{{.Repository}}:{{.Tag}}'
    [[ $output != *":other"* && $output = *"pylab-mini:3.12-bullseye"* ]]
    # On the store that "make check" keeps, the layers must stay.
    [ "$VERSION" != 26 ] || return 0
    lab_make cache_clean
    [ "$status" -eq 0 ]
    [[ $output = *otal* ]]
}
