# engines: podman54
# more engines: podman5 podman6
#
# What "generate kube" writes, played by plain "podman kube play": its container is the one that
# "nvbind run" makes with the same words.

load ../lib/engine
bats_require_minimum_version 1.5.0

readonly image=localhost/nvbind-test/debian-trixie

setup_file() {
    engine_setup_file
    need_rootful
    need_part debian-trixie
    HOST=$(shared_folder)/host HOOK_TOOLS=${NVBIND_BUILD:?}/tests/hook
    export HOST HOOK_TOOLS
    "$NVBIND_BIN/nvbind" simulate "$HOST" --gpus 2 >/dev/null
    chmod -R a+rX "$HOST"
    use_runtime crun
    import_image rootless debian-trixie
    mkdir -p /etc/cdi
    "$NVBIND_BIN/nvbind" --host-root "$HOST" cdi generate \
        --device-name-strategy index,uuid --output /etc/cdi/nvidia.json
    VOLUME=$(shared_folder)
    echo "from the host" >"$VOLUME/file"
    printf '# a comment\n\n TEST_C=d e\nTEST_D=$(TEST_C)\n' >"$VOLUME/variables"
    export VOLUME
}

setup() {
    cd "$VOLUME" || return
    use_runtime crun
}

teardown() {
    podman_rootless pod rm -f -a >/dev/null 2>&1 || true
}

nvbind() {
    as_user "$NVBIND_BIN/nvbind" --host-root "$HOST" "$@"
}

# play NAME: plays NAME.yaml and prints what its container said.
play() {
    podman_rootless kube play --network=none "$1.yaml" >played 2>&1 || { cat played >&2; return 1; }
    local container=${2:-$1-$1}
    podman_rootless wait "$container" >/dev/null || { cat played >&2; return 1; }
    podman_rootless logs "$container" 2>&1
    podman_rootless kube down "$1.yaml" >/dev/null 2>&1
}

# both WORDS...: by run and by a pod; "looks" is what the container runs. The machine's specification
# brings all that belongs to a GPU, run only what is asked for.
both() {
    nvbind run --rm --network=none --name both --hostname box --capabilities all "$@" "$image" bash -c "exec 2>&1; $looks" >by-run 2>err ||
        { cat err; return 1; }
    nvbind generate kube --name both --hostname box "$@" "$image" bash -c "exec 2>&1; $looks" >both.yaml 2>err ||
        { cat err; return 1; }
    play both >by-pod || { cat both.yaml; return 1; }
    diff by-run by-pod || { cat both.yaml; return 1; }
}

# shellcheck disable=SC2016 # for the shell inside
readonly look='for node in /dev/nvidia* /dev/nvidia-caps/* /dev/dri/*; do
    [ -e "$node" ] && [ ! -d "$node" ] && echo "node $node"
done
for name in libcuda.so.1 libcuda.so libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1 libnvcuvid.so.1 \
    libnvidia-encode.so.1 libnvidia-opencl.so.1 libnvidia-nvvm.so.4; do
    ! /dlopen_all $name >/dev/null || echo "library $name"
