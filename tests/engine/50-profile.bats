# Profiles on real Podman: the container has what its profile promises, seen from inside.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    simulate_host --gpus 2
}

# profile IDENTITY NAME [WORD...] -- SCRIPT: what the script prints in a container of the profile;
# EXTRA is an array of further variables of the caller.
profile() {
    local identity=$1 name=$2 image
    local -a words=()
    shift 2
    while [ "$1" != -- ]; do
        words+=("$1")
        shift
    done
    need_identity "$identity"
    image=$(import_image "$identity" busybox)
    run --separate-stderr as "$identity" env ${EXTRA[@]+"${EXTRA[@]}"} "$NVBIND_BIN/nvbind" \
        --host-root "$HOST" run --rm --gpu 0 --profile "$name" "${words[@]}" "$image" \
        sh -c "$2"
    printf '%s\n' "$output" "-- $stderr"
    [ "$status" -eq 0 ]
}

setup() {
    EXTRA=()
    use_runtime runc
}

# lay_folder DIR: makes a folder of the machine's that teardown removes again.
lay_folder() {
    mkdir -m "${2:-0755}" "$1"
    echo "$1" >>"$BATS_TEST_TMPDIR/laid"
}

# The folders and the profile's volumes go with the test.
teardown() {
    local identity dir
    if [ -e "$BATS_TEST_TMPDIR/laid" ]; then
        while read -r dir; do rm -rf "$dir"; done <"$BATS_TEST_TMPDIR/laid"
    fi
    for identity in rootless rootful; do
        [ "$identity" = rootless ] || [ "$NVBIND_T_MODE" = root ] || continue
        as "$identity" podman volume prune --force >/dev/null 2>&1 || true
    done
}

has() { grep -qxF -- "$1" <<<"$output"; }
lacks() { if grep -qF -- "$1" <<<"$output"; then return 1; fi; }

# The hard limit of locked memory in kilobytes that the identity can give away.
memlock() {
    as "$1" bash -c 'ulimit -Hl'
}

compute() {
    profile "$1" compute --network=none -- \
        'ls /usr/lib/x86_64-linux-gnu | grep -E "^lib(cuda|nvcuvid|EGL_nvidia)"; ls /dev | grep nvidia'
    has libcuda.so.1
    has nvidia0
    lacks libnvcuvid
    lacks libEGL_nvidia
    [ -z "$stderr" ]
}

@test "compute: CUDA and nothing of video and graphics: rootless" { compute rootless; }
@test "compute: CUDA and nothing of video and graphics: rootful" { compute rootful; }

ai_ml() {
    local identity=$1 half limit
    local -a own=()
    half=$(($(getconf _PHYS_PAGES) * $(getconf PAGESIZE) / 100 * 50))
    limit=$(memlock "$identity")
    # Podman forgets containers.conf's limits where the line has any, and a root that lacks
    # CAP_SYS_RESOURCE cannot set those that it thinks of instead.
    [ "$identity" = rootless ] || own=(--ulimit nofile=20000:20000 --ulimit nproc=32768:32768)
    profile "$identity" ai-ml --network=none "${own[@]}" -- \
        'echo shm=$(df -k /dev/shm | tail -n1 | tr -s " " | cut -d" " -f2)
         echo stack=$(ulimit -s); echo memlock=$(ulimit -l); echo cuda=$CUDA_CACHE_PATH
         touch "$CUDA_CACHE_PATH/kernel"; ls /usr/lib/x86_64-linux-gnu | grep -c "^libnvcuvid"; true'
    has "stack=65536"
    has "cuda=/var/cache/nvbind/cuda"
    has 0
    # tmpfs counts in pages.
    [[ $output =~ shm=([0-9]+) ]]
    ((BASH_REMATCH[1] * 1024 <= half + 4096 && BASH_REMATCH[1] * 1024 > half - 4096))
    # What the caller may not raise is lowered, and said once until the next login.
    has "memlock=$limit"
    if [ "$limit" != unlimited ]; then
        [ "$(grep -c "lowered to your own hard limits: memlock" <<<"$stderr")" -le 1 ]
        [ "$(grep -c warning <<<"$stderr")" -le 1 ]
    fi
    # The next container finds it.
    profile "$identity" ai-ml --network=none "${own[@]}" -- 'ls /var/cache/nvbind/cuda'
    has kernel
}

