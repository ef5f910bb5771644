# engines: host podman5
#
# nvbind selftest: a container without an image. Everything in it comes from this machine, so what it
# finds of the driver can only have been given to it.

load ../lib/engine

bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    simulate_host --gpus 2
}

selftest() {
    local identity=$1
    shift
    as "$identity" "$NVBIND_BIN/nvbind" --host-root "${tree:-$HOST}" selftest "$@"
}

proves() {
    need_identity "$1"
    use_runtime "$2"
    run selftest "$1"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = *'simulated host: no GPU stands behind it'* ]]
    grep -qE '^ok +nodes +/dev/nvidia1 ' <<<"$output"
    grep -qE '^ok +libraries +libcuda.so.1 ' <<<"$output"
    grep -qE '^skip +driver +NVML +init 9 ' <<<"$output"
    grep -qE '^skip +driver +CUDA +init 100 ' <<<"$output"
    grep -qE '^selftest: ok: 2 GPUs, ' <<<"${lines[-1]}"
}

@test "selftest: rootless, runc" { proves rootless runc; }
@test "selftest: rootless, crun" { proves rootless crun; }
@test "selftest: rootful, runc" { proves rootful runc; }
@test "selftest: rootful, crun" { proves rootful crun; }

@test "nothing stays behind, neither folder nor container" {
    local cache before
    use_runtime runc
    before=$(as rootless podman ps -aq)
    run selftest rootless --gpu 1 --json
    echo "$output"
    [ "$status" -eq 0 ]
    # shellcheck disable=SC2016 # the user's own HOME
    cache=$(as rootless sh -c 'ls -a "$HOME/.cache/nvbind"')
    [[ $cache != *selftest* ]]
    [ "$(as rootless podman ps -aq)" = "$before" ]
}

@test "--json says the same, with one GPU asked for" {
    use_runtime runc
    run --separate-stderr selftest rootless --gpu 1 --json
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(jq -r '.verdict, .simulated, .gpus' <<<"$output" | paste -sd' ')" = 'ok true 1' ]
    [ "$(jq -r '[.rows[] | select(.group == "nodes") | .name] | index("/dev/nvidia0")' \
        <<<"$output")" = null ]
    [ "$(jq -r '.rows[] | select(.name == "/dev/nvidia1").verdict' <<<"$output")" = ok ]
    [ "$(jq '.engine_microseconds > 1000 and .nvbind_microseconds > 0' <<<"$output")" = true ]
}

@test "a library that cannot be loaded is the one row that fails" {
    local tree
    use_runtime runc
    tree=$(shared_folder)/host
    cp -a "$HOST" "$tree"
    truncate -s 200 "$tree"/usr/lib/x86_64-linux-gnu/libnvidia-ptxjitcompiler.so.550.163.01
    run selftest rootless
    echo "$output"
    [ "$status" -eq 1 ]
    grep -qE '^fail +libraries +libnvidia-ptxjitcompiler.so' <<<"$output"
    [[ ${lines[-1]} = 'selftest: failed: '* ]]
    grep -qE '^ok +libraries +libcuda.so.1 ' <<<"$output"
}

@test "what the configuration adds for a terminal does not get in the way" {
    local conf
    use_runtime runc
    conf=$(shared_folder)/config.toml
    printf '[runtime]\ndefault_args = ["-it", "--hostname", "lab"]\n' >"$conf"
    chmod 644 "$conf"
    run as rootless "$NVBIND_BIN/nvbind" --config "$conf" --host-root "$HOST" selftest
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "Debian's real driver: every library loads, and nodes without a kernel driver fail" {
    local tree
    need_part driver-550-full
    use_runtime runc
    tree=$(part_path driver-550-full)
    [ -c "$tree/dev/nvidia0" ] || skip "the tree has no real device nodes: it was made without root"
    run selftest rootful --capabilities compute,utility
    echo "$output"
    [ "$status" -eq 1 ]
    [ "$(grep -cE '^fail +libraries' <<<"$output")" -eq 0 ]
    grep -qE '^ok +libraries +libcuda.so.1 ' <<<"$output"
    grep -qE '^ok +libraries +libnvidia-ml.so.1 ' <<<"$output"
    grep -qE '^fail +nodes +/dev/nvidia0 ' <<<"$output"
}

@test "a wrong call and an engine that cannot start end as run's do" {
    run selftest rootless debian:trixie
    [ "$status" -eq 2 ]
    [[ $output = *"selftest takes no 'debian:trixie'"*'nvbind run IMAGE COMMAND'* ]]
    run selftest rootless --gpu 7
    [ "$status" -eq 125 ]
    NVBIND_T_RUNTIME=runc run as rootless env PATH=/nonexistent "$NVBIND_BIN/nvbind" \
        --host-root "$HOST" selftest
    [ "$status" -eq 125 ]
}
