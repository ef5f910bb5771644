# nvbind generate kube and slurm: what is written, read by Kubernetes' own types (tests/lib/
# kube-oracle.go). tests/engine/74-generate-kube.bats plays it on Podman, 75-slurm.bats under Slurm.

load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
    # Before HOME is another.
    ORACLE=$("$NVB_SOURCE/tests/lib/cache" path kube-oracle 2>/dev/null) || true
    export ORACLE
}

setup() {
    run_setup
    fake_engine podman 5.4.2
}

need_oracle() {
    [ -n "$ORACLE" ] || skip "kube-oracle is not made: tests/lib/cache make kube-oracle"
}

cluster() {
    sim generate kube --target cluster "$@"
}

# good WORDS...: the cluster's objects, in out.yaml, which Kubernetes takes.
good() {
    cluster "$@" >out.yaml 2>err || { cat err; return 1; }
    "$ORACLE" out.yaml || { cat out.yaml; return 1; }
}

# bad TEXT HINT WORDS...: exit status 2, an error with TEXT, a hint with HINT, nothing else.
bad() {
    local text=$1 hint=$2
    shift 2
    run -2 --separate-stderr sim generate kube "$@"
    [ -z "$output" ]
    [[ $stderr = "nvbind: error: "*"$text"*"hint: "*"$hint"* ]] || { echo "$stderr"; return 1; }
}

has() {
    grep -qxF -- "$1" out.yaml || { echo "no line: $1"; cat out.yaml; return 1; }
}

@test "Kubernetes takes what every option becomes" {
    need_oracle
    good --gpu 1 --name My_App --restart always -p 8080:80 -p '[::1]:53:53/udp' -p 100-102:200-202 \
        --expose 9000 -e 'A=$(B)' -v /data:/d:ro,rslave -v vol:/v -v /anonymous --shm-size 1g \
        --tmpfs /scratch:size=64m --mount type=tmpfs,dst=/m,tmpfs-size=1m \
        --mount type=bind,src=/a,dst=/b,bind-propagation=rshared --mount type=volume,src=w,dst=/w \
        -it --user 5:6 --group-add 7 --cap-add cap_sys_nice --cap-drop all --privileged=false \
        --security-opt no-new-privileges --security-opt label=type:spc_t --security-opt label=level:s0 \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined --userns auto \
        --health-cmd 'curl localhost' --health-interval 1m30s --health-timeout 3s --health-retries 4 \
        --health-start-period 5s --health-startup-cmd '["true"]' --health-startup-retries 9 \
        --memory 1.5g --memory-reservation 512m --cpus 0.5 --hostname box --add-host a:1.2.3.4 \
        --dns 1.1.1.1 --dns-search a.b --dns-option ndots:2 --sysctl net.ipv4.ip_forward=1 \
        --read-only -l a.b/c=d --annotation 'x=any $text' --pull always --stop-timeout 7 --timeout 60 \
        --platform linux/arm64 --ipc host --pid host --network host --workdir /w \
        --entrypoint '["sh","-c"]' docker.io/library/ubuntu 'echo $(X)' 0777 -x yes
    has '  name: my-app'
    has '          nvidia.com/gpu: 1'
    has '    nvidia.com/gpu.product: NVIDIA-A100-SXM4-40GB'
    has '    kubernetes.io/arch: arm64'
    has '        - "echo $$(X)"'
    has '          value: "$$(B)"'
    has '          memory: "1536Mi"'
    has '        periodSeconds: 90'
    [ "$(grep -c 'hostPort: 10[012]' out.yaml)" = 3 ]
    # Nothing of this machine's driver.
    ! grep -qE 'libcuda|/dev/nvidia|nvbind-hook|CDI' out.yaml || false
    good --kind deployment --gpu count=2 --restart unless-stopped img a
    has '  replicas: 1'
    good --kind job --rm --restart on-failure:3 --gpus 2 img a
    has '  backoffLimit: 3'
    has '  ttlSecondsAfterFinished: 0'
    has '              nvidia.com/gpu: 2'
    good --gpu none --name "$(printf 'X%.0s' {1..80})" img
    has "  name: $(printf 'x%.0s' {1..63})"
}

