# engines: host podman54 docker20 docker26
# more engines: podman5 podman6 docker28
#
# The same plan is the same container, whatever engine makes it and however it gets its GPUs: CDI with
# the hook, direct with the hook, direct without. Each test is a plan; tests/data/plans/NAME.txt is
# what its container sees, on every engine. After a change that is meant, look at the difference and
# take over what NVBIND_TEST_SEEN=FOLDER (inside the test cache) then holds.

load ../lib/engine
load ../lib/docker
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    need_rootful
    need_part driver-550-full
    need_part debian-trixie
    TREE=$(part_path driver-550-full)
    export TREE HOOK_TOOLS=${NVBIND_BUILD:?}/tests/hook
    if command -v dockerd >/dev/null; then
        # 28 has CDI by itself, 20 cannot have it.
        export ENGINE=docker IDENTITIES=rootful
        docker_start '"features": {"cdi": true}'
        docker_image debian-trixie localhost/nvbind-test/debian-trixie
    else
        export ENGINE=podman IDENTITIES=rootless
        import_image rootless debian-trixie
        import_image rootful debian-trixie
    fi
    VOLUME=$(shared_folder)
    echo "from the host" >"$VOLUME/file"
    export VOLUME
}

teardown_file() {
    [ "${ENGINE:-}" != docker ] || docker_stop
}

readonly image=localhost/nvbind-test/debian-trixie

