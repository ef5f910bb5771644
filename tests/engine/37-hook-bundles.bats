# The hook in OCI bundles made by hand, with no engine between: crun and runc by themselves, as root
# and as an ordinary user, from the specification that nvbind writes.

# engines: host podman54

load ../lib/engine
load ../lib/hook

setup_file() {
    engine_setup_file
    need_rootful
    need_part driver-550-full
    need_part debian-trixie
    export HOOK_TOOLS=${NVBIND_BUILD:?}/tests/hook
    "$NVBIND_BIN/nvbind" simulate "$NVBIND_T_DIR/tmp/host" --gpus 1 >&2
    SPEC=$NVBIND_T_DIR/tmp/spec.json
    "$NVBIND_BIN/nvbind" --host-root "$NVBIND_T_DIR/tmp/host" --driver-root \
        "$(part_path driver-550-full)" cdi generate --format json --output "$SPEC"
    TREE=$(part_path driver-550-full)
    export SPEC TREE
}

id_of() { [ "$1" = rootless ] && echo "$NVBIND_T_UID" || echo 0; }

# bundle IDENTITY RUNTIME: makes one with a root of its own, and prints where.
bundle() {
    local identity=$1 runtime=$2 dir nodes rootless=()
    dir=$(shared_folder)/bundle
    mkdir "$dir" "$dir/rootfs"
    tar -xf "$(part_path debian-trixie)" -C "$dir/rootfs" --exclude='./dev/*'
    [ "$identity" = rootful ] || {
        rootless=(--rootless)
        chown -R "$NVBIND_T_UID:$NVBIND_T_UID" "$dir"
    }
    (cd "$dir" && "$runtime" spec "${rootless[@]}")
    # Files from the specification; nodes from the driver's tree, bound, as no user makes any. "spec"
    # was called by root, whose number it wrote down as the caller's.
    nodes=$([ ! -c "$TREE/dev/nvidiactl" ] || printf '%s\n' "$TREE"/dev/nvidia{ctl,0} | jq -R . | jq -s .)
    jq --slurpfile spec "$SPEC" --argjson nodes "${nodes:-[]}" --argjson uid "$(id_of "$identity")" \
        --arg dlopen "$HOOK_TOOLS/dlopen_all" '
        .process.terminal = false | del(.process.rlimits) | .root.readonly = false |
        .linux.resources = {devices: [{allow: true, access: "rwm"}]} | del(.linux.cgroupsPath) |
        .hooks.createContainer = [$spec[0].containerEdits.hooks[] | {path, args, env}] |
        (.linux.uidMappings, .linux.gidMappings | arrays)[0].hostID = $uid |
        .mounts += [$nodes[] | {destination: ("/dev/" + (split("/") | last)), source: .,
            type: "bind", options: ["bind", "rw"]}] |
        .mounts += [($spec[0].containerEdits.mounts[] |
            select(.containerPath | startswith("/dev/") | not)), {containerPath: "/usr/bin/dlopen_all",
            hostPath: $dlopen, options: ["ro"]} | {destination: .containerPath, source: .hostPath,
            type: "bind", options: (.options + ["bind"] | unique)}]' "$dir/config.json" >"$dir/new.json"
    mv "$dir/new.json" "$dir/config.json"
    chmod a+r "$dir/config.json"
    printf '%s\n' "$dir"
}

# in_bundle IDENTITY RUNTIME DIR COMMAND...
in_bundle() {
    local identity=$1 runtime=$2 dir=$3 flags=()
    shift 3
    jq --argjson words "$(printf '%s\n' "$@" | jq -R . | jq -s .)" '.process.args = $words' \
        "$dir/config.json" >"$dir/new.json"
    cat "$dir/new.json" >"$dir/config.json"
    [ "$runtime" != crun ] || flags=(--cgroup-manager=disabled)
    use_runtime "$runtime"
    mkdir -p "$dir/../state" && chmod 0777 "$dir/../state"
    # shellcheck disable=SC2016 # the inner shell's
    run as "$identity" bash -c 'set -o pipefail; : | "$@" 2>&1 | cat' bash "$runtime" \
        --root "$dir/../state" "${flags[@]}" run -b "$dir" "nvbind-$runtime-$RANDOM"
    echo "$output"
}

works() {
    local identity=$1 runtime=$2 dir first
    need_runtime "$runtime"
    dir=$(bundle "$identity" "$runtime")
    in_bundle "$identity" "$runtime" "$dir" nvidia-smi
    [ "$status" -eq "$(smi_status "$TREE")" ] # its library is loaded; without it: 12
    in_bundle "$identity" "$runtime" "$dir" dlopen_all libcuda.so.1 libnvidia-ml.so.1 libcuda.so \
        libnvidia-ptxjitcompiler.so.1 libc.so.6
    [ "$status" -eq 0 ]
    in_bundle "$identity" "$runtime" "$dir" ldconfig -p
    [[ $output = *'libcuda.so.1 (libc6,x86-64) => '* ]]

    # The same root a third and a fourth time: nothing changes any more, and nothing is left.
    first=$(cd "$dir/rootfs" && find . -xdev -printf '%p %y %m %s %l %T@\n' | LC_ALL=C sort)
    in_bundle "$identity" "$runtime" "$dir" true
    [ "$status" -eq 0 ]
    diff <(printf '%s\n' "$first") \
        <(cd "$dir/rootfs" && find . -xdev -printf '%p %y %m %s %l %T@\n' | LC_ALL=C sort)
    run ! grep -F .nvbind-hook <<<"$first"
}

bats_require_minimum_version 1.5.0

@test "a bundle: root, runc" { works rootful runc; }
@test "a bundle: root, crun" { works rootful crun; }
@test "a bundle: an ordinary user, runc" { works rootless runc; }
@test "a bundle: an ordinary user, crun" { works rootless crun; }
