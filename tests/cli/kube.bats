# nvbind kube play on the command line: what is read, who gets which GPU, what Podman would get. The
# engine only writes down how it was called; tests/engine/73-kube-play.bats has the real ones.

load ../lib/run
load ../lib/kube
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    kube_setup
}

@test "counts choose GPUs, different ones for each container; a pod without any is left alone" {
    pod a 'nvidia.com/gpu: 1' 'nvidia.com/gpu: "2"' '' >a.yaml
    [ "$(gpus a.yaml)" = "c0 0 c1 1 c1 2 " ]
    # requests alone, and requests that say the same.
    pod a 'nvidia.com/gpu: 1' | sed 's/limits/requests/' >b.yaml
    [ "$(gpus b.yaml)" = "c0 0 " ]
    # Several files, several documents: each its own.
    { cat a.yaml; echo ---; sed 's/name: a/name: z/' b.yaml; } >c.yaml
    [ "$(gpus c.yaml)" = "c0 0 c0 3 c1 1 c1 2 " ]
    [ "$(gpus a.yaml b.yaml)" = "c0 0 c0 3 c1 1 c1 2 " ]

    pod plain 'memory: 64Mi' >plain.yaml
    run -7 sim kube play --replace plain.yaml
    grep -qx 'kube play --replace plain.yaml ' "$calls"
    # What is to be read from a pipe goes on through one.
    sim kube play - <plain.yaml || [ $? -eq 7 ]
    grep -q 'memory: "64Mi"' "$GOT"
}

@test "Podman gets the pod as standard input, its own options, and has the last word" {
    pod a 'nvidia.com/gpu: 1' >a.yaml
    run -7 --separate-stderr sim kube play --network none -q --start=false --log-opt a=b a.yaml
    [[ $stderr = *"after a driver upgrade"* ]]
    grep -qx 'kube play --log-opt=a=b --network=none --quiet --start=false - ' "$calls"
    diff "$GOT" <(play a.yaml)
    sim kube play --build sub/../a.yaml || true
    mkdir -p sub
    run -7 --separate-stderr sim kube play --build=true sub/../a.yaml
    grep -q -- '--context-dir=sub/.. -' "$calls"
    run -0 sim kube down a.yaml
    grep -qx 'kube down a.yaml ' "$calls"
    # Nothing is looked at to take something down.
    run -7 sim kube play --down a.yaml
    grep -qx 'kube play --down a.yaml ' "$calls"
}

@test "what runs is taken, less what is replaced; the environment narrows" {
    pod a 'nvidia.com/gpu: 1' >a.yaml
    running train "$(uuid 0),$(uuid 2)"
    [ "$(gpus a.yaml)" = "c0 1 " ]
    running a-c0 "$(uuid 1)" '' a
    [ "$(gpus a.yaml)" = "c0 3 " ]
    [ "$(gpus --replace a.yaml)" = "c0 1 " ]
    CUDA_VISIBLE_DEVICES=5,6 run -0 gpus a.yaml
    [ "$output" = "c0 5 " ]
    pod b 'nvidia.com/gpu: 6' >b.yaml
    refused b.yaml:11:9: "asks for nvidia.com/gpu: 6; free of 8: 3, 4, 5, 6, 7; 0 is held by 'train'; 1 is held by 'a-c0'; 2 is held by 'train'" \
        "podman stop train, or nvbind kube play --share" b.yaml
    pod c 'nvidia.com/gpu: 9' >c.yaml
    echo '[]' >"$PS"
    refused c.yaml:11:9: 'free of 8: 0, 1, 2, 3, 4, 5, 6, 7' 'nvbind info' c.yaml
    CUDA_VISIBLE_DEVICES=5 refused b.yaml:11:9: "0 is kept from you by 'CUDA_VISIBLE_DEVICES'" '' b.yaml
}