# What a program would notice. Libraries are asked for as programs ask: by name, of the loader. A node
# is opened: without a driver behind it the kernel has no such device, a forbidden one says otherwise.
# shellcheck disable=SC2016 # for the shell inside
readonly look='
for node in /dev/nvidia* /dev/nvidia-caps/* /dev/dri/*; do
    [ -e "$node" ] && [ ! -d "$node" ] || continue
    message=$({ : <"$node"; } 2>&1)
    case $message in
        *"No such device"* | "") message=opens ;;
    esac
    echo "node $node ${message##*: }"
done
for name in libcuda.so.1 libcuda.so libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1 libnvcuvid.so.1 \
    libnvidia-encode.so.1 libnvidia-opencl.so.1 libnvidia-nvvm.so.4 libnvoptix.so.1 \
    libnvidia-cfg.so.1 libnvidia-ngx.so.1 libnvidia-allocator.so.1 libnvidia-fbc.so.1 \
    libnvidia-opticalflow.so.1 libnvidia-eglcore.so.550.163.01 libnvidia-rtcore.so.550.163.01; do
    ! /dlopen_all $name >/dev/null || echo "library $name"
done
for file in /usr/bin/nvidia-* /etc/OpenCL/vendors/* /usr/share/vulkan/icd.d/nvidia* \
    /usr/share/glvnd/egl_vendor.d/*nvidia*; do
    [ -e "$file" ] || continue
    # Root of a container may try.
    { : >>"$file"; } 2>/dev/null && echo "file $file, and it can be written" || echo "file $file"
done
env | grep -E "^(NVIDIA|CUDA|TEST)_" | sort
'

engine_as() {
    local identity=$1
    shift
    as "$identity" env ${DOCKER_HOST:+"DOCKER_HOST=$DOCKER_HOST"} "$ENGINE" "$@"
}

# sees PLAN WORDS...: the containers of every identity, compared with what is expected. The script
# $more, where it is set, has the last word.
sees() {
    local plan=$1 identity runtime seen
    shift
    for identity in $IDENTITIES; do
        runtime=crun
        [ "$ENGINE" = podman ] || runtime=runc
        use_runtime "$runtime"
        seen=$(as "$identity" env ${DOCKER_HOST:+"DOCKER_HOST=$DOCKER_HOST"} \
            "$NVBIND_BIN/nvbind" --host-root "$TREE" run --runtime "$ENGINE" \
            --network=none -v "$HOOK_TOOLS/dlopen_all:/dlopen_all:ro" "$@" "$image" \
            bash -c "$look${more:-}" 2>"$BATS_TEST_TMPDIR/err") || {
            cat "$BATS_TEST_TMPDIR/err"
            return 1
        }
        if [ -n "${NVBIND_TEST_SEEN:-}" ]; then
            mkdir -p "$NVBIND_TEST_SEEN"
            printf '%s\n' "$seen" >"$NVBIND_TEST_SEEN/$plan.txt"
        fi
        diff "$BATS_TEST_DIRNAME/../data/plans/$plan.txt" <(printf '%s\n' "$seen") || {
            echo "$ENGINE, $identity: $plan"
            cat "$BATS_TEST_TMPDIR/err"
            return 1
        }
    done
}

# Where the engine has both; what follows does not ask who the caller is.
every_identity() {
    [ "$ENGINE" = docker ] || IDENTITIES='rootless rootful'
}

@test "nothing is said: every GPU, compute and utility" {
    every_identity
    sees all --rm
}

@test "--gpu all" { sees all --rm --gpu all; }

@test "a container that stays, and starts again without nvbind" {
    local identity identities
    every_identity
    identities=$IDENTITIES
    for identity in $identities; do
        IDENTITIES=$identity
        engine_as "$identity" rm -f nvbind-plan >/dev/null 2>&1 || true
        sees all --name nvbind-plan --gpu all
        engine_as "$identity" start -a nvbind-plan >"$BATS_TEST_TMPDIR/again"
        engine_as "$identity" rm -f nvbind-plan >/dev/null
        diff "$BATS_TEST_DIRNAME/../data/plans/all.txt" "$BATS_TEST_TMPDIR/again"
    done
}

@test "--runtime nvidia" { sees all --rm --runtime nvidia --runtime "$ENGINE"; }

@test "one GPU, in every spelling" {
    sees one --rm --gpu 1
    sees one --rm --gpus device=1
    sees one --rm --device nvidia.com/gpu=1
    sees one --rm -e NVIDIA_VISIBLE_DEVICES=1
    sees one --rm --no-cdi --gpu gpu1
}

@test "isolation" { sees isolate --rm --gpu 0 --isolate; }
@test "capabilities: utility" { sees utility --rm --gpu 0 --capabilities utility; }

@test "capabilities: all" {
    every_identity
    sees full --rm --gpu all --capabilities all
}

@test "no GPU" {
    more='[ -n "${NVIDIA_VISIBLE_DEVICES:-}" ] || echo NVIDIA_VISIBLE_DEVICES=void'
    sees none --rm --gpu none
}

@test "what both engines have: volumes, folder, user, variables, a read-only root" {
    more='pwd; id -u; cat /data/file; hostname; stat -f -c %b /dev/shm; cat /scratch/x 2>&1
        touch /etc/x 2>&1; touch /data/x 2>&1; touch /scratch/x && echo scratch; sed -n "s/^NoNewPrivs:.//p" /proc/self/status'
    sees options --rm --gpu 0 -v "$VOLUME:/data:ro" -w /data -u 12:34 -e TEST_A=1 --env=TEST_B='b c' \
        --hostname box --shm-size 32m --tmpfs /scratch:rw,mode=1777 --read-only \
        --security-opt no-new-privileges
}

@test "text that a shell, a unit or a printf would change arrives unchanged" {
    local odd=$'line one\nline "two" \'three\' $HOME $(id) `id` %s %n \\ -- --gpu 9 ü\t;|&'
    local folder="$VOLUME/-- a b\$c%s'\"d"
    mkdir -p "$folder"
    chmod 1777 "$folder"
    echo odd >"$folder/file"
    more='printf "%s|%s|%s\n" "$TEST_ODD" "$TEST_DASH" "$(cat "/odd \$x/file")"; printf "<%s>" "$@"'
    more="set -- ${odd@Q} --gpu=9 '' -v; $more"
    sees hostile --rm --gpu 0 -e TEST_ODD="$odd" -e TEST_DASH=--rm --label "odd=$odd" \
        -v "$folder:/odd \$x" --mount "type=bind,src=$VOLUME,dst=/a -- b"
    engine_as rootful rm -f odd >/dev/null 2>&1 || true
    run as rootful env ${DOCKER_HOST:+"DOCKER_HOST=$DOCKER_HOST"} "$NVBIND_BIN/nvbind" \
        --host-root "$TREE" create --runtime "$ENGINE" --name odd --label "odd=$odd" \
        --network=none --gpu 0 "$image" "$odd" --rm
    [ "$status" -eq 0 ]
    run engine_as rootful inspect --format '{{index .Config.Labels "odd"}}' odd
    echo "$output"
    [ "${lines[*]: -2}" = "${odd/$'\n'/ }" ]
    run engine_as rootful inspect --format '{{range .Config.Cmd}}<{{.}}>{{end}}' odd
    engine_as rootful rm -f odd >/dev/null
    echo "$output"
    [[ $output = *"<$odd><--rm>" ]]
}
