# Profiles on the command line: whose word wins, what is refused, and what "nvbind profile" shows.

load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    fake_engine podman 5.4.2
    profiles=$HOME/.config/nvbind/profiles
    mkdir -p "$profiles"
    unset DISPLAY WAYLAND_DISPLAY CUDA_MPS_PIPE_DIRECTORY HF_TOKEN JUPYTER_TOKEN
}

# The engine's line without what the GPUs need.
line() {
    sim run --dry-run --rm --gpu none "$@" img 2>err
}

# capabilities WORDS...: those of the plan.
capabilities() {
    sim run --rm --dry-run=json "$@" img 2>/dev/null | jq -r .gpus.capabilities
}

config() {
    cat >"$HOME/.config/nvbind/config.toml"
}

holds() {
    [[ $1 == *"$2"* ]] || { printf 'no %s in: %s\n' "$2" "$1"; return 1; }
}

lacks() {
    [[ $1 != *"$2"* ]] || { printf '%s in: %s\n' "$2" "$1"; return 1; }
}

@test "a profile's capabilities: below the user's own words, above the configuration" {
    [ "$(capabilities --profile compute)" = compute,utility ]
    [ "$(capabilities --profile video)" = compute,utility,video ]
    [ "$(capabilities --profile video --capabilities utility)" = utility ]
    [ "$(capabilities --profile video -e NVIDIA_DRIVER_CAPABILITIES=compute)" = compute ]
    [ "$(capabilities --profile video --profile compute)" = compute,utility ]
    [ "$(capabilities --profile compute,video)" = compute,utility,video ]
    config <<<'[gpu]
capabilities = ["ngx"]'
    [ "$(capabilities)" = ngx ]
    [ "$(capabilities --profile compute)" = compute,utility ]
    config <<<'[runtime.environment]
NVIDIA_DRIVER_CAPABILITIES = "all"'
    [ "$(capabilities --profile compute)" = compute,utility ]
}

@test "the configuration names profiles: then its other keys win, and --profile replaces them" {
    config <<<'[runtime]
profiles = ["ai-ml"]
default_args = ["--shm-size", "3g"]
[runtime.environment]
CUDA_CACHE_PATH = "/mine"
[gpu]
capabilities = ["ngx"]'
    run line
    holds "$output" '--shm-size 3g'
    holds "$output" 'CUDA_CACHE_PATH=/mine'
    lacks "$output" 'CUDA_CACHE_PATH=/var'
    holds "$output" nvbind-cuda-cache:/var/cache/nvbind/cuda
    [ "$(grep -o shm-size <<<"$output" | wc -l)" -eq 1 ]
    [ "$(capabilities)" = ngx ]
    run line --profile compute
    lacks "$output" nvbind-cuda-cache
    run line --profile ai-ml
    lacks "$output" '--shm-size 3g'
    lacks "$output" 'CUDA_CACHE_PATH=/mine'
}

# as_user WORD...: nvbind as an unprivileged user where the tester is root, who has no ./nvbind.toml.
as_user() {
    if [ "$(id -u)" != 0 ]; then
        nvbind "$@"
        return
    fi
    chown -R 65534:65534 "$HOME"
    cp "$NVBIND_BIN/nvbind" "$HOME/nvbind-binary"
    # The folders above belong to root and let nobody but root in.
    unshare --mount sh -c 'mount --bind "$HOME" /mnt && cd /mnt/project && HOME=/mnt exec setpriv \
        --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all /mnt/nvbind-binary "$@"' sh "$@"
}

@test "an untrusted ./nvbind.toml names the profile compute and no other" {
    mkdir "$HOME/project"
    cd "$HOME/project"
    echo 'runtime.profiles = ["compute"]' >nvbind.toml
    run as_user config show
    [ "$status" -eq 0 ]
    holds "$output" 'profiles = ["compute"]'
    echo 'description = "x"' >"$profiles/mine.toml"
    echo 'runtime.profiles = ["mine"]' >nvbind.toml
    run as_user config show
    [ "$status" -eq 2 ]
    holds "$output" "nvbind.toml:1:21: "
    echo 'runtime.profiles = ["gaming"]' >nvbind.toml
    run as_user config show
    [ "$status" -eq 2 ]
    holds "$output" "nvbind.toml:1:21: "
    holds "$output" "'gaming' is no built-in profile of capabilities alone, which needs trust"
}

