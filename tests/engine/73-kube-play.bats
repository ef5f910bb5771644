# engines: host podman54
# more engines: podman5 podman6
# nvbind kube play on real Podman: requests of a cluster's YAML become GPUs in containers, by volumes
# and, where a specification is in force, by CDI. The machine is the one of Debian's driver packages,
# so that its own nvidia-smi tells whether a container has all that it needs.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    need_part driver-550
    need_part debian-trixie
    HOST=$(part_path driver-550)
    export HOST
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    chmod a+rx "$BATS_TEST_TMPDIR"
}

teardown() {
    local identity pod
    for identity in rootless rootful; do
        [ "$identity" = rootless ] || [ "$NVBIND_T_MODE" = root ] || continue
        for pod in $(as "$identity" podman pod ps -q --filter name=nvb-); do
            as "$identity" podman pod rm -ft0 "$pod" >/dev/null
        done
    done
    [ "$NVBIND_T_MODE" != root ] || rm -f /etc/cdi/nvbind-kube.yaml
}

play() {
    local identity=$1
    shift
    as "$identity" "$NVBIND_BIN/nvbind" --host-root "$HOST" kube play --network none "$@"
}

# shellcheck disable=SC2016 # for the shell inside
readonly look='cd /dev; echo nodes: nvidia[0-9]* nvidiactl; echo visible: $NVIDIA_VISIBLE_DEVICES'

# pod NAME COMMAND LIMIT...: a container for each limit, all with that command.
pod() {
    local name=$1 command=$2 i=0
    shift 2
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec:\n  restartPolicy: Never\n  containers:\n' "$name"
    for limit; do
        printf '  - name: c%s\n    image: %s\n    command: [sh, -c, %s]\n    resources: {limits: {%s: 1}}\n' \
            $((i++)) "$IMAGE" "$(jq -cn --arg c "$command" '$c')" "$limit"
    done
}

# said IDENTITY CONTAINER TEXT: once it is there, what the container has printed.
said() {
    for _ in $(seq 100); do
        ! as "$1" podman logs "$2" 2>&1 | grep -q "$3" || break
        sleep 0.1
    done
    as "$1" podman logs "$2"
}

version() { podman --version | sed 's/.* //; s/\.\([0-9]\)\..*/0\1/; s/\.\([0-9][0-9]\)\..*/\1/'; }

