# engines: host podman5
# Other vendors' CDI specifications, and NVIDIA's own with its hooks, on real engines: by name where
# the engine takes them, else laid onto its command line.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    tools=$(shared_folder)
    # Like nvidia-cdi-hook create-symlinks: a createContainer hook that works on the container's root.
    cat >"$tools/vendor-hook" <<'HOOK'
#!/bin/sh
bundle=$(jq -r .bundle)
root=$(jq -r .root.path "$bundle/config.json")
[ -n "$root" ] || exit 3
case $root in /*) ;; *) root=$bundle/$root ;; esac
mkdir -p "$root/vendor"
echo "$*" >>"$root/vendor/hooks"
HOOK
    chmod 0755 "$tools/vendor-hook"
    echo 'vendor library' >"$tools/libvendor.so"
    chmod 0644 "$tools/libvendor.so"
    export tools
}

setup() {
    [ "$NVBIND_T_MODE" = root ] || skip "started by an ordinary user, who cannot write /etc/cdi"
    need_part busybox
    rm -rf /etc/cdi
    mkdir -p /etc/cdi
    # /dev/zero stands for /dev/kfd: a real node, and one that everybody may open.
    jq -n --arg tools "$tools" '{cdiVersion: "0.5.0", kind: "amd.com/gpu",
        devices: [{name: "0", containerEdits: {
            deviceNodes: [{path: "/dev/kfd-zero", hostPath: "/dev/zero"}], env: ["AMD=0"]}}],
        containerEdits: {
            mounts: [{hostPath: ($tools + "/libvendor.so"), containerPath: "/usr/lib/libvendor.so",
                options: ["ro", "nosuid", "nodev", "bind"]}],
            hooks: [
                {hookName: "createContainer", path: ($tools + "/vendor-hook"), args: ["vendor-hook", "first"], env: ["PATH=/usr/bin:/bin"]},
                {hookName: "createContainer", path: ($tools + "/vendor-hook"), args: ["vendor-hook", "second"], env: ["PATH=/usr/bin:/bin"]}]}}' \
        >/etc/cdi/amd.json
}

# In the container: what arrived.
# shellcheck disable=SC2016 # the container's variables
inside='test -c /dev/kfd-zero && echo node; cat /usr/lib/libvendor.so; echo "AMD=$AMD"; cat /vendor/hooks'
all="node
vendor library
AMD=0
first
second"

# Rootless CDI cannot give a node another path (Podman 5.4 to 6.1), and that is what it stands for
# here; there the node has its own name.
own_node() {
    jq '.devices[0].containerEdits.deviceNodes = [{path: "/dev/zero"}]' /etc/cdi/amd.json >/etc/cdi/new
    mv /etc/cdi/new /etc/cdi/amd.json
    inside=${inside/kfd-zero/zero}
}

# shellcheck disable=SC2154 # run sets stderr
arrives() {
    local identity=$1 runtime=$2 image
    shift 2
    use_runtime "$runtime"
    image=$(import_image "$identity" busybox)
    run --separate-stderr as "$identity" "$NVBIND_BIN/nvbind" run --rm --network=none \
        --gpu amd.com/gpu=0 "$@" "$image" sh -c "$inside"
    echo "$output"
    echo "$stderr"
    [ "$status" -eq 0 ]
    [ "$output" = "$all" ]
}

# Podman 5.5 and later take it by name from 0.6 on too; a version that only later ones know makes
# it direct everywhere.
too_new() {
    jq '.cdiVersion = "1.1.0"' /etc/cdi/amd.json >/etc/cdi/new
    mv /etc/cdi/new /etc/cdi/amd.json
}

@test "by CDI: rootful, runc" { arrives rootful runc; }
@test "by CDI: rootful, crun" { arrives rootful crun; }
@test "by CDI: rootless, crun" { own_node; arrives rootless crun; }
@test "directly, hooks by a folder of hooks: rootful, runc" { arrives rootful runc --no-cdi; }
@test "directly, hooks by a folder of hooks: rootful, crun" { arrives rootful crun --no-cdi; }
@test "directly, hooks by a folder of hooks: rootless, crun" { arrives rootless crun --no-cdi; }
@test "directly, hooks by a folder of hooks: rootless, runc" { arrives rootless runc --no-cdi; }
@test "too new for this engine: directly, by itself" {
    too_new
    arrives rootful crun
    arrives rootless crun
    run -125 as_user "$NVBIND_BIN/nvbind" run --rm --cdi --gpu amd.com/gpu=0 localhost/nvbind-test/busybox true
    [[ $output = *"declares CDI 1.1.0"* ]]
}

# What nvidia-ctk writes: nodes, mounts, and five hooks of nvidia-cdi-hook. The real program is not
# there; its hooks' order and arguments are what is looked at.
@test "a specification as nvidia-ctk writes it, under a vendor of its own" {
    local image
    use_runtime crun
    jq -n --arg hook "$tools/vendor-hook" '{cdiVersion: "0.5.0", kind: "nvidia-ctk.example/gpu",
        devices: [{name: "0", containerEdits: {deviceNodes: [{path: "/dev/zero"}]}},
            {name: "all", containerEdits: {deviceNodes: [{path: "/dev/zero"}]}}],
        containerEdits: {env: ["NVIDIA_VISIBLE_DEVICES=void"],
            deviceNodes: [{path: "/dev/full"}],
            hooks: [("create-symlinks --link libcuda.so.1::/usr/lib/libcuda.so", "enable-cuda-compat --host-driver-version 550.1",
                "update-ldcache --folder /usr/lib", "disable-device-node-modification") |
                {hookName: "createContainer", path: $hook, args: (["nvidia-cdi-hook"] + split(" ")), env: ["NVIDIA_CTK_DEBUG=false", "PATH=/usr/bin:/bin"]}]}}' \
        >/etc/cdi/nvidia.json
    for identity in rootful rootless; do
        image=$(import_image "$identity" busybox)
        for way in --cdi --no-cdi; do
            # shellcheck disable=SC2016,SC2154 # the container's variable; run's stderr
            run --separate-stderr as "$identity" "$NVBIND_BIN/nvbind" run --rm --network=none "$way" \
                --gpu nvidia-ctk.example/gpu=all "$image" sh -c 'cut -d" " -f1 /vendor/hooks; ls /dev/full; echo $NVIDIA_VISIBLE_DEVICES'
            echo "$identity $way $output $stderr"
            [ "$status" -eq 0 ]
            [ "$output" = "create-symlinks
enable-cuda-compat
update-ldcache
disable-device-node-modification
/dev/full
void" ]
        done
    done
}

# The user's own name of an NVIDIA device is the engine's while a specification gives it, and not
# once what that brings is gone, as after a driver upgrade: then this machine is looked at.
@test "a system's specification that is out of date is not left to the engine" {
    local image
    use_runtime runc
    echo library >"$tools/libcuda.so.1.2"
    jq -n --arg tools "$tools" '{cdiVersion: "0.5.0", kind: "nvidia.com/gpu",
        devices: [{name: "0", containerEdits: {deviceNodes: [{path: "/dev/zero"}]}}],
        containerEdits: {mounts: [{hostPath: ($tools + "/libcuda.so.1.2"),
            containerPath: "/usr/lib/libcuda.so.1.2", options: ["ro", "bind"]}]}}' >/etc/cdi/nvidia.json
    image=$(import_image rootful busybox)
    run -0 as_root "$NVBIND_BIN/nvbind" run --rm --network=none --device nvidia.com/gpu=0 "$image" \
        cat /usr/lib/libcuda.so.1.2
    [ "$output" = library ]
    rm "$tools/libcuda.so.1.2"
    run as_root "$NVBIND_BIN/nvbind" run --rm --network=none --device nvidia.com/gpu=0 "$image" true
    echo "$output"
    [ "$status" = 125 ]
    [[ $output != *unresolvable* && $output != *libcuda* && $output = *"nvbind: error: "* ]]
}
