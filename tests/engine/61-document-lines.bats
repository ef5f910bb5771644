# engines: host
# more engines: podman54 podman5 podman6 docker20 docker26 docker28
#
# The command lines of the documents (tests/data/document-lines.txt), run as they stand there by a
# shell: the container is there under its name, its port answers, its volumes are seen and written,
# its GPUs' nodes are there. Each image's name belongs to a small image of this test's own; on Docker
# the lines say "docker" where they say "podman".

load ../lib/engine
load ../lib/docker
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    need_rootful
    need_part driver-550
    need_part debian-trixie
    TREE=$(part_path driver-550)
    DATA=$NVBIND_T_SRC/tests/data/document-lines.txt
    export TREE DATA BATS_TEST_RETRIES=0
    lay_devices
    make_archive
    if command -v dockerd >/dev/null; then
        export ENGINE=docker IDENTITY=rootful HOME_HERE=$NVBIND_T_DIR/home/root
        DOCKER_BRIDGE=1 docker_start '"features": {"cdi": true}'
        docker import --change 'CMD ["report"]' - localhost/report <"$ARCHIVE" >/dev/null
    else
        export ENGINE=podman IDENTITY=rootless HOME_HERE=$NVBIND_T_DIR/home/$NVBIND_T_USER
        use_runtime crun
        own_store
        engine_here import -q --change 'CMD ["report"]' - localhost/report <"$ARCHIVE" >/dev/null
    fi
    rm "$ARCHIVE"
    tag_images
}

teardown_file() {
    [ "${ENGINE:-}" != docker ] || docker_stop
    [ ! -e "$NVBIND_T_DIR/tmp/made-x11" ] || rmdir /tmp/.X11-unix || true
}

# The machine's own /dev with GPUs, a display's and an input device's nodes, seen here alone. Without
# a driver nothing stands behind them.
lay_devices() {
    local new=$NVBIND_T_DIR/dev-new node i
    mkdir "$new"
    mount -n -t tmpfs -o mode=0755 none "$new"
    for node in null zero full random urandom tty ptmx fuse; do
        cp -a "/dev/$node" "$new/"
        chmod 0666 "$new/$node"
    done
    mkdir "$new"/{pts,shm,mqueue,net,dri,input}
    mknod -m 0666 "$new/net/tun" c 10 200
    cp -a "$TREE"/dev/nvidia* "$new/"
    for i in 0 1; do
        mknod -m 0666 "$new/dri/card$i" c 226 "$i"
        mknod -m 0666 "$new/dri/renderD$((128 + i))" c 226 "$((128 + i))"
    done
    mknod -m 0666 "$new/input/event0" c 13 64
    ln -s /proc/self/fd "$new/fd"
    for node in pts shm mqueue; do
        ! mountpoint -q "/dev/$node" || mount -n --rbind "/dev/$node" "$new/$node"
    done
    mount -n --rbind "$new" /dev
    if [ ! -d /tmp/.X11-unix ]; then
        mkdir -m 1777 /tmp/.X11-unix
        touch "$NVBIND_T_DIR/tmp/made-x11"
    fi
}