counts() {
    local identity=$1
    need_identity "$identity"
    use_runtime "$2"
    IMAGE=$(import_image "$identity" debian-trixie)
    pod nvb-a "$look; nvidia-smi >/dev/null 2>&1; echo smi: \$?; exec sleep 300" nvidia.com/gpu >a.yaml
    sed 's/nvb-a/nvb-b/' a.yaml >b.yaml
    sed 's/nvb-a/nvb-c/' a.yaml >c.yaml
    play "$identity" a.yaml
    play "$identity" b.yaml
    a=$(said "$identity" nvb-a-c0 smi:)
    b=$(said "$identity" nvb-b-c0 smi:)
    echo "$a"; echo "$b"
    [ "$a" = "nodes: nvidia0 nvidiactl
visible: void
smi: $(smi_status "$HOST")" ]
    [ "$b" = "nodes: nvidia1 nvidiactl
visible: void
smi: $(smi_status "$HOST")" ]

    run --separate-stderr play "$identity" c.yaml
    echo "$stderr"
    [ "$status" -eq 1 ]
    [[ $stderr = *"c.yaml:10:26: "*"free of 2: none; 0 is held by 'nvb-a-c0'; 1 is held by 'nvb-b-c0'"* ]]
    run -1 as "$identity" podman pod exists nvb-c
    # What nvbind run holds counts as well, and what is down does not.
    as "$identity" podman pod rm -ft0 nvb-a nvb-b >/dev/null
    as "$identity" "$NVBIND_BIN/nvbind" --host-root "$HOST" run -d --rm --network=none --name nvb-run \
        --gpu 0 "$IMAGE" sleep 300 >/dev/null
    run play "$identity" c.yaml
    [ "$status" -eq 0 ]
    c=$(said "$identity" nvb-c-c0 smi:)
    as "$identity" podman rm -ft0 nvb-run >/dev/null
    [[ $c = "nodes: nvidia1 nvidiactl"* ]]
    # Started again without nvbind, as after a reboot.
    as "$identity" podman pod stop -t0 nvb-c >/dev/null
    rm -rf "/run/user/$NVBIND_T_UID/nvbind" "$NVBIND_T_DIR/run/nvbind"
    as "$identity" podman pod start nvb-c >/dev/null
    as "$identity" podman exec nvb-c-c0 test -e /dev/nvidia1
}

@test "pods take different GPUs until none is free: rootless, crun" { counts rootless crun; }
@test "pods take different GPUs until none is free: rootful, runc" { counts rootful runc; }

@test "a pod of two containers that share one GPU, and serve and read a page" {
    use_runtime crun
    IMAGE=$(import_image rootless busybox)
    pod nvb-a "$look; echo board >/tmp/index.html; exec httpd -f -p 127.0.0.1:6006 -h /tmp" \
        nvidia.com/gpu.shared >a.yaml
    pod x "$look; until wget -qO- http://127.0.0.1:6006/ 2>/dev/null; do sleep 0.1; done; exec sleep 300" nvidia.com/gpu.shared |
        sed '1,/containers:/d; s/c0/c1/' >>a.yaml
    play rootless a.yaml
    run said rootless nvb-a-c1 board
    echo "$output"
    [[ $output = *"nodes: nvidia0 nvidiactl"*board* ]]
    [[ $(said rootless nvb-a-c0 visible) = *"nodes: nvidia0 nvidiactl"* ]]
    # Nobody else has it alone; asked for together, by two plain limits and --share, it is shared on.
    pod nvb-b 'exec sleep 300' nvidia.com/gpu nvidia.com/gpu >b.yaml
    run play rootless b.yaml
    [ "$status" -eq 1 ]
    [[ $output = *"0 is shared by 'nvb-a-c"* ]]
    play rootless --share b.yaml
    [ "$(as_user podman exec nvb-b-c0 sh -c 'ls /dev | grep -c "nvidia[0-9]"')" = 1 ]
    [ "$(as_user podman exec nvb-b-c1 ls /dev)" = "$(as_user podman exec nvb-b-c0 ls /dev)" ]
}

@test "the document's pod, as written but for the image's name" {
    use_runtime crun
    IMAGE=$(import_image rootless debian-trixie)
    cat >gpu-pod.yaml <<YAML
# gpu-pod.yaml
apiVersion: v1
kind: Pod
metadata:
  name: gpu-pod
spec:
  containers:
  - name: gpu-container
    image: $IMAGE
    command: ["nvbind", "run", "--runtime", "podman", "--gpu", "all", "$IMAGE", "nvidia-smi"]
    resources:
      limits:
        nvidia.com/gpu: 1
YAML
    sed -i 's/name: gpu-pod/name: nvb-a/; /^spec:/a\  restartPolicy: Never' gpu-pod.yaml
    run play rootless gpu-pod.yaml
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c warning: <<<"$output")" -eq 1 ]
    [ "$(as_user podman wait nvb-a-gpu-container)" = "$(smi_status "$HOST")" ]
    [[ $(as_user podman inspect --format '{{.Config.Labels}}' nvb-a-gpu-container) = *nvbind.gpus:GPU-* ]]
}

@test "a Deployment with a ConfigMap comes up, is replaced and goes down" {
    use_runtime crun
    IMAGE=$(import_image rootless busybox)
    cat >d.yaml <<YAML
apiVersion: v1
kind: ConfigMap
metadata: {name: nvb-settings}
data: {MODE: "0777", "on": 'yes'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: nvb-d}
spec:
  selector: {matchLabels: {app: nvb-d}}
  template:
    metadata: {labels: {app: nvb-d}}
    spec:
      containers:
      - name: main
        image: $IMAGE
        command: [sh, -c, "trap exit TERM; $look; echo mode: \$MODE; while :; do sleep 0.1; done"]
        envFrom: [{configMapRef: {name: nvb-settings}}]
        resources: {limits: {"nvidia.com/gpu": "2"}}
YAML
    pod=nvb-d-pod
    [ "$(version)" -ge 500 ] || pod=nvb-d-pod-0
    play rootless d.yaml
    # Replaced, it takes what it holds itself.
    play rootless --replace - <d.yaml
    run said rootless $pod-main mode:
    echo "$output"
    [[ $output = *"nodes: nvidia0 nvidia1 nvidiactl"*"mode: 0777"* ]]
    as_user "$NVBIND_BIN/nvbind" kube down d.yaml
    run -1 as_user podman pod exists $pod
}

@test "kube generate of a container and of a pod, and what is played of it" {
    use_runtime crun
    IMAGE=$(import_image rootless debian-trixie)
    as_user "$NVBIND_BIN/nvbind" --host-root "$HOST" run -d --network=none --name nvb-run --gpu 1 \
        -v /etc/hostname:/own:ro "$IMAGE" sleep 300 >/dev/null
    as_user "$NVBIND_BIN/nvbind" --host-root "$HOST" kube generate nvb-run >run.yaml
    as_user podman rm -ft0 nvb-run >/dev/null
    cat run.yaml
    grep -q 'nvidia.com/gpu: 1' run.yaml
    [ "$(grep -c hostPath run.yaml)" -eq 1 ]
    run ! grep -qE 'NVIDIA_VISIBLE|nvbind.gpus|libcuda' run.yaml
    play rootless run.yaml
    as_user podman exec nvb-run-pod-nvb-run sh -c 'test -e /dev/nvidia0 -a -e /own'
    run as_user podman exec nvb-run-pod-nvb-run nvidia-smi
    [ "$status" -eq "$(smi_status "$HOST")" ]
    as_user podman pod rm -ft0 nvb-run-pod >/dev/null

    pod nvb-a 'exec sleep 300' nvidia.com/gpu.shared nvidia.com/gpu.shared nvidia.com/gpu >a.yaml
    play rootless a.yaml
    as_user "$NVBIND_BIN/nvbind" --host-root "$HOST" kube generate nvb-a >b.yaml
    [ "$(grep -c 'nvidia.com/gpu.shared: 1' b.yaml)" -eq 2 ]
    [ "$(grep -c 'nvidia.com/gpu: 1' b.yaml)" -eq 1 ]
    as_user podman pod rm -ft0 nvb-a >/dev/null
    play rootless b.yaml
    as_user podman exec nvb-a-nvb-a-c2 test -e /dev/nvidia1
}

@test "a specification that is in force brings them, where this Podman's kube play takes its names" {
    need_rootful
    use_runtime crun
    IMAGE=$(import_image rootless busybox)
    # Rootless, no Podman makes a node of a specification that lies elsewhere on the host, as those
    # of a tree do; those of a simulated host come as mounts.
    HOST=$(shared_folder)/host
    "$NVBIND_BIN/nvbind" simulate "$HOST" --gpus 2 >/dev/null
    chmod -R a+rX "$HOST"
    mkdir -p /etc/cdi
    "$NVBIND_BIN/nvbind" --host-root "$HOST" cdi generate --cdi-version 0.5 --output /etc/cdi/nvbind-kube.yaml
    chmod a+r /etc/cdi/nvbind-kube.yaml
    pod nvb-a "$look" nvidia.com/gpu >a.yaml
    run --separate-stderr play rootless --dry-run a.yaml
    if [ "$(version)" -ge 504 ]; then
        [[ $output = *'nvidia.com/gpu=0: 1'* && $output != *hostPath* ]]
    else
        [[ $output != *'nvidia.com/gpu=0'* && $output = *'mountPath: /dev/nvidia0'* ]]
    fi
    play rootless a.yaml
    run said rootless nvb-a-c0 visible:
    [[ $output = "nodes: nvidia0 nvidiactl"* ]]
    # Podman's own form: left to it, or, where it would drop it, laid in all the same.
    pod nvb-b "$look" nvidia.com/gpu=1 >b.yaml
    play rootless b.yaml
    run said rootless nvb-b-c0 visible:
    [[ $output = "nodes: nvidia1 nvidiactl"* ]]
}