@test "ai-ml: shared memory, limits, a cache that is kept: rootless" { ai_ml rootless; }
@test "ai-ml: shared memory, limits, a cache that is kept: rootful" { ai_ml rootful; }
@test "ai-ml: shared memory, limits, a cache that is kept: rootless, crun" {
    use_runtime crun
    ai_ml rootless
}

@test "ai-ml: the user's own words win" {
    profile rootless ai-ml --network=none --shm-size 8m --ulimit memlock=65536:65536 \
        -e CUDA_CACHE_PATH=/mine -- \
        'df -k /dev/shm | tail -n1 | tr -s " " | cut -d" " -f2; ulimit -l; echo $CUDA_CACHE_PATH'
    [ "$output" = "8192
64
/mine" ]
    # His limit is no business of the profile's: nothing was lowered.
    [ -z "$stderr" ]
}

# The engines bind it for --ipc=host.
need_mqueue() {
    [ ! -d /dev/mqueue ] || return 0
    [ "$NVBIND_T_MODE" = root ] || skip "this machine has no /dev/mqueue"
    lay_folder /dev/mqueue 1777
}

@test "ai-ml: --ipc=host has the host's shared memory" {
    need_mqueue
    local host
    host=$(df -k /dev/shm | tail -n1 | awk '{print $2}')
    profile rootless ai-ml --network=none --ipc=host -- \
        'df -k /dev/shm | tail -n1 | tr -s " " | cut -d" " -f2'
    [ "$output" = "$host" ]
}

@test "ai-ml: InfiniBand's nodes where there are any" {
    [ "$NVBIND_T_MODE" = root ] || skip "device nodes need root"
    [ ! -e /dev/infiniband ] || skip "this machine has InfiniBand"
    lay_folder /dev/infiniband
    mknod -m 0666 /dev/infiniband/uverbs0 c 231 192
    profile rootless ai-ml --network=none -- 'ls -l /dev/infiniband/uverbs0'
    [[ $output == c*"231, 192"* ]]
}

@test "llm: models stay, and those of the host are used" {
    profile rootless llm --network=none -- \
        'touch /root/.cache/huggingface/a /root/.ollama/b; echo token=$HF_TOKEN'
    has token=
    profile rootless llm --network=none -- 'ls /root/.cache/huggingface /root/.ollama'
    has a
    has b
    EXTRA=(HF_TOKEN=secret "HOME=$(shared_folder)")
    mkdir -p "${EXTRA[1]#HOME=}/.cache/huggingface" && chmod 1777 "${EXTRA[1]#HOME=}"
    : >"${EXTRA[1]#HOME=}/.cache/huggingface/mine"
    profile rootless llm --network=none -- 'ls /root/.cache/huggingface; echo token=$HF_TOKEN'
    has mine
    has token=secret
    run ! has a
}

@test "jupyter: a server is reached on 127.0.0.1:8888 alone" {
    local image answer='' i
    image=$(import_image rootless busybox)
    EXTRA=()
    as_user "$NVBIND_BIN/nvbind" --host-root "$HOST" run -d --replace --name nb --gpu 0 --profile jupyter \
        "$image" sh -c 'mkdir /w; echo "port $JUPYTER_PORT" >/w/index.html; httpd -f -p 8888 -h /w'
    for ((i = 0; i < 50; i++)); do
        answer=$(busybox wget -qO- http://127.0.0.1:8888/ 2>/dev/null) && break
        sleep 0.1
    done
    run as_user podman port nb
    as_user podman rm -f nb >/dev/null 2>&1
    echo "$answer / $output"
    [ "$answer" = "port 8888" ]
    [ "$output" = "8888/tcp -> 127.0.0.1:8888" ]
}

@test "jupyter: the user's own port for the server replaces the profile's" {
    run --separate-stderr as_user "$NVBIND_BIN/nvbind" --host-root "$HOST" run --dry-run --rm \
        --gpu none --profile jupyter -p 9000:8888 image
    [ "$status" -eq 0 ]
    [[ $output == *"-p 9000:8888"* ]]
    lacks 127.0.0.1
}

# nodes MODE GROUP: a /dev/dri of our own for one test.
lay_dri() {
    [ "$NVBIND_T_MODE" = root ] || skip "device nodes need root"
    [ ! -e /dev/dri ] || skip "this machine has /dev/dri"
    lay_folder /dev/dri
    mknod -m "$1" /dev/dri/renderD200 c 226 200
    chgrp "$2" /dev/dri/renderD200
}

dri() {
    local name=$1 library=$2
    lay_dri 0666 root
    profile rootless "$name" --network=none -- \
        'ls /usr/lib/x86_64-linux-gnu; ls -l /dev/dri/renderD200'
    grep -q "^$library" <<<"$output"
    [[ $output == *"226, 200"* ]]
}

@test "video: NVENC, NVDEC and /dev/dri" {
    dri video libnvcuvid
    grep -q '^libnvidia-encode' <<<"$output"
    lacks libEGL_nvidia
}

@test "graphics: EGL, GL, Vulkan's driver and /dev/dri" {
    dri graphics libEGL_nvidia
    grep -q '^libGLX_nvidia' <<<"$output"
    lacks libnvcuvid
}

@test "graphics: --isolate leaves the folder of every GPU's nodes out" {
    lay_dri 0666 root
    profile rootless graphics --network=none --isolate -- 'ls /dev/dri'
    lacks renderD200
    has renderD128
}

@test "without /dev/dri these profiles start all the same" {
    [ ! -e /dev/dri ] || skip "this machine has /dev/dri"
    profile rootless video,graphics --network=none --gpu none -- 'ls /dev'
    lacks dri
}

@test "a node that only a group of the caller's may open is open inside: crun" {
    use_runtime crun
    lay_dri 0660 root
    local name=nvbindt$RANDOM image
    groupadd "$name"
    chgrp "$name" /dev/dri/renderD200
    usermod -aG "$name" "$NVBIND_T_USER"
    # The node has no driver: ENXIO says that the rights were enough.
    profile rootless graphics --network=none -- 'cat /dev/dri/renderD200 2>&1; true'
    local with=$output
    image=$(import_image rootless busybox)
    run as_user podman run --rm --network=none --device /dev/dri "$image" \
        sh -c 'cat /dev/dri/renderD200 2>&1; true'
    gpasswd -d "$NVBIND_T_USER" "$name" >/dev/null
    groupdel "$name"
    [[ $with == *"No such device"* ]]
    [[ $output == *"Permission denied"* ]]
}

@test "shared: the pipes of MPS where it runs, else nothing" {
    profile rootless shared --network=none -- 'echo "pipe=$CUDA_MPS_PIPE_DIRECTORY"; ls /tmp'
    has pipe=
    lacks nvidia-mps
    need_mqueue
    local mps
    mps=$(shared_folder)
    mkfifo -m 0666 "$mps/control"
    EXTRA=("CUDA_MPS_PIPE_DIRECTORY=$mps" CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=25)
    profile rootless shared --network=none -- \
        'echo "pipe=$CUDA_MPS_PIPE_DIRECTORY $CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"
         test -p /tmp/nvidia-mps/control && echo there; readlink /proc/self/ns/ipc'
    has "pipe=/tmp/nvidia-mps 25"
    has there
    has "$(readlink /proc/self/ns/ipc)"
}

@test "gaming: display, sound and caches of the session, under their own paths" {
    local session
    session=$(shared_folder)
    chmod 0755 "$session"
    mkdir "$session/pulse"
    chmod 0755 "$session/pulse"
    : >"$session/wayland-7"
    : >"$session/pipewire-0"
    : >"$session/pulse/native"
    chown -R "$NVBIND_T_USER" "$session" 2>/dev/null || true
    chmod 0700 "$session"
    [ -e /tmp/.X11-unix ] || lay_folder /tmp/.X11-unix 1777
    EXTRA=(DISPLAY=:7 WAYLAND_DISPLAY=wayland-7 "XDG_RUNTIME_DIR=$session")
    profile rootless gaming --network=none -- \
        'echo $DISPLAY $WAYLAND_DISPLAY $PULSE_SERVER; ls "$XDG_RUNTIME_DIR"; ls -d /tmp/.X11-unix
         ls /usr/lib/i386-linux-gnu /usr/lib/x86_64-linux-gnu; touch $__GL_SHADER_DISK_CACHE_PATH/s'
    has ":7 wayland-7 unix:$session/pulse/native"
    has wayland-7
    has pipewire-0
    has pulse
    has /tmp/.X11-unix
    [ "$(grep -cx 'libGLX_nvidia.so.0' <<<"$output")" -eq 2 ]
    # Without a session there is none.
    EXTRA=()
    profile rootless gaming --network=none -- 'echo "display=$DISPLAY $PULSE_SERVER"; ls /tmp'
    has "display= "
    lacks X11-unix
}

# field TEXT: as a file of cookies has it, two bytes of length in front.
field() {
    printf '%b%s' "\\x00\\x$(printf %02x "${#1}")" "$1"
}

# cookie DISPLAY HOST COOKIE
cookie() {
    printf '\x01\x00'
    field "$2"
    field "$1"
    field MIT-MAGIC-COOKIE-1
    field "$3"
}

@test "gaming: the display's cookie, for whatever name the container's machine has" {
    local session
    session=$(shared_folder)
    { cookie 8 "$(uname -n)" other; cookie 7 elsewhere wrong; cookie 7 "$(uname -n)" right; } >"$session/auth"
    chown -R "$NVBIND_T_USER" "$session" 2>/dev/null || true
    chmod 0600 "$session/auth"
    chmod 0700 "$session"
    EXTRA=(DISPLAY=:7.0 "XAUTHORITY=$session/auth" "XDG_RUNTIME_DIR=$session")
    # Another user of the image must be able to read it.
    profile rootless gaming --network=none --user 12:12 -- \
        'echo "$XAUTHORITY"; od -An -c "$XAUTHORITY" | tr -d " \n"'
    [ "${lines[0]}" = /run/nvbind/Xauthority ]
    [ "${lines[1]}" = '377377\0\0\0001''7\0022MIT-MAGIC-COOKIE-1\0005right' ] ||
        [ "${lines[1]}" = '377377\0\0\00017\0022MIT-MAGIC-COOKIE-1\0005right' ]
    # What is broken or is of another machine gives none.
    head -c 30 "$session/auth" >"$session/short"
    chmod 0644 "$session/short"
    EXTRA[1]=XAUTHORITY=$session/short
    profile rootless gaming --network=none -- 'echo "auth=$XAUTHORITY"'
    has auth=
    EXTRA[1]=XAUTHORITY=$session/auth
    EXTRA[0]=DISPLAY=localhost:7
    profile rootless gaming --network=none -- 'echo "auth=$XAUTHORITY"'
    has auth=
    EXTRA[0]=DISPLAY=:7
    profile rootless gaming --network=none -e XAUTHORITY=/mine -- 'echo "auth=$XAUTHORITY"'
    has auth=/mine
}

@test "gaming: the document's own mounts, variable and device beside it are not doubled" {
    lay_dri 0666 root
    [ -e /tmp/.X11-unix ] || lay_folder /tmp/.X11-unix 1777
    EXTRA=(DISPLAY=:7)
    run --separate-stderr as_user env "${EXTRA[@]}" "$NVBIND_BIN/nvbind" --host-root "$HOST" run \
        --dry-run --rm --profile gaming -v /tmp/.X11-unix:/tmp/.X11-unix:rw -e DISPLAY=:8 \
        --device /dev/dri --gpu none image
    local line=$output
    profile rootless gaming --network=none -v /tmp/.X11-unix:/tmp/.X11-unix:rw -e DISPLAY=:8 \
        --device /dev/dri --gpu none -- \
        'grep -c " /tmp/.X11-unix " /proc/self/mounts; echo "$DISPLAY"; ls /dev/dri'
    [ "$output" = "1
:8
renderD200" ]
    [ "$(grep -o '/dev/dri' <<<"$line" | wc -l)" -eq 1 ]
    [ "$(grep -o 'DISPLAY' <<<"$line" | wc -l)" -eq 1 ]
    [ "$(grep -o 'X11-unix:/tmp' <<<"$line" | wc -l)" -eq 1 ]
}
