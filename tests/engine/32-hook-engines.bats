# The hook in real containers: Podman, rootless and rootful, with runc and crun, by --hooks-dir and
# by CDI, with NVIDIA's own nvidia-smi inside, which exits 9 when it has found every library and only
# the kernel driver is missing.

# engines: host podman5 podman54

load ../lib/engine
load ../lib/hook

setup_file() {
    engine_setup_file
    need_part driver-550
    need_part debian-trixie
    export HOOK_TOOLS=${NVBIND_BUILD:?}/tests/hook
    [ -x "${NVBIND_BIN:?}/nvbind-hook" ]
}

readonly annotation=io.nvbind.test

# hooks_dir PATH [ARG...]: a folder with one hook, for containers with the annotation.
hooks_dir() {
    local dir path=$1
    shift
    dir=$(shared_folder)
    printf '%s\n' nvbind-hook create "$@" | jq -R . |
        jq -s --arg path "$path" '{version: "1.0.0", stages: ["createContainer"],
            when: {annotations: {"^io[.]nvbind[.]test$": "^1$"}},
            hook: {path: $path, args: ., env: ["LC_ALL=C"]}}' >"$dir/nvbind.json"
    chmod 0755 "$dir"
    chmod 0644 "$dir/nvbind.json"
    printf '%s\n' "$dir"
}

driver_mounts() {
    local name from
    from=$(part_path driver-550)
    for name in $(driver_files); do
        printf -- '-v\n%s\n' "$from$hook_folder/$name.$hook_version:$hook_folder/$name.$hook_version:ro"
    done
    printf -- '-v\n%s\n' "$from/usr/lib/nvidia/current/nvidia-smi:/usr/bin/nvidia-smi:ro" \
        "$HOOK_TOOLS/dlopen_all:/usr/bin/dlopen_all:ro"
}

# A root's nvidia-smi would make this node itself, and be refused by the device control group. An
# ordinary user's does not try.
control_node() {
    [ -e "$NVBIND_T_DIR/tmp/nvidiactl" ] || mknod -m 0666 "$NVBIND_T_DIR/tmp/nvidiactl" c 195 255
    printf '%s\n' "$NVBIND_T_DIR/tmp/nvidiactl"
}

# gpu_run IDENTITY RUNTIME [OPTION...] -- IMAGE COMMAND...
gpu_run() {
    local identity=$1 dir args mounts options=()
    use_runtime "$2"
    shift 2
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    mapfile -t args < <(driver_args)
    mapfile -t mounts < <(driver_mounts)
    dir=$(hooks_dir "${HOOK:-$NVBIND_BIN/nvbind-hook}" "${args[@]}")
    run as "$identity" podman --hooks-dir "$dir" run --rm --network=none \
        --annotation "$annotation=1" "${mounts[@]}" "${options[@]}" "$@"
    echo "$output"
}

works() {
    local identity=$1 runtime=$2 image
    shift 2
    need_identity "$identity"
    image=$(import_image "$identity" debian-trixie)
    [ "$identity" = rootless ] || set -- "$@" --device "$(control_node):/dev/nvidiactl"
    gpu_run "$identity" "$runtime" "$@" -- "$image" nvidia-smi
    [ "$status" -eq 9 ]
    gpu_run "$identity" "$runtime" "$@" -- "$image" \
        dlopen_all libcuda.so.1 libnvidia-ml.so.1 libcuda.so libc.so.6
    [ "$status" -eq 0 ]
    gpu_run "$identity" "$runtime" "$@" -- "$image" ldconfig -p
    [[ $output = *"libcuda.so.1 (libc6,x86-64) => $hook_folder/libcuda.so.1"* ]]
    [[ $output = *'libc.so.6 (libc6,x86-64) => '* ]]
    [[ $output != *nvbind-hook* ]]
}

@test "rootless, runc" { works rootless runc; }
@test "rootless, crun" { works rootless crun; }
@test "rootful, runc" { works rootful runc; }
@test "rootful, crun" { works rootful crun; }

# The incumbent's hook fails here: crun makes the root read-only before hooks run.
@test "rootless, runc, --read-only" { works rootless runc --read-only; }
@test "rootless, crun, --read-only" { works rootless crun --read-only; }
@test "rootful, runc, --read-only" { works rootful runc --read-only; }
@test "rootful, crun, --read-only" { works rootful crun --read-only; }

