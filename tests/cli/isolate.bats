# nvbind run --isolate on the command line: what strict stands for, what wins over it, and what is
# refused. tests/engine/60-isolation.bats looks at it from inside a container.

# shellcheck disable=SC2154 # set by the helpers and by run
load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    fake_engine podman 4.3.1
    fake_engine docker 26.1.5
    XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config
    export XDG_CONFIG_HOME
    mkdir -p -m 0755 "$XDG_CONFIG_HOME/nvbind"
}

config() { printf '%s\n' "$@" >"$XDG_CONFIG_HOME/nvbind/config.toml"; }

# words WORDS...: the engine's options but for those of the GPUs.
words() {
    sim run --gpu 0 --dry-run=json "$@" img 2>notes |
        jq -r '.options[] | .name + (if .value == null then "" else "=" + .value end)' |
        grep -vx 'pids-limit=.*' | sort | paste -sd' '
}

@test "strict stands for these words" {
    [ "$(words --isolate=strict)" = "cap-drop=all cgroupns=private ipc=private network=none pid=private read-only security-opt=no-new-privileges uts=private" ]
    [[ $(words --isolate=strict --runtime docker) = "cap-drop=all cgroupns=private ipc=private network=none read-only security-opt=no-new-privileges tmpfs=/run:"*" tmpfs=/tmp:"*" tmpfs=/var/tmp:"* ]]
    run -0 sim run --gpu 0 --runtime docker --isolate=strict --dry-run img
    [[ $output = *" --pids-limit 4096 "* ]]
}

@test "strict: no network unless one is asked for" {
    local word
    for word in -p=80:80 --network=bridge --net=host --pod=p -P --ip=10.88.0.9 --dns=1.1.1.1; do
        [[ $(words --isolate=strict "$word") != *network=none* ]]
    done
    # A pod's namespaces are the pod's.
    [[ $(words --isolate=strict --pod=p) != *ipc=* ]]
}

@test "strict: the user's words win" {
    run words --isolate=strict --read-only=false --ipc=host --pid host --uts=host --cgroupns=host \
        --security-opt no-new-privileges=false --cap-add SYS_PTRACE --pids-limit 7 --network none
    [ "$output" = "cap-add=SYS_PTRACE cap-drop=all cgroupns=host ipc=host network=none pid=host read-only=false security-opt=no-new-privileges=false uts=host" ]
    [[ $(words --runtime docker --isolate=strict -v /x:/tmp) != *tmpfs=/tmp:* ]]
    [[ $(words --isolate=strict --security-opt label=disable) = *label=disable*no-new-privileges* ]]
}

@test "strict wins over the configuration and over a profile" {
    config '[runtime]' 'default_args = ["--cap-add", "SYS_ADMIN", "--network=host", "--ipc=host", "--security-opt", "seccomp=unconfined", "--hostname=h"]'
    [ "$(words --isolate=strict)" = "cap-drop=all cgroupns=private hostname=h ipc=private network=none pid=private read-only security-opt=no-new-privileges uts=private" ]
    config
    [[ $(words --isolate=strict --profile shared) = *ipc=private* ]]
    [[ $(words --isolate=strict --profile shared) != *ipc=host* ]]
}

@test "--privileged and isolation" {
    fails "every device of the host" "leave one of the two out" sim run --isolate --privileged img
    fails "every device of the host" "" sim run --privileged=true --isolate=strict img
    # "--privileged=false" is no privilege, and no isolation needs none.
    run -0 sim run --isolate --privileged=false --gpu 0 --dry-run img
    run -0 sim run --isolate=none --privileged --gpu 0 --dry-run img

    config '[gpu]' 'enable_isolation = true'
    run -0 --separate-stderr sim run --privileged --gpu 0 --dry-run=json img
    [[ $(jq -r '.edits.mounts[].container' <<<"$output") = *uvm-tools* ]]
    [ "$(grep -c 'warning: ' <<<"$stderr")" = 1 ]
    [[ $stderr = *"enable_isolation is without effect"* ]]

    # What stands on the line wins over the configuration's own privilege.
    config '[runtime]' 'default_args = ["--privileged"]'
    run -0 --separate-stderr sim run --isolate --gpu 0 --dry-run=json img
    [ "$(jq '[.options[] | select(.name == "privileged")] | length' <<<"$output")" = 0 ]
    [[ $stderr = *"'--privileged' is left out"* ]]
}

@test "/dev/dri is narrowed to the chosen GPUs, in whatever spelling" {
    local word
    for word in --device=/dev/dri --device=/dev/dri/:/dev/dri --device=/dev/dri:/dev/dri:rw; do
        run -0 --separate-stderr sim run --rm --gpu 1,2 --isolate "$word" --dry-run=json img
        [ "$(jq -r '[.edits.mounts[].container | select(startswith("/dev/dri"))] | sort | join(" ")' <<<"$output")" = \
            "/dev/dri/card2 /dev/dri/card3 /dev/dri/renderD129 /dev/dri/renderD130" ]
        [ "$(jq -r '[.options[] | select(.name == "device")] | length' <<<"$output")" = 0 ]
        [ "$(grep -c "'--device /dev/dri' is narrowed" <<<"$stderr")" = 1 ]
    done
    # One node by its own name is the user's word, and without isolation the folder is too.
    run -0 --separate-stderr sim run --rm --gpu 1 --isolate --device /dev/dri/card7 --dry-run img
    [[ $output = *" --device /dev/dri/card7 img" && $stderr != *narrowed* ]]
    run -0 --separate-stderr sim run --rm --gpu 1 --device /dev/dri --dry-run img
    [[ $output = *" --device /dev/dri img" && $stderr != *narrowed* ]]
}

@test "the driver's application profile is there where some GPUs are drawn on" {
    local profile=/etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf
    has() { sim run --rm --dry-run=json "$@" img 2>/dev/null | jq --arg p $profile '[.edits.mounts[] | select(.container == $p)] | length'; }
    [ "$(has --gpu 1 --isolate --capabilities graphics)" = 1 ]
    [ "$(has --gpu 1 --isolate=strict --capabilities display)" = 1 ]
    [ "$(has --gpu 1 --isolate)" = 0 ]
    [ "$(has --gpu 1 --capabilities graphics)" = 0 ]
    [ "$(has --gpu all --isolate --capabilities graphics)" = 0 ]
    # The user's own stays his.
    [ "$(has --gpu 1 --isolate --capabilities graphics -v "/x:$profile")" = 0 ]
}

@test "a specification of the system's is not isolated: --cdi is refused, the names are laid in" {
    run -0 --separate-stderr sim run --rm --isolate --device nvidia.com/gpu=1 --dry-run img
    [[ $output != *nvidia.com/gpu=1* && $output = *"/dev/nvidia1:/dev/nvidia1:"* ]]
}