@test "containers share a GPU: by NVIDIA's name for it, by --share, and by a claim" {
    pod a 'nvidia.com/gpu.shared: 1' 'nvidia.com/gpu.shared: 1' 'nvidia.com/gpu: 1' >a.yaml
    [ "$(gpus a.yaml)" = "c0 0 c1 0 c2 1 " ]
    play a.yaml | grep -q "nvbind.gpus.shared: $(uuid 0)"
    play a.yaml | grep -q "nvbind.gpus: $(uuid 1)"
    # A shared one is not given away alone, and is shared on.
    running other '' "$(uuid 4)"
    running alone "$(uuid 0)"
    [ "$(gpus a.yaml)" = "c0 4 c1 4 c2 1 " ]
    pod b 'nvidia.com/gpu: 1' 'nvidia.com/gpu: 1' >b.yaml
    [ "$(gpus b.yaml)" = "c0 1 c1 2 " ]
    [ "$(gpus --share b.yaml)" = "c0 1 c1 1 " ]
    # Where none is free, --share goes to those of others.
    running rest "$(uuid 1),$(uuid 2),$(uuid 3),$(uuid 5),$(uuid 6),$(uuid 7)"
    refused b.yaml:11:9: 'free of 8: none' 'podman stop alone' b.yaml
    [ "$(gpus --share b.yaml)" = "c0 4 c1 4 " ]
    pod c 'nvidia.com/gpu.shared: 2' >c.yaml
    refused c.yaml:11:9: 'more than one share' 'nvidia.com/gpu.shared: 1, or nvidia.com/gpu: 2' c.yaml

    echo '[]' >"$PS"
    cat >claim.yaml <<'YAML'
apiVersion: resource.k8s.io/v1
kind: ResourceClaimTemplate
metadata: {name: one-gpu}
spec:
  spec:
    devices:
      requests:
      - name: gpu
        exactly: {deviceClassName: gpu.nvidia.com}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  resourceClaims: [{name: gpu, resourceClaimTemplateName: one-gpu}]
  containers:
  - {name: lab, image: localhost/img, resources: {claims: [{name: gpu}]}}
  - {name: board, image: localhost/img, resources: {claims: [{name: gpu}]}}
  - {name: third, image: localhost/img, resources: {limits: {nvidia.com/gpu: 1}}}
YAML
    [ "$(gpus claim.yaml)" = "board 0 lab 0 third 1 " ]
    sed 's/one-gpu}\]/no-gpu}]/' claim.yaml >gone.yaml
    refused gone.yaml:15:59: "no ResourceClaimTemplate 'no-gpu'" "'---' between" gone.yaml
    sed 's/gpu.nvidia.com}/fpga.example.com}/' claim.yaml >class.yaml
    refused class.yaml:9:36: "'fpga.example.com' is no class" 'gpu.nvidia.com' class.yaml
}

@test "init containers have GPUs of the pod" {
    pod a 'nvidia.com/gpu: 1' >a.yaml
    cat >>a.yaml <<'YAML'
  initContainers:
  - name: fetch
    image: localhost/img
    resources: {limits: {nvidia.com/gpu: 2}}
YAML
    [ "$(gpus a.yaml)" = "c0 0 fetch 0 fetch 1 " ]
}

@test "kinds with a template; one that this Podman does not play is told" {
    cat >d.yaml <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: d}}
    spec:
      containers:
      - {name: c0, image: localhost/img, resources: {limits: {nvidia.com/gpu: 1}}}
YAML
    [ "$(gpus d.yaml)" = "c0 0 " ]
    sed 's/Deployment/StatefulSet/' d.yaml >s.yaml
    refused s.yaml:2:7: 'Podman 5.4 plays no StatefulSet' 'kind: Deployment' s.yaml
    printf 'apiVersion: v1\nkind: List\nitems:\n' >l.yaml
    sed 's/^/  /; 1s/^  /- /' d.yaml >>l.yaml
    [ "$(gpus l.yaml)" = "c0 0 " ]
    podman_is 4.3.1
    refused d.yaml:5:13: 'each replica the same GPUs' 'replicas: 1' d.yaml
    sed 's/Deployment/Job/; /replicas/d' d.yaml >j.yaml
    refused j.yaml:2:7: 'Podman 4.3 plays no Job' 'kind: Pod' j.yaml
}

@test "everything else stays as it is spelled and in its order" {
    cat >a.yaml <<'YAML'
# a comment
kind: Pod
apiVersion: v1
metadata:
  name: a
  annotations: {on: "yes", z: 'it''s', a: 1e3}
x-base: &base
  tty: yes
spec:
  containers:
  - <<: *base
    image: localhost/img
    name: c0
    resources:
      requests: {cpu: 500m, nvidia.com/gpu: 1}
      limits: {nvidia.com/gpu: 1}
    env:
    - {name: MODE, value: "0777"}
    - {name: NVIDIA_VISIBLE_DEVICES, value: all}
    volumeMounts: [{name: data, mountPath: /data}]
    command: [sh, -c, "echo $HOME\n%h"]
  volumes:
  - name: data
    configMap: {name: cm, defaultMode: 0644}
  - name: nvbind-0
    emptyDir: {}
  terminationGracePeriodSeconds: 0x1f
YAML
    run -0 play a.yaml
    [ "$(grep -nx -e 'kind: Pod' -e 'apiVersion: v1' <<<"$output" | head -2 | cut -d: -f1 | tr '\n' ' ')" = "1 2 " ]
    for line in '"on": "yes"' "z: \"it's\"" 'a: 1e3' 'tty: yes' 'cpu: "500m"' 'value: "0777"' \
        'defaultMode: 0644' 'terminationGracePeriodSeconds: 0x1f' 'value: void' '- "echo $HOME\n%h"'; do
        grep -qF -- "$line" <<<"$output" || { echo "no $line in: $output"; return 1; }
    done
    [[ $output != *"nvidia.com/gpu:"* && $output != *limits* ]]
    [ "$(grep -c 'name: nvbind-0$' <<<"$output")" -eq 1 ]
    [ "$(grep -c 'NVIDIA_VISIBLE_DEVICES' <<<"$output")" -eq 1 ]
    # The same again, once it is Podman's own form: nothing is left to do.
    [ "$(play a.yaml | sed '/nvbind.gpus/d; /^  labels:/d' | play -)" = "$(play a.yaml | sed '/nvbind.gpus/d; /^  labels:/d')" ]
}