@test "a read-only root is as read-only for the container as it was" {
    local identity runtime image
    for identity in rootless rootful; do
        [ "$identity" = rootless ] || [ "$NVBIND_T_MODE" = root ] || continue
        image=$(import_image "$identity" debian-trixie)
        for runtime in runc crun; do
            gpu_run "$identity" "$runtime" --read-only -- "$image" \
                sh -c 'touch /etc/x || mount -o remount,rw / ; echo "tried"; grep " / / " /proc/self/mountinfo'
            [[ $output = *'Read-only file system'* ]]
            [[ $output = *tried* ]]
            [[ $output =~ ' / / ro' ]]
        done
    done
}

@test "a container without the annotation gets nothing" {
    image=$(import_image rootless debian-trixie)
    use_runtime runc
    dir=$(hooks_dir "$NVBIND_BIN/nvbind-hook" --library=x86_64::/opt/x/libcuda.so.5::libcuda.so.1)
    run as rootless podman --hooks-dir "$dir" run --rm --network=none "$image" ldconfig -p
    [ "$status" -eq 0 ]
    [[ $output != *libcuda* ]]
}

@test "start, stop and start again: the same, and nothing is left behind" {
    local runtime
    use_runtime runc
    image=$(import_image rootless debian-trixie)
    for runtime in runc crun; do
        use_runtime "$runtime"
        mapfile -t args < <(driver_args)
        mapfile -t mounts < <(driver_mounts)
        dir=$(hooks_dir "$NVBIND_BIN/nvbind-hook" "${args[@]}")
        name=nvbind-again-$runtime
        as rootless podman rm -f "$name" >/dev/null 2>&1 || true
        as rootless podman --hooks-dir "$dir" create -q --name "$name" --network=none \
            --annotation "$annotation=1" "${mounts[@]}" "$image" \
            sh -c 'ldconfig -p | sha256sum; find / -xdev -name ".nvbind*" -o -xdev -name "*~"; sha256sum </etc/ld.so.cache'
        run as rootless podman --hooks-dir "$dir" start -a "$name"
        echo "$output"
        [ "$status" -eq 0 ]
        first=$output
        [ "${#lines[@]}" -eq 2 ]
        run as rootless podman --hooks-dir "$dir" start -a "$name"
        echo "$output"
        as rootless podman rm -f "$name" >/dev/null
        [ "$output" = "$first" ]
    done
}

# The hook's own view: what it finds in its environment is what its file says and nothing else.
@test "under runc the image's LD_PRELOAD does not reach the hook" {
    image=$(import_image rootless debian-trixie)
    dir=$(shared_folder)
    cat >"$dir/look" <<SCRIPT
#!/bin/sh
cat /proc/self/environ >'$dir/environ'
exec '$NVBIND_BIN/nvbind-hook' "\$@"
SCRIPT
    sed -i '1s,sh,busybox sh,' "$dir/look"
    chmod 0755 "$dir/look"
    : >"$dir/environ"
    chmod 0666 "$dir/environ"
    HOOK=$dir/look gpu_run rootless runc -e LD_PRELOAD=/evil.so -e GLIBC_TUNABLES=x -- "$image" true
    run tr '\0' '\n' <"$dir/environ"
    echo "$output"
    [[ $output = *LC_ALL=C* ]]
    [[ $output != *evil* ]]
    [[ $output != *GLIBC_TUNABLES* ]]
}