@test "what the user writes replaces what the profile would bring" {
    cat >"$profiles/p.toml" <<'PROFILE'
ipc = "private"
shm_size = "1g"
devices = ["/dev/null", "/dev/zero:/dev/here"]
mounts = ["v:/v", "/etc:/x:ro", "/usr:/y"]
arguments = ["--publish=127.0.0.1:80:80", "--network=bridge", "--cap-add=NET_RAW"]
[ulimits]
core = "0"
[environment]
A = "1"
B = "2"
PROFILE
    run line --profile p
    [ "$output" = "$BATS_TEST_TMPDIR/bin/podman run --device /dev/null --device /dev/zero:/dev/here --volume v:/v --volume /etc:/x:ro --volume /usr:/y --publish=127.0.0.1:80:80 --network=bridge --cap-add=NET_RAW --env A=1 --env B=2 --ipc private --shm-size 1073741824 --ulimit core=0:0 --rm img" ]
    run line --profile p --shm-size=2g -v /opt:/x -v other:/v/ --mount type=tmpfs,dst=/y -e A=9 \
        --env B --device /dev/null --device /dev/full:/dev/here -p 81:80/tcp --net host \
        --ulimit core=5 --cap-add NET_RAW --ipc=shareable
    [ "$output" = "$BATS_TEST_TMPDIR/bin/podman run --rm --shm-size=2g -v /opt:/x -v other:/v/ --mount type=tmpfs,dst=/y -e A=9 --env B --device /dev/null --device /dev/full:/dev/here -p 81:80/tcp --net host --ulimit core=5 --cap-add NET_RAW --ipc=shareable img" ] ||
        { echo "$output"; false; }
    run line --profile p --ipc host --network none
    lacks "$output" shm-size
    lacks "$output" publish
}

@test "of one destination the last entry counts, of one profile and of several" {
    echo 'mounts = ["a:/x", "b:/x", "c:/y"]' >"$profiles/one.toml"
    echo 'mounts = ["d:/y"]' >"$profiles/two.toml"
    run line --profile one,two
    [ "$output" = "$BATS_TEST_TMPDIR/bin/podman run --volume b:/x --volume d:/y --rm img" ]
    run line --profile two,one
    [ "$output" = "$BATS_TEST_TMPDIR/bin/podman run --volume b:/x --volume c:/y --rm img" ]
}

@test "conditions and variables are looked at when it is run" {
    cat >"$profiles/p.toml" <<'PROFILE'
mounts = [{ value = "$FOLDER:/x", if_path = "$FOLDER/here" }]
arguments = [{ value = "--label=who=$WHO", if_set = "WHO" }, "--hostname=${NAME:-none}"]
[environment]
WHO = { value = "$WHO", if_set = "WHO" }
GONE = "x$GONE"
PROFILE
    run line --profile p
    [ "$output" = "$BATS_TEST_TMPDIR/bin/podman run --hostname=none --rm img" ]
    [ "$(grep -c warning err)" -eq 1 ]
    holds "$(cat err)" "p.toml:5: 'GONE=x\$GONE' is left out: GONE is not set"
    mkdir -p f/here
    FOLDER=$PWD/f WHO='a b' NAME=n GONE=1 run line --profile p
    [ "$output" = "$BATS_TEST_TMPDIR/bin/podman run --volume $PWD/f:/x '--label=who=a b' --hostname=n --env WHO --env GONE=x1 --rm img" ]
    FOLDER=$PWD/f run line --profile p
    lacks "$output" label
    # What another user made where anybody may is as if it were not there.
    if [ "$(id -u)" -eq 0 ]; then
        mkdir -p open/theirs/here open/mine/here && chmod 1777 open && chown 1 open/theirs
        FOLDER=$PWD/open/mine run line --profile p
        holds "$output" "--volume $PWD/open/mine:/x"
        FOLDER=$PWD/open/theirs run line --profile p
        lacks "$output" volume
        [ "$(grep -c warning err)" -eq 2 ]
        holds "$(cat err)" "'$PWD/open/theirs' belongs to another user"
    fi
    # A variable is one piece of its field.
    mkdir -p a:b/here
    FOLDER=$PWD/a:b fails "p.toml:1:21: " '' sim run --gpu none --profile p img
}

@test "a secret of the caller's does not stand on the command line" {
    HF_TOKEN=secret run line --profile llm
    holds "$output" '--env HF_TOKEN '
    lacks "$output" secret
}

