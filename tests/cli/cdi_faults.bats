# What the incumbent gets wrong when it looks at a host, each as a test: a folder of MPS that is never
# found, links by PCI address under another root for devices, a driver root whose absolute links lead
# to the caller's own files, warnings on a healthy host.

load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    unset NVBIND_DRIVER_ROOT NVBIND_DEV_ROOT CUDA_MPS_PIPE_DIRECTORY
    lay=$NVBIND_BUILD/tests/hosts/lay-host
    [ -x "$lay" ] || skip "the tests' own programs are not built"
}

# laid NAME: a recorded host, in the folder "tree".
laid() {
    mkdir tree
    "$lay" "$NVB_SOURCE/tests/hosts/$1" tree
}

# what SPEC: the container's paths.
what() {
    jq -r '.. | .containerPath? // empty' "$1" | sort
}

@test "the folder of MPS comes into a container, writable, where clients look" {
    fake_engine podman 4.3.1
    cp -a "$RUN_HOST" host
    mkdir -p host/tmp/nvidia-mps
    run --separate-stderr nvbind --host-root host run --rm --dry-run=json --capabilities compute img
    [ "$status" -eq 0 ]
    jq -e --arg from "$PWD/host/tmp/nvidia-mps" 'any(.. | objects;
        .host? == $from and .container? == "/tmp/nvidia-mps" and (.options | index("rw")))' \
        <<<"$output"
    # Who only looks at GPUs does not compute on them.
    run --separate-stderr nvbind --host-root host run --rm --dry-run=json --capabilities utility img
    [ "$status" -eq 0 ]
    [[ $output != *nvidia-mps* ]]
}

@test "a folder of MPS that others could replace is not in what is kept, and that is said" {
    cp -a "$RUN_HOST" host
    mkdir -p host/tmp/nvidia-mps
    run --separate-stderr nvbind --host-root host cdi generate --hookless
    [ "$status" -eq 0 ]
    [[ $output != *nvidia-mps* ]]
    [[ $stderr == *"the folder of MPS '$PWD/host/tmp/nvidia-mps' is left out"* ]]
    [[ $stderr == *"hint: CUDA_MPS_PIPE_DIRECTORY=/run/nvidia-mps"* ]]
}

@test "links by PCI address are the container's own, whatever root the devices are under" {
    laid driver-container-550
    root=$PWD/tree/run/nvidia/driver
    nvbind --host-root tree cdi generate --format json --driver-root "$root" --dev-root "$root" >spec
    jq -r '.containerEdits.hooks[].args[]' spec | grep by-path >links
    [ "$(cat links)" = "--link=../card0::/dev/dri/by-path/pci-0000:07:00.0-card
--link=../renderD128::/dev/dri/by-path/pci-0000:07:00.0-render
--link=../card1::/dev/dri/by-path/pci-0000:27:00.0-card
--link=../renderD129::/dev/dri/by-path/pci-0000:27:00.0-render" ]
    # And each leads to a node that the specification brings, under the name that it has inside.
    for node in card0 renderD128 card1 renderD129; do
        what spec | grep -qx "/dev/dri/$node"
    done
}

@test "absolute links of a driver root lead into it: not one file less than for the host itself" {
    laid debian-550
    nvbind --host-root tree cdi generate --format json --hookless >of-host
    # The kernel's files and the nodes of another machine, whose own driver is another.
    nvbind --host-root "$RUN_HOST" cdi generate --format json --hookless \
        --driver-root "$PWD/tree" >of-root
    what of-host | grep -v '^/dev/' >one
    what of-root | grep -v '^/dev/' >two
    cmp one two
    [ "$(wc -l <two)" -ge 60 ]
    # Nothing of the caller's machine: every source is below the root.
    run ! grep -vF "$PWD/tree/" <(jq -r '.containerEdits.mounts[].hostPath' of-root |
        grep -v "^$RUN_HOST/dev/")
}

@test "a healthy host of any kind is no reason to warn" {
    local host name options
    for host in "$NVB_SOURCE"/tests/hosts/*/; do
        name=$(basename "$host")
        # What is wrong with the others is told in their first lines.
        ! head -n1 "$host/spec.yaml" | grep -q '^#' || continue
        rm -rf tree
        laid "$name"
        options=()
        [ ! -e "$host/options.txt" ] ||
            mapfile -t options < <(sed "s|^\([a-z-]*\) |--\1=$PWD/tree|" "$host/options.txt")
        nvbind --host-root tree cdi generate "${options[@]}" --for podman@5.4 >spec.yaml 2>err
        if [ -s err ]; then
            echo "$name: $(cat err)"
            return 1
        fi
    done
}

@test "an incomplete specification is never a success" {
    local missing
    for missing in dev/nvidia-uvm dev/nvidia3 dev/nvidiactl; do
        rm -rf host
        cp -a "$RUN_HOST" host
        rm "host/$missing"
        run --separate-stderr nvbind --host-root host cdi generate --output spec.yaml
        [ "$status" -eq 1 ]
        [[ $stderr == *"/$missing"*"missing"* ]]
        [ ! -e spec.yaml ]
    done
}