# A library that leaves a mark where it is loaded.
@test "CVE-2025-23266: an image's LD_PRELOAD runs in a careless hook, never in ours" {
    command -v gcc >/dev/null || skip "there is no compiler"
    local dir tree image hook
    dir=$(shared_folder)
    tree=$dir/image
    mkdir -p "$tree"
    cat >"$dir/evil.c" <<SOURCE
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void mark(void) { close(creat("$dir/marked", 0666)); }
SOURCE
    tar -xf "$(part_path busybox)" -C "$tree"
    gcc -shared -fPIC -o "$tree/evil.so" "$dir/evil.c"
    chmod -R a+rX "$tree"
    tar -C "$tree" -cf "$dir/evil.tar" .
    # As in the wild: relative, because runc starts hooks in the container's root.
    as rootless podman import -q --change 'ENV LD_PRELOAD=./evil.so' - localhost/nvbind-test/evil \
        <"$dir/evil.tar" >/dev/null
    use_runtime runc
    mkdir "$dir/hooks"
    for hook in "$NVBIND_BIN/nvbind-hook" "$HOOK_TOOLS/naive_hook"; do
        rm -f "$dir/marked"
        # No environment at all, which is what let the image's through.
        jq -n --arg path "$hook" '{version: "1.0.0", stages: ["createContainer"],
            when: {always: true}, hook: {path: $path, args: ["hook", "create",
            "--library=x86_64::/usr/lib/libcuda.so.5::libcuda.so.1"]}}' >"$dir/hooks/h.json"
        chmod -R a+rX "$dir/hooks"
        run as rootless podman --hooks-dir "$dir/hooks" run --rm --network=none \
            localhost/nvbind-test/evil /bin/busybox true
        echo "$hook: $output"
        if [ "$hook" = "$NVBIND_BIN/nvbind-hook" ]; then
            [ "$status" -eq 0 ]
            [ ! -e "$dir/marked" ]
        else
            [ -e "$dir/marked" ]
        fi
    done
}

@test "a host folder as a volume, and an image whose /etc points into it: the host's file stays" {
    local dir tree runtime identity
    for identity in rootless rootful; do
        [ "$identity" = rootless ] || [ "$NVBIND_T_MODE" = root ] || continue
        dir=$(shared_folder)
        tree=$dir/image
        mkdir -p "$tree" "$dir/vol/etc"
        tar -xf "$(part_path busybox)" -C "$tree"
        rm -rf "$tree/etc"
        ln -s /vol/etc "$tree/etc"
        # The engine itself looks for /etc before the volume is there.
        mkdir -p "$tree/vol/etc" "$tree/lib64"
        cp "$(part_path driver-550)/etc/ld.so.cache" "$dir/vol/etc/ld.so.cache"
        chmod -R a+rwX "$dir/vol"
        before=$(sha256sum <"$dir/vol/etc/ld.so.cache")
        tar -C "$tree" -cf "$dir/points.tar" .
        as "$identity" podman import -q - localhost/nvbind-test/points <"$dir/points.tar" >/dev/null
        for runtime in runc crun; do
            gpu_run "$identity" "$runtime" -v "$dir/vol:/vol" -- localhost/nvbind-test/points \
                /bin/busybox true
            [ "$status" -eq 0 ]
            [ "$(sha256sum <"$dir/vol/etc/ld.so.cache")" = "$before" ]
            [ -z "$(find "$dir/vol" -name '*nvbind*')" ]
        done
    done
}

@test "a hook that cannot know what to do stops the start, and says why" {
    local runtime
    image=$(import_image rootless debian-trixie)
    dir=$(hooks_dir "$NVBIND_BIN/nvbind-hook" --from-another-version)
    for runtime in crun runc; do
        use_runtime "$runtime"
        run as rootless podman --hooks-dir "$dir" run --rm --network=none \
            --annotation "$annotation=1" "$image" true
        echo "$output"
        [ "$status" -eq 126 ]
    done
    # crun keeps what a hook says to itself.
    [[ $output = *'--from-another-version'* ]]
}

@test "a user namespace of its own: --userns=auto and nomap reach an installed hook" {
    need_rootful
    image=$(import_image rootful debian-trixie)
    # Newer engines ask for the user as well.
    id containers >/dev/null 2>&1 || useradd -r -M containers
    echo 'containers:200000000:1000000' >>/etc/subuid
    echo 'containers:200000000:1000000' >>/etc/subgid
    # Where crun starts no hook, what `nvbind run` does instead is in 42-run-hook-direct.bats.
    if crun_starts_hooks; then
        gpu_run rootful crun --userns=auto -- "$image" nvidia-smi
        [ "$status" -eq 9 ]
    fi
    gpu_run rootful runc --userns=auto -- "$image" nvidia-smi
    [ "$status" -eq 9 ]
    image=$(import_image rootless debian-trixie)
    if crun_starts_hooks; then
        gpu_run rootless crun --userns=nomap -- "$image" nvidia-smi
        [ "$status" -eq 9 ]
    fi
    gpu_run rootless runc --userns=nomap -- "$image" nvidia-smi
    [ "$status" -eq 9 ]
}