done
ls /usr/bin/nvidia-* /etc/OpenCL/vendors/*
env | grep -E "^(NVIDIA|CUDA|TEST)_" | sort
'

@test "GPUs: one, all, and none, as run gives them" {
    looks=$look
    both --gpu 1 -v "$HOOK_TOOLS/dlopen_all:/dlopen_all:ro"
    uuid=$(nvbind info --json | jq -r '.gpus[1].uuid')
    grep -qxF "          nvidia.com/gpu=$uuid: 1" both.yaml
    grep -q '^node /dev/nvidia1$' by-pod
    run ! grep -q '^node /dev/nvidia0$' by-pod
    grep -q '^library libcuda.so.1$' by-pod
    both --gpu all -v "$HOOK_TOOLS/dlopen_all:/dlopen_all:ro"
    grep -q '^node /dev/nvidia0$' by-pod
    both --gpu none
    run ! grep -q nvidia.com both.yaml
}

@test "options: what a program notices of them is the same" {
    # shellcheck disable=SC2016
    looks='pwd; id -u; id -G; cat /data/file; touch /data/x; touch /etc/x; touch /scratch/x && echo scratch
        hostname; sed -n "s/^\(NoNewPrivs\|CapBnd\|Seccomp\):.//p" /proc/self/status; env | grep TEST_
        ulimit -n; ls /named; stat -c %a /scratch; tty; cat /proc/self/uid_map; cat /proc/1/comm'
    both --gpu 0 -v "$VOLUME:/data:ro" -w /usr -u 12:34 -e TEST_A=1 --env=TEST_B='b c' \
        --tmpfs /scratch:rw,mode=1777 --read-only --security-opt no-new-privileges \
        --cap-drop chown --ulimit nofile=1000:2000 -v named:/named --init
    both --gpu none -v .:/data --tmpfs /scratch -u 0 --cap-add sys_ptrace -v named:/named \
        --security-opt seccomp=unconfined --security-opt label=disable --env-file variables
    both --gpu none -v /named --userns keep-id --group-add 7 -v "$VOLUME:/data" --tmpfs /scratch
    both --gpu none --mount "type=bind,src=$VOLUME,dst=/data,readonly" --mount type=tmpfs,dst=/scratch \
        --mount type=volume,src=named,dst=/named
}

@test "limits, checks, policies and names come through" {
    nvbind generate kube --gpu none --name 'My Pod' --health-cmd 'true' --health-interval 40s \
        --health-retries 5 --restart on-failure --stop-timeout 7 --label 'a=any text, $x' \
        --annotation b=c --memory 64m --cpus 0.5 \
        --add-host a:1.2.3.4 --entrypoint sleep "$image" 60 >p.yaml 2>err
    grep -qF "the pod's name is 'my-pod'" err
    podman_rootless kube play --network=none --start=false p.yaml >played 2>&1 || { cat played >&2; return 1; }
    podman_rootless inspect my-pod-my-pod >seen
    [ "$(jq -c '.[0].Config.Healthcheck | [.Test[-1], .Interval, .Retries]' seen)" = \
        '["true",40000000000,5]' ]
    [ "$(jq -r '.[0] | .HostConfig.RestartPolicy.Name, .Config.StopTimeout, .Config.Labels.a,
        .Config.Annotations.b' seen)" = "$(printf '%s\n' on-failure 7 'any text, $x' c)" ]
    [ "$(jq -c '.[0].Config | [.Entrypoint, .Cmd]' seen)" = '[["sleep"],["60"]]' ]
    podman_rootless kube down p.yaml >/dev/null 2>&1
}

# Every byte, through YAML, through the expansion of $(NAME) and into the container.
@test "hostile strings arrive to the byte" {
    local value hostile=('%h %%' '$X ${X} $(X) $(A) $$ $$(A) $é $' 'a"b'\''c' 'back\slash \n \x41'
        $'new\nline\ttab' '-leading' 'yes' '0777' 'é ü' 'a;b|c&d' '#no comment' ' blanks ' '[x]'
        '=x=' 'a: b' '- a' '!!int 3' '&a *a' '~' '' '1e3' '2026-01-01' '{{.}}' '@x `id`')
    local words=() expected=''
    for value in "${hostile[@]}"; do
        words+=("$value")
        expected+="<$value><$value>"
    done
    # shellcheck disable=SC2016
    looks='printf "<%s><%s>" "${!A_@}" | head -c0; i=0
        for value in "$@"; do name=A_$i; printf "<%s><%s>" "$value" "${!name}"; i=$((i + 1)); done
        cat "/odd \$(A)/file"'
    local variables=() i=0
    for value in "${hostile[@]}"; do
        variables+=(-e "A_$i=$value")
        i=$((i + 1))
    done
    mkdir -p "$VOLUME/-- a b\$(A)%s'\"d"
    echo odd >"$VOLUME/-- a b\$(A)%s'\"d/file"
    nvbind generate kube --gpu none --name hostile -e A=expanded "${variables[@]}" \
        -v "$VOLUME/-- a b\$(A)%s'\"d:/odd \$(A)" "$image" bash -c "$looks" x "${words[@]}" \
        >hostile.yaml
    play hostile >said
    printf '%sodd\n' "$expected" | diff - said
    # Podman itself would lose the blank, or the whole file.
    for value in $'\na' $' a\nb' $'\t\n'; do
        run nvbind generate kube --gpu none "$image" echo "$value"
        [ "$status" -eq 2 ]
        [[ $output = *'misreads text of several lines'* ]]
    done
}

@test "a deployment and a job" {
    nvbind generate kube --kind job --gpu 0 --init "$image" sh -c 'cat /proc/1/comm; ls /dev/nvidia0' \
        >debian-trixie.yaml
    play debian-trixie debian-trixie-pod-debian-trixie >said
    cat said
    [ "$(tail -n1 said)" = /dev/nvidia0 ]
    grep -qE '^(podman-init|catatonit)$' said
    nvbind generate kube --kind deployment --name d --stop-timeout 0 --gpu none "$image" sleep 60 >d.yaml
    podman_rootless kube play --network=none d.yaml >/dev/null
    [ "$(podman_rootless inspect -f '{{.State.Status}} {{.HostConfig.RestartPolicy.Name}}' d-pod-d)" = \
        'running always' ]
    podman_rootless kube down --force d.yaml >/dev/null 2>&1
}

@test "where plain kube play would bring no GPU, an error says what does" {
    run nvbind generate kube --podman-version 5.3 --gpu 0 "$image"
    [ "$status" -eq 1 ]
    [[ $output = *"from Podman 5.4 on"*"generate kube --target cluster --gpu 0 $image | nvbind kube play -"* ]]
    mv /etc/cdi/nvidia.json /etc/cdi/nvidia.off
    run nvbind generate kube --gpu 0 "$image"
    mv /etc/cdi/nvidia.off /etc/cdi/nvidia.json
    [ "$status" -eq 1 ]
    [[ $output = *"no CDI specification that Podman reads by itself"*"nvbind kube play -"* ]]
}