@test "GPUs of a cluster: numbers, models, profiles, claims" {
    need_oracle
    good --gpu all img
    has '          nvidia.com/gpu: 8'
    ! grep -q product out.yaml || false
    good --product 'NVIDIA L40S (x)  y' --gpu count=3 img
    has '    nvidia.com/gpu.product: NVIDIA-L40S-x-y'
    good --resource nvidia.com/mig-1g.5gb=2 --runtime-class nvidia img
    has '          nvidia.com/mig-1g.5gb: 2'
    has '  runtimeClassName: nvidia'
    good --device amd.com/gpu=0 --device amd.com/gpu=1 --gpu none img
    has '          amd.com/gpu: 2'
    local version
    for version in v1 v1beta1 v1beta2; do
        good --dra --dra-version "$version" --gpu 0,2 img
        has "apiVersion: resource.k8s.io/$version"
        grep -q 'expression: .*productName == .*NVIDIA A100-SXM4-40GB' out.yaml
        good --dra --dra-version "$version" --kind job --gpu all img
        grep -q 'allocationMode: All' out.yaml
    done
    good --capabilities compute,utility --gpu count=1 img
    has '        - name: NVIDIA_DRIVER_CAPABILITIES'
    # No GPU has to be here to ask for a number of them, and no driver.
    mkdir bare
    nvbind --host-root bare generate kube --target cluster --gpu count=4 img >out.yaml 2>err
    has '          nvidia.com/gpu: 4'
    run -1 --separate-stderr nvbind --host-root bare generate kube --target cluster --gpu all img
    [[ $stderr = *'hint: --gpu count=N'* ]]
}

@test "what an object cannot say is an error that names the option" {
    local option
    for option in --pids-limit=4 --memory-swap=1g --log-driver=none --attach=stdin --cidfile=/x \
        --oom-kill-disable --tz=UTC --device-cgroup-rule=a --pod=x --secret=s --network=other \
        --restart=on-failure:3 --cpus=0.0001 --memory=much --user=name --group-add=keep-groups \
        --publish=x --add-host=a:host-gateway --dns=name --pull=newer --health-on-failure=stop \
        --security-opt=seccomp=/x.json --security-opt=mask=/x --volume=/a:/b:Z --volume=/a:b \
        --volume=Bad_Name:/v --tmpfs=/t:ro --mount=type=image,src=i,dst=/i --ulimit=nofile=1:2 \
        --label='a=no label' --label='-=x' --env=HOME --device=/dev/null --hostname=Not_One --init \
        --userns=keep-id --uts=host --sysctl=x --expose=x --cap-add=a/b --stop-timeout=x; do
        # A check's action says nothing without the check.
        bad "cannot have '${option%%=*}" '' --target cluster --gpu none --health-cmd true "$option" img ||
            { echo "$option"; return 1; }
    done
    bad "cannot have '--isolate'" '' --target podman --isolate --gpu 0 img
    bad "cannot have '--capabilities'" '' --capabilities all --gpu 0 img
    bad "cannot have '--entrypoint='" '' --target cluster --gpu none --entrypoint= img
    bad "a deployment's containers are always restarted" '--kind' --kind deployment --gpu none \
        --restart no img
    bad "--dra is a cluster's" '--target cluster' --dra --gpu none img
    bad "--target is 'moon'" 'podman|cluster' --target moon img
    bad "--resource is 'gpu=1'" '' --target cluster --resource gpu=1 img
    bad "unknown option '--kind'" "stand before run's" --gpu none --kind job img
    bad "whoever starts it" 'NAME=VALUE' --gpu none -e HF_TOKEN img
    run -1 --separate-stderr sim generate kube --podman-version 5.3 --gpu 0 img
    [[ $stderr = *'nvbind kube play -'* ]]
}

@test "a batch script: what Slurm is asked for, and words that arrive as they were" {
    local value hostile=('%h' '$X $(X) `x`' 'a"b'\''c' 'back\slash' $'new\nline' '-leading' '' '#SBATCH --x')
    for value in "${hostile[@]}"; do
        sim generate slurm --time 1:00 --gpu 0-2 --cpus 2.5 -m 1g --name job -e "A=$value" img "$value" >job.sh
        printf '#!/bin/bash\nprintf "%%s\\0" "$@" >words\n' >srun
        chmod +x srun
        PATH=$PWD:$PATH bash job.sh
        mapfile -d '' -t words <words
        [ "${words[-1]}" = "$value" ]
        [ "${words[-4]}" = "-eA=$value" ]
        [ "$(grep -c '^#SBATCH' job.sh)" = $((7 + ($(grep -c '^#SBATCH --x' job.sh)))) ]
    done
    grep -qx '#SBATCH --gres=gpu:3' job.sh
    grep -qx '#SBATCH --mem=1048576K' job.sh
    run -2 --separate-stderr sim generate slurm --partition $'a\n#SBATCH --b' --gpu none img
    [[ $stderr = *"sbatch cannot have '--partition="* ]]
    run -2 --separate-stderr sim generate slurm --gpu none --restart always img
    [[ $stderr = *"a job cannot have '--restart'"* ]]
}