# Debian with one program under all the names that the lines call.
make_archive() {
    local add=$NVBIND_T_DIR/add name
    ARCHIVE=$NVBIND_T_DIR/archive.tar
    export ARCHIVE
    mkdir -p "$add/usr/local/bin" "$add/workspace"
    cp "$(command -v busybox)" "$add/usr/local/bin/busybox"
    cp "${NVBIND_BUILD:?}/tests/hook/dlopen_all" "$add/usr/local/bin/"
    cat >"$add/usr/local/bin/report" <<'REPORT'
#!/bin/bash
# What this container is given; then it serves what is asked for by port until it is stopped.
echo "called ${0##*/} $*"
echo "in $PWD"
for node in /dev/nvidia* /dev/dri/* /dev/input/*; do [ ! -c "$node" ] || echo "node $node"; done
dlopen_all libcuda.so.1 libnvidia-ml.so.1 >/dev/null && echo "libraries"
env | sed 's/^/env /'
while read -r _ _ _ _ place _; do
    [ ! -d "$place" ] || [ ! -e "$place/.from-host" ] || {
        echo "volume $place"
        echo "seen" >"$place/.from-container"
    }
done </proc/self/mountinfo
echo hello >/tmp/index.html
for port in 8888 8501 11434; do busybox httpd -p "$port" -h /tmp 2>/dev/null; done
echo ready
exec sleep 60
REPORT
    chmod 0755 "$add/usr/local/bin/report"
    for name in python start-notebook.sh tensorboard; do
        ln -s report "$add/usr/local/bin/$name"
    done
    cp "$(part_path debian-trixie)" "$ARCHIVE"
    # The folder itself is in there: Podman takes no path twice.
    (cd "$add" && tar --append -f "$ARCHIVE" --owner=0 --group=0 ./workspace ./usr/local/bin/*)
}

# A store that no other test knows: its containers may all be removed.
own_store() {
    local dir=$NVBIND_T_DIR/lines
    install -d -o "$NVBIND_T_UID" -g "$NVBIND_T_UID" "$dir"
    sed "s|\"/[^\"]*store[^\"]*\"|\"$dir/store\"|; s|^runroot.*|runroot = \"$dir/run\"|" \
        "$NVBIND_T_DIR/conf/user/storage.conf" >"$dir/storage.conf"
    export STORAGE_CONF=$dir/storage.conf
}

# in_setting COMMAND...: as who runs the lines, where they are run.
in_setting() {
    local vars=(HOME="$HOME_HERE" DISPLAY=:7)
    [ -z "${DOCKER_HOST:-}" ] || vars+=(DOCKER_HOST="$DOCKER_HOST" NVBIND_RUNTIME=docker)
    [ -z "${STORAGE_CONF:-}" ] || vars+=(CONTAINERS_STORAGE_CONF="$STORAGE_CONF")
    as "$IDENTITY" env "${vars[@]}" PATH="$NVBIND_BIN:$PATH" NVBIND_HOST_ROOT="$TREE" NVBIND_DEV_ROOT=/ "$@"
}

engine_here() { in_setting "$ENGINE" "$@"; }

lines() {
    grep '^nvbind run' "$DATA" | sort -u | sed 's/ IMAGE$/ readers-image/'
}

# words_of LINE: as a shell reads them, one a line with %q.
words_of() {
    in_setting bash -c "cd '$WORK'; nvbind() { printf '%q\n' \"\$@\"; }; $1"
}

# The image is the first word that is no option's; the lines' options are known.
image_of() {
    local word skip=
    shift
    for word; do
        if [ -n "$skip" ]; then skip=; continue; fi
        case $word in
            --runtime | --gpu | --profile | -p | -v | -e | -w | --device | --security-opt | --name | \
                --network | --pod) skip=1 ;;
            -*) ;;
            *) printf '%s\n' "$word"; return ;;
        esac
    done
}

tag_images() {
    local line words image
    export WORK=$HOME_HERE
    while IFS= read -r line; do
        mapfile -t words < <(words_of "$line")
        image=$(image_of "${words[@]}")
        [[ $image = *:* ]] || image=$image:latest
        case $ENGINE in
            docker) docker tag localhost/report "$image" ;;
            *) engine_here tag localhost/report "localhost/$image" ;;
        esac
    done < <(lines)
}

# value_of OPTION WORDS...: each value of it.
values_of() {
    local option=$1
    shift
    while [ $# -gt 1 ]; do
        [ "$1" != "$option" ] || eval "printf '%s\n' $2"
        shift
    done
}

wait_for_ready() {
    local i
    for ((i = 0; i < 200; i++)); do
        if [ -n "$detached" ]; then
            engine_here logs "$1" >"$WORK/out" 2>/dev/null || true
        fi
        grep -qx ready "$WORK/out" && return 0
        [ -n "$detached" ] || kill -0 "$child" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

answers() {
    local i
    for ((i = 0; i < 50; i++)); do
        [ "$(busybox wget -qO- "http://127.0.0.1:$1/" 2>/dev/null)" != hello ] || return 0
        sleep 0.1
    done
    echo "port $1 does not answer"
    return 1
}

# Every folder that a line mounts is there and holds something, as its reader's would.
make_volumes() {
    local value source
    while IFS= read -r value; do
        source=${value%%:*}
        [[ $source = /* ]] || continue
        [ -d "$source" ] || in_setting mkdir -p "$source"
        [ "$source" = /tmp/.X11-unix ] || in_setting touch "$source/.from-host"
    done < <(values_of -v "$@")
}

check_volumes() {
    local value source rest
    while IFS= read -r value; do
        source=${value%%:*}
        [[ $source = /* && $source != /tmp/.X11-unix ]] || continue
        rest=${value#*:}
        grep -qx "volume ${rest%%:*}" "$WORK/out" || { echo "no volume $value"; return 1; }
        [ "$(in_setting cat "$source/.from-container")" = seen ] || {
            echo "volume $value was not written"
            return 1
        }
    done < <(values_of -v "$@")
}

check_inside() {
    local node
    for node in nvidia0 nvidia1 nvidiactl nvidia-uvm; do
        grep -qx "node /dev/$node" "$WORK/out" || { echo "no /dev/$node"; return 1; }
    done
    grep -qx libraries "$WORK/out" || { echo "no libraries"; return 1; }
    [[ " $* " != *" /dev/dri "* ]] || grep -qx 'node /dev/dri/renderD128' "$WORK/out" || return 1
    [[ " $* " != *" /dev/input "* ]] || grep -qx 'node /dev/input/event0' "$WORK/out" || return 1
    [[ " $* " != *"DISPLAY=:7"* ]] || grep -qx 'env DISPLAY=:7' "$WORK/out" || return 1
    [[ " $* " != *"MODEL_NAME="* ]] || grep -qx 'env MODEL_NAME=my_model' "$WORK/out" || return 1
    [[ " $* " != *" -w "* ]] || grep -qx 'in /workspace' "$WORK/out" || return 1
}

# works LINE
works() {
    local line=$1 words name port status=0 child='' detached='' id
    [ "$ENGINE" = podman ] || line=${line/--runtime podman/--runtime docker}
    mapfile -t words < <(words_of "$line")
    if [[ " ${words[*]} " = *' --privileged '* ]] && ! engine_here run --rm --privileged \
        --network=none localhost/report true >/dev/null 2>&1; then
        echo "# $ENGINE itself starts no privileged container here: $line" >&3
        return 0
    fi
    make_volumes "${words[@]}"
    name=$(values_of --name "${words[@]}")
    : >"$WORK/out"
    [[ " ${words[*]} " != *' -d '* ]] || detached=1
    in_setting bash -c "cd '$WORK'; $line" >"$WORK/out" 2>"$WORK/err" &
    child=$!
    if [[ " ${words[*]} " = *' nvidia-smi '* ]]; then
        wait "$child" || status=$?
        [ "$status" -eq "$(smi_status "$TREE")" ] || { echo "nvidia-smi: status $status"; return 1; }
        return 0
    fi
    if [ -n "$detached" ]; then
        wait "$child" || { echo "status $?"; return 1; }
        id=$(tail -n1 "$WORK/out")
        [ -z "$name" ] || id=$name
    fi
    wait_for_ready "${id:-}" || { echo "it never was ready"; return 1; }
    [ -z "$name" ] || [ "$(engine_here inspect --format '{{.State.Running}}' "$name")" = true ] ||
        { echo "no container '$name' runs"; return 1; }
    check_inside "${words[@]}" || { echo "inside is not what it should be"; return 1; }
    check_volumes "${words[@]}" || return 1
    for port in $(values_of -p "${words[@]}"); do
        answers "${port%%:*}" || return 1
    done
}

remove_all() {
    local ids words=(rm -f)
    [ "$ENGINE" = docker ] || words+=(-t 0)
    ids=$(engine_here ps -aq) || true
    # shellcheck disable=SC2086 # one or more
    [ -z "$ids" ] || engine_here "${words[@]}" $ids >/dev/null 2>&1 || true
}

# run_lines PATTERN LEAST: each of the lines that PATTERN finds.
run_lines() {
    local line bad=0 count=0
    WORK=$HOME_HERE/work
    in_setting mkdir -p "$WORK"
    chmod 0777 "$WORK"
    while IFS= read -r line; do
        count=$((count + 1))
        works "$line" || {
            echo "in: $line"
            sed 's/^/    /' "$WORK/out" "$WORK/err" | tail -40
            bad=$((bad + 1))
        }
        remove_all
    done < <(lines | grep -E -e "$1")
    echo "$count lines"
    [ "$count" -ge "$2" ] && [ "$bad" -eq 0 ]
}

# Their own containers: neither pods nor what needs the caller not to be root.
@test "lines of the Podman guide: nvidia-smi" {
    run_lines '^nvbind run ((--runtime|--gpu|--rm|--device) ?)?.*nvidia-smi$' 3
}
@test "lines of the Podman guide: gaming" { run_lines 'profile gaming' 6; }
@test "lines of the Podman guide: AI and ML" { run_lines 'profile ai-ml' 7; }
@test "lines of the Podman guide: security" { run_lines 'security-opt' 4; }
@test "lines of the Podman guide: services" { run_lines 'service:latest|personal-ai' 3; }

@test "the synopsis with its comments, as a reader means it" {
    if [ "$ENGINE" = podman ]; then
        run_lines ' --rootless ' 1
        return
    fi
    run in_setting "$NVBIND_BIN/nvbind" run --runtime docker --gpu all --isolate --rootless img
    echo "$output"
    [ "$status" -eq 125 ]
    [[ $output = *"--rootless: "* ]]
}

@test "the lab images' pod" {
    if [ "$ENGINE" = docker ]; then
        run in_setting "$NVBIND_BIN/nvbind" run -d --pod pylab-pod --name jupyter pylab:latest
        echo "$output"
        [ "$status" -eq 125 ]
        [[ $output = *"docker has no option '--pod'"* ]]
        return
    fi
    engine_here pod create --name pylab-pod --network=none >/dev/null
    run_lines ' --pod ' 2
    engine_here pod rm -f -t 0 pylab-pod >/dev/null
}