@test "every fault is one error with its place, and nothing is run" {
    fails "--profile: there is no profile 'gamin'" "did you mean 'gaming'?" \
        sim run --gpu none --profile gamin img
    fails "there is no profile ''" '' sim run --gpu none --profile gaming, img
    fails "there is no profile '../x'" '' sim run --gpu none --profile ../x img
    config <<<'runtime.profiles = ["compute", "nope"]'
    fails "config.toml:1:32: there is no profile 'nope'" 'nvbind profile list' sim run --gpu none img
    rm "$HOME/.config/nvbind/config.toml"
    echo 'extends = "p"' >"$profiles/p.toml"
    fails "p.toml:1:11: the profile 'p' extends itself" '' sim run --gpu none --profile p img
    echo 'mount = ["a:/b"]' >"$profiles/p.toml"
    fails "p.toml:1:1: unknown key 'mount'" "'mounts'" sim run --gpu none --profile p img
    echo 'mounts = ["v:/v", "/nowhere/at/all:/b"]' >"$profiles/p.toml"
    fails "p.toml:1:19: mounts: '/nowhere/at/all' is not there" if_path \
        sim run --gpu none --profile p img
    echo 'devices = ["/dev/nowhere"]' >"$profiles/p.toml"
    fails "p.toml:1:12: devices: '/dev/nowhere' is not there" if_path \
        sim run --gpu none --profile p img
    echo 'arguments = ["--hostnam=x"]' >"$profiles/p.toml"
    fails "p.toml:1:14: arguments: unknown option '--hostnam'" "'--hostname'" \
        sim run --gpu none --profile p img
    echo 'arguments = ["--hostname"]' >"$profiles/p.toml"
    fails "p.toml:1:14: arguments: option '--hostname' needs a value" '' \
        sim run --gpu none --profile p img
    echo 'arguments = ["--gpu=all"]' >"$profiles/p.toml"
    fails "p.toml:1:14: arguments: '--gpu' is not an option of the engine" '' \
        sim run --gpu none --profile p img
    echo '[' >"$profiles/p.toml"
    fails "p.toml:1:" '' sim run --gpu none --profile p img
    echo 'description = "x"' >"$profiles/p.toml"
    chmod 0666 "$profiles/p.toml"
    fails "$profiles/p.toml" '' sim run --gpu none --profile p img
}

# With prlimit the caller's own limits are what the test says.
@test "a limit above the caller's is lowered with one warning, the user's own is not looked at" {
    cat >"$profiles/p.toml" <<'PROFILE'
[ulimits]
memlock = "unlimited"
nofile = "100:500"
core = "4:unlimited"
PROFILE
    run prlimit --memlock=65536:65536 --nofile=256:256 --core=4096:4096 \
        "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" run --dry-run --rm --gpu none --profile p img
    [ "$status" -eq 0 ]
    # A root that has CAP_SYS_RESOURCE raises them.
    if [ "$(id -u)" = 0 ] && (($(awk '/^CapBnd/ { print "0x" $2 }' /proc/self/status) >> 24 & 1)); then
        holds "$output" 'memlock=-1:-1 --ulimit nofile=100:500 --ulimit core=4:-1'
        return
    fi
    holds "$output" 'memlock=65536:65536 --ulimit nofile=100:256 --ulimit core=4:4096'
    holds "$output" 'memlock from unlimited to 65536, nofile from 500 to 256, core from unlimited to 4096'
    [ "$(grep -c 'warning' <<<"$output")" -eq 1 ]
    run prlimit --memlock=65536:65536 "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" run --dry-run \
        --rm --gpu none --profile ai-ml --ulimit memlock=1:1 img
    lacks "$output" warning
    lacks "$output" memlock=65536
}

@test "that a limit was lowered is said once until the next login" {
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    if [ "$(id -u)" = 0 ]; then
        (($(awk '/^CapBnd/ { print "0x" $2 }' /proc/self/status) >> 24 & 1)) && skip "this root raises every limit"
        rm -f /run/nvbind/said-*
    fi
    run_it() {
        run -0 --separate-stderr prlimit --memlock=65536:65536 "$NVBIND_BIN/nvbind" "$@" \
            --host-root "$RUN_HOST" run --rm --gpu none --profile ai-ml img
    }
    run_it
    [[ $stderr = *"memlock from unlimited to 65536"* ]]
    run_it
    [ -z "$stderr" ]
    run_it -v
    [[ $stderr = *"info: "*"memlock from unlimited to 65536"* ]]
    grep -q -e '--ulimit memlock=65536:65536' "$calls"
}

