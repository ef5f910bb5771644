# nvbind kube play of pods whose command is nvbind, and kube generate, the way back: on the command
# line, with an engine that only writes down how it was called.

load ../lib/run
load ../lib/kube
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    kube_setup
}

# wrapped WORDS... [-- LIMIT]: a pod whose command is these words.
wrapped() {
    local limit=''
    [ "${*: -2:1}" != -- ] || { limit="${*: -1}"; set -- "${@:1:$#-2}"; }
    pod a "$limit"
    printf '    command: %s\n' "$(jq -cn '$ARGS.positional' --args -- "$@")"
}

@test "the document's pod: nvbind in a command is unwrapped, with one warning" {
    cat >doc.yaml <<'YAML'
# gpu-pod.yaml
apiVersion: v1
kind: Pod
metadata:
  name: gpu-pod
spec:
  containers:
  - name: gpu-container
    image: nvidia/cuda:latest
    command: ["nvbind", "run", "--runtime", "podman", "--gpu", "all", "nvidia/cuda:latest", "nvidia-smi"]
    resources:
      limits:
        nvidia.com/gpu: 1
YAML
    run -0 --separate-stderr play doc.yaml
    [[ $output = *'image: nvidia/cuda:latest
      args:
        - nvidia-smi
'* && $output != *command* ]]
    [ "$(grep -c warning: <<<"$stderr")" -eq 1 ]
    [[ $stderr = *"doc.yaml:10:14: container 'gpu-container' runs nvbind"* ]]
    [[ $stderr = *'image: nvidia/cuda:latest, args: ["nvidia-smi"]'* ]]
    # Of the limit, "all" is all.
    [ "$(gpus doc.yaml 2>/dev/null)" = "gpu-container 0 " ]
}

@test "an unwrapped command's GPUs: within a limit, by number, by name, all, none" {
    running train "$(uuid 0)"
    wrapped nvbind run img true -- 'nvidia.com/gpu: 2' >a.yaml
    [ "$(gpus a.yaml 2>/dev/null)" = "c0 1 c0 2 " ]
    wrapped /usr/local/bin/nvbind -v run --gpus 3 img >a.yaml
    [ "$(gpus a.yaml 2>/dev/null)" = "c0 1 c0 2 c0 3 " ]
    wrapped nvbind run --gpu 0,7 img -- 'nvidia.com/gpu: 1' >a.yaml
    [ "$(gpus a.yaml 2>/dev/null)" = "c0 0 c0 7 " ]
    wrapped nvbind run -e NVIDIA_VISIBLE_DEVICES=4 img >a.yaml
    [ "$(gpus a.yaml 2>/dev/null)" = "c0 4 " ]
    wrapped nvbind run img >a.yaml
    [ "$(gpus a.yaml 2>/dev/null | wc -w)" -eq 16 ]
    wrapped nvbind run --gpu none img true -- 'nvidia.com/gpu: 1' >a.yaml
    run -0 --separate-stderr play a.yaml
    [[ $output != *nvidia0* && $output != *nvbind.gpus* && $output = *'image: img'* ]]
    wrapped nvbind run --gpu 0,9 img >a.yaml
    refused a.yaml:9:14: "there is no GPU '9'" 'nvbind info' a.yaml
}

@test "an unwrapped command's options go where a pod has them, or are refused by name" {
    wrapped nvbind run --rm -it -e A=0777 -e B -e 'C*' -v /srv/data:/data:ro -p 8888:80 -w /work -u 1000 --name lab \
        --entrypoint sh --shm-size 1g --capabilities utility img -c 'echo hi' -- 'nvidia.com/gpu: 1' >a.yaml
    # A variable without a value is the pod's own, and never that of who plays the file.
    run -0 --separate-stderr env B=b CC=c "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" kube play --dry-run a.yaml
    [[ $output != *'value: b'* && $output != *'name: B'* && $output != *CC* ]]
    sed -i 's/^    image: .*/&\n    env: [{name: B, valueFrom: {secretKeyRef: {name: s, key: b}}}]/' a.yaml
    run -0 --separate-stderr env B=b CC=c "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" kube play --dry-run a.yaml
    [[ $output = *secretKeyRef* && $output != *'value: b'* && $output != *CC* ]]
    for line in 'name: lab' 'name: A' 'value: "0777"' 'name: B' 'mountPath: /data' 'path: /srv/data' \
        'containerPort: 80' 'hostPort: 8888' 'workingDir: /work' 'runAsUser: 1000' 'tty: true' '- sh' \
        '- "echo hi"' 'nvbind.gpus/lab:' 'libnvidia-ml.so.1'; do
        grep -qF -- "$line" <<<"$output" || { echo "no $line in $output"; return 1; }
    done
    [[ $output != *libcuda.so* ]]
    wrapped nvbind run --blkio-weight 10 img >a.yaml
    refused a.yaml:9:14: "--blkio-weight" '' a.yaml
    wrapped nvbind run --dry-run img >a.yaml
    refused a.yaml:9:14: "'--dry-run' is nothing for a pod" 'leave it out' a.yaml
    wrapped nvbind run --no-such img >a.yaml
    refused a.yaml:9:14: "no-such" '' a.yaml
    # Other words of nvbind's are the image's business.
    wrapped nvbind doctor >a.yaml
    run -7 --separate-stderr sim kube play a.yaml
    grep -qx 'kube play a.yaml ' "$calls"
}

@test "kube generate: requests stand where nodes and files were laid in; the user's own stay" {
    running one_y "$(uuid 0),$(uuid 2)"
    running p-a '' "$(uuid 1)" p
    running p-b "$(uuid 3)" "$(uuid 1)" p
    jq --arg b "$(uuid 3)" --arg a "$(uuid 1)" '.[1:][].Labels += {"nvbind.gpus/a": $a, "nvbind.gpus/b": $b}' \
        "$PS" >"$PS.new" && mv "$PS.new" "$PS"
    # What a container made by run shows, from what play lays in.
    pod one 'nvidia.com/gpu: 2' >a.yaml
    {
        echo '# Created with podman'
        play a.yaml | sed 's/name: c0/name: oney/; s/^metadata:/&\n  annotations: {nvbind.hook: abc, other: "1"}/'
        cat <<YAML
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - name: p-a
    volumeMounts:
    - {name: own, mountPath: /usr/bin/nvidia-smi, readOnly: true}
    - {name: old, mountPath: /usr/lib64/libcuda.so.1, readOnly: true}
    - {name: data, mountPath: /data}
  - {name: p-b, resources: {limits: {memory: 1Gi, nvidia.com/gpu=3: 1}}}
  - {name: p-c, resources: {}}
  volumes:
  - {name: own, hostPath: {path: /bin/true}}
  - {name: old, hostPath: {path: /usr/lib/libcuda.so.470.1}}
  - {name: data, emptyDir: {}}
YAML
    } >made
    run -0 --separate-stderr sim kube generate -t pod one_y p
    grep -qx 'kube generate --type=pod -- one_y p ' "$calls"
    diff - <(sed 's/"//g' <<<"$output") <<YAML
# Made by 'nvbind kube generate': 'nvbind kube play' gives it its GPUs.
# Created with podman
apiVersion: v1
kind: Pod
metadata:
  annotations:
    other: 1
  name: one
spec:
  containers:
    - name: oney
      image: localhost/img
      resources:
        limits:
          nvidia.com/gpu: 2
---
apiVersion: v1
kind: Pod
metadata:
  name: p
spec:
  containers:
    - name: p-a
      volumeMounts:
        - name: own
          mountPath: /usr/bin/nvidia-smi
          readOnly: true
        - name: data
          mountPath: /data
      resources:
        limits:
          nvidia.com/gpu.shared: 1
    - name: p-b
      resources:
        limits:
          memory: 1Gi
          nvidia.com/gpu: 1
    - name: p-c
      resources: {}
  volumes:
    - name: own
      hostPath:
        path: /bin/true
    - name: data
      emptyDir: {}
YAML
    run -2 sim kube generate -f a.yaml p
    [[ $output = *"'a.yaml' is there already"* ]]
    run -2 sim kube generate
    sim kube generate -f new.yaml p
    [ "$(sed 1,2d new.yaml | play - | grep -c 'nvbind.gpus/')" -ge 1 ]
}