@test "the user's own mounts and variables win" {
    cat >a.yaml <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
  - name: c0
    image: localhost/img
    resources: {limits: {nvidia.com/gpu: 1}}
    env: [{name: NVIDIA_DRIVER_CAPABILITIES, value: utility}]
    volumeMounts: [{name: smi, mountPath: "/usr/bin/nvidia-smi:ro"}]
  volumes: [{name: smi, hostPath: {path: /bin/true}}]
YAML
    run -0 play a.yaml
    [ "$(grep -c 'mountPath: "\?/usr/bin/nvidia-smi' <<<"$output")" -eq 1 ]
    [[ $output != *libcuda.so* && $output = *libnvidia-ml.so* ]]
}

@test "the variable of NVIDIA's runtimes is a request where nothing else is" {
    cat >a.yaml <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
  - name: c0
    image: localhost/img
    env: [{name: NVIDIA_VISIBLE_DEVICES, value: "2,3"}]
  - name: c1
    image: localhost/img
    env: [{name: NVIDIA_VISIBLE_DEVICES, value: void}]
YAML
    [ "$(gpus a.yaml)" = "c0 2 c0 3 " ]
    sed -i 's/"2,3"/"2,9"/' a.yaml
    refused a.yaml:8:49: 'there is no GPU' '' a.yaml
}

@test "what is asked of nobody here" {
    pod a 'amd.com/gpu: 1' >a.yaml
    refused a.yaml:11:9: "'amd.com/gpu' is asked for, and no CDI specification here gives" 'what there is: nvidia.com/gpu' a.yaml
    pod b 'nvidia.com/mig-1g.5gb: 1' >b.yaml
    refused b.yaml:11:9: "'nvidia.com/mig-1g.5gb' is asked for" 'what there is: nvidia.com/gpu' b.yaml
    pod c 'smarter.example.com/fuse: 1' >c.yaml
    run -7 --separate-stderr sim kube play c.yaml
    [[ $stderr = *"warning: c.yaml:11:9: no CDI specification here gives 'smarter.example.com/fuse'"* ]]
}

@test "wrong words and wrong files: one error at its place" {
    pod a 'nvidia.com/gpu: some' >a.yaml
    refused a.yaml:11:25: "'nvidia.com/gpu' is 'some', not a number of devices" 'nvidia.com/gpu: 1' a.yaml
    pod a 'nvidia.com/gpu: 1.5' >a.yaml
    refused a.yaml:11:25: "is '1.5', not a number" 'nvidia.com/gpu: 1' a.yaml
    pod a 'nvidia.com/gpu: -1' >a.yaml
    refused a.yaml:11:25: "is '-1'" 'nvidia.com/gpu: 1' a.yaml
    pod a 'nvidia.com/gpu: {}' >a.yaml
    refused a.yaml:11:25: "is a map" 'nvidia.com/gpu: 1' a.yaml
    { pod a 'nvidia.com/gpu: 1'; printf '      requests: {nvidia.com/gpu: 2}\n'; } >a.yaml
    refused a.yaml:12:18: 'is 2 in requests and 1 in limits' 'leave it out' a.yaml
    printf 'apiVersion: v1\nkind: Pod\nspec:\n  containers: 5\n' >a.yaml
    refused a.yaml:4:15: 'a list of containers' "'-'" a.yaml
    printf -- '- a\n' >a.yaml
    refused a.yaml:1:1: 'no document of a cluster' 'apiVersion' a.yaml
    : >empty.yaml
    run -2 sim kube play empty.yaml
    refused "'https://example.com/p.yaml'" 'nothing is fetched' 'curl -fsSL https://example.com/p.yaml | nvbind kube play -' \
        https://example.com/p.yaml
    run -2 sim kube play
    [[ $output = *"kube play takes a file"* ]]
    run -2 sim kube play --runtime docker a.yaml
    run -2 sim kube paly
    [[ $output = *"did you mean 'nvbind kube play'"* ]]
    pod a 'nvidia.com/gpu: 1' >a.yaml
    CONTAINER_HOST=ssh://far refused '' 'elsewhere' 'run nvbind there' a.yaml
}

@test "what is of another type than a pod has there is not replaced" {
    cat >a.yaml <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers:
  - name: c0
    image: localhost/img
    env: [{name: NVIDIA_VISIBLE_DEVICES, value: "2"}]
    resources: {}
YAML
    run -0 play a.yaml
    sed 's/resources: {}/resources: [x]/' a.yaml >b.yaml
    refused b.yaml:9:16: "'resources' is a list, not a map" '' b.yaml
    sed 's/resources: {}/resources: {limits: many}/' a.yaml >b.yaml
    refused b.yaml:9:25: "'limits' is a string, not a map" '' b.yaml
    sed 's/^metadata: .*/metadata: [a]/' a.yaml >b.yaml
    refused b.yaml:3:11: "'metadata' is a list, not a map" '' b.yaml
    sed 's/{name: a}/{name: a, labels: 5}/' a.yaml >b.yaml
    refused b.yaml:3:29: "'labels' is a" '' b.yaml
    sed 's/^spec:/&\n  volumes: 5/' a.yaml >b.yaml
    refused b.yaml:5:12: "'volumes' is" '' b.yaml
    # Volumes of ours from before stay, and ours get names of their own.
    sed 's/^spec:/&\n  volumes: [{name: nvbind-7, emptyDir: {}}]/' a.yaml >b.yaml
    run -0 play b.yaml
    [[ $output = *"name: nvbind-8"* ]]
    [ "$(grep -c '^  - name: nvbind-' <<<"$output")" = "$(grep '^  - name: nvbind-' <<<"$output" | sort -u | wc -l)" ]
}

@test "hostile YAML is one error, within a second" {
    { echo 'a: &a [x, x, x, x, x, x, x, x, x, x]'
        for i in b c d e f g h i; do
            printf '%s: &%s [*%s, *%s, *%s, *%s, *%s, *%s, *%s, *%s, *%s, *%s]\n' "$i" "$i" \
                $(for _ in 1 2 3 4 5 6 7 8 9 10; do printf '%b ' "\\x$(printf %x $(($(printf %d "'$i") - 1)))"; done)
        done; } >bomb.yaml
    head -c 20000 /dev/zero | tr '\0' '[' >deep.yaml
    head -c 100M /dev/zero | tr '\0' 'a' >big.yaml
    # The sanitizers reserve more than any machine has.
    limit='ulimit -v 262144'
    ! grep -qa __asan_init "$NVBIND_BIN/nvbind" || limit=:
    pod a $(yes nvidia.com/gpu.shared:1 | head -5000) >many.yaml
    # A short list of claims, each of which names a long list.
    claims() {
        printf 'kind: ResourceClaim\nmetadata: {name: r}\nspec: {devices: {requests: ['
        yes '{deviceClassName: gpu.nvidia.com},' | head -n "$1"
        printf ']}}\n---\nkind: Pod\nmetadata: {name: p}\nspec: {resourceClaims: [{name: r, resourceClaimName: r}], '
        printf 'containers: [{name: c, image: i, resources: {claims: ['
        yes '{name: r},' | head -n "$2"
        echo ']}}]}'
    }
    # Many claims, each looked for through many documents.
    {
        yes $'kind: ResourceClaim\n---' | head -n 40000
        claims 1 250
    } >claims-3.yaml
    { pod a nvidia.com/gpu:1 | sed 's/gpu:1/gpu: 1/'; echo '  volumes: ['; seq -f '  {name: nvbind-%.0f},' 0 39999; echo '  ]'; } >volumes.yaml
    claims 20000 20000 >claims.yaml
    claims 200 200 >claims-2.yaml
    pod a '{' | { cat; seq -f '        a.b/c%.0f: 0,' 0 59999; echo '        }'; } >kinds.yaml
    for file in bomb deep big many claims claims-2 claims-3 volumes kinds; do
        SECONDS=0
        ( $limit; sim kube play "$file.yaml" ) >out 2>&1 && return 1
        [ "$SECONDS" -le 2 ]
        [ "$(grep -c '^nvbind: error: ' out)" -eq 1 ]
    done
    [ ! -e "$GOT" ]
}