@test "gaming without a display says so in one line" {
    unset DISPLAY WAYLAND_DISPLAY
    run -0 --separate-stderr sim run --rm --gpu none --profile gaming img
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr = "nvbind: note: neither DISPLAY nor WAYLAND_DISPLAY is set"* ]]
    for words in "DISPLAY=:7 sim run" "WAYLAND_DISPLAY=wayland-9 sim run" "sim run -e DISPLAY=:7"; do
        run -0 --separate-stderr bash_words "$words --rm --gpu none --profile gaming img"
        [ -z "$stderr" ]
    done
}

# A line as the shell reads it, variables before it too.
bash_words() {
    eval "$1"
}

@test "checks of a profile: names, added up over what it extends, shown" {
    echo 'checks = ["storage"]
extends = "ai-ml"' >"$profiles/p.toml"
    run -0 nvbind profile show p
    [[ $output = *'checks = ['*'"memlock",  # built-in:ai-ml.toml:'*'"storage",  # '*'/p.toml:1'* ]]
    echo 'checks = ["Mem lock"]' >"$profiles/p.toml"
    fails "p.toml:1:11: checks: 'Mem lock' is no check's name" '' sim run --gpu none --profile p img
}

@test "Docker's service sets limits itself: nothing is lowered, but where nobody can raise them" {
    fake_engine docker 26.1.5
    run prlimit --memlock=65536:65536 "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" run \
        --runtime docker --dry-run --rm --gpu none --profile ai-ml img
    if (($(awk '/^CapBnd/ { print "0x" $2 }' /proc/self/status) >> 24 & 1)); then
        holds "$output" memlock=-1:-1
        lacks "$output" warning
    else
        holds "$output" memlock=65536:65536
    fi
}

@test "profile list: each layer's, the later replacing the earlier" {
    run nvbind profile list
    [ "$status" -eq 0 ]
    [ "$(awk 'NR > 1 { print $1 }' <<<"$output" | paste -sd' ')" = \
        "ai-ml compute gaming graphics jupyter llm shared video" ]
    echo 'description = "mine"' >"$profiles/compute.toml"
    echo 'description = "new"' >"$profiles/aaa.toml"
    run nvbind profile list --json
    [ "$(jq -r '.[0].name, .[0].layer' <<<"$output" | paste -sd' ')" = "aaa user" ]
    [ "$(jq -r '.[] | select(.name == "compute") | .description' <<<"$output")" = mine ]
    [ "$(jq -c '.[] | select(.name == "llm") | .extends' <<<"$output")" = '["ai-ml"]' ]
    # A wrong one hides no other.
    echo 'nonsense = 1' >"$profiles/aaa.toml"
    run --separate-stderr nvbind profile list
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 9 ]
    holds "$stderr" "aaa.toml:1:1: unknown key 'nonsense'"
    run nvbind profile list more
    [ "$status" -eq 2 ]
}

@test "profile show: all that it extends, and what it prints is a profile" {
    nvbind profile show gaming >"$profiles/copy.toml"
    holds "$(cat "$profiles/copy.toml")" 'value = "/dev/dri", if_path = "/dev/dri" },  # built-in:graphics.toml:'
    diff <(nvbind profile show gaming | sed 's/  # .*//') \
        <(nvbind profile show copy | sed 's/  # .*//')
    holds "$(nvbind profile show compute video)" video
    run nvbind profile show
    [ "$status" -eq 2 ]
    run nvbind profile show vidoe
    [ "$status" -eq 2 ]
    holds "$output" "did you mean 'video'?"
    run nvbind profile shwo
    [ "$status" -eq 2 ]
    holds "$output" "did you mean 'nvbind profile show'?"
}

@test "completion offers profiles, in lists too" {
    echo >"$profiles/mine.toml"
    [ "$(nvbind __complete run --profile m | cut -f1)" = mine ]
    [ "$(nvbind __complete run --profile compute,g | cut -f1 | paste -sd' ')" = \
        "compute,gaming compute,graphics" ]
    [ "$(nvbind __complete profile show v | cut -f1)" = video ]
}
