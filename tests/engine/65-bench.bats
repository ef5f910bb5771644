# engines: host podman54
#
# nvbind bench with a real Podman: its form, its honesty, and that nothing stays behind. How fast
# anything is decides no test.

load ../lib/engine

bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    simulate_host --gpus 1
}

bench() {
    local identity=$1
    shift
    as "$identity" "$NVBIND_BIN/nvbind" --host-root "$HOST" bench "$@"
}

row() {
    jq -e --arg key "$1" ".rows[] | select(.key == \$key) | $2" <<<"$output" >/dev/null
}

# What lies between rows must be what their figures say, whatever they are.
is_sane() {
    row start.podman '.measured and .runs == 2 and .median > 1000'
    row start.nvbind-podman '.measured and .more.runs == 2 and (.more.median < .median)'
    row memory.podman '.measured and .median > 1024'
    row passthrough.before '.measured and .median > 50'
    jq -e '(.rows[] | select(.key == "start.nvbind-podman").more.median) ==
        (.rows[] | select(.key == "passthrough.podman").median)' <<<"$output" >/dev/null
    jq -e '(.rows[] | select(.key == "passthrough.before").median) <
        (.rows[] | select(.key == "start.nvbind-podman").median)' <<<"$output" >/dev/null
    jq -e '.about | any(test("nvbind run became /usr/bin/podman"))' <<<"$output" >/dev/null
    jq -e '.simulated' <<<"$output" >/dev/null
}

measures() {
    local identity=$1 before
    need_identity "$identity"
    use_runtime "$2"
    before=$(as "$identity" podman images -q | sort)
    run --separate-stderr bench "$identity" start memory passthrough rootless --runtime podman \
        --runs 2 --json
    # shellcheck disable=SC2154 # bats sets it
    printf '%s\n' "$output" "$stderr"
    [ "$status" -eq 0 ]
    is_sane
    row rootless.nvbind '.measured or (.why_not | test("root|sudo"))'
    [ "$(as "$identity" podman images -q | sort)" = "$before" ]
    [ -z "$(as "$identity" podman ps -aq)" ]
    # shellcheck disable=SC2016 # the identity's own HOME
    [[ $(as "$identity" sh -c 'ls -a "$HOME/.cache/nvbind"') != *selftest* ]]
}

@test "bench: rootless, crun" { measures rootless crun; }
@test "bench: rootful, crun" { measures rootful crun; }

@test "the hook's two forms are really two, or it says that they are not" {
    use_runtime crun
    run --separate-stderr bench rootless hook --runs 1 --json
    echo "$output"
    row hook.without '.measured'
    row hook.with '.measured or (.why_not | test("does without the hook"))'
}

@test "an image of one's own, which is not pulled where it is not there" {
    local image
    use_runtime crun
    image=$(import_image rootless busybox)
    run --separate-stderr bench rootless start --runtime podman --image "$image" --runs 1 --json
    echo "$output"
    row start.nvbind-podman '.measured'
    run --separate-stderr bench rootless start --runtime podman --image localhost/none:1 --runs 1 \
        --json
    [ "$status" -eq 1 ]
    row start.podman '.measured == false and (.why_not | test("localhost/none:1"))'
    as rootless podman image exists "$image"
}

@test "a GPU that is not there: the bare engine has its figure, nvbind its reason" {
    use_runtime crun
    run --separate-stderr bench rootless start --runtime podman --gpu 7 --runs 1 --json
    echo "$output"
    row start.podman '.measured'
    row start.nvbind-podman '.measured == false and (.why_not | test("7"))'
}
