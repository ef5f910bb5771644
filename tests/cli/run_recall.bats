# nvbind run twice: what the first run found is used again while it is still true, and not a moment
# longer.

bats_require_minimum_version 1.5.0
# shellcheck disable=SC2154 # run_setup sets calls, be_ordinary sets ordinary

load ../lib/run

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    be_ordinary
    mkdir -m 0700 runtime
    cp -a "$RUN_HOST" host
    host=$PWD/host
    chmod -R a+rX host
    if [ "$(id -u)" = 0 ]; then chown 65534 runtime; fi
    chmod 0666 "$calls"
    ordinary+=(env XDG_RUNTIME_DIR="$PWD/runtime")
    fake_engine podman 5.8.0
    # What is not older than the clock's step is not kept.
    sleep 0.05
}

# start WORD...: runs, and prints what nvbind says of it and the line that the engine was given.
start() {
    : >"$calls"
    "${ordinary[@]}" "$NVBIND_BIN/nvbind" -vv --host-root "$host" run --rm "$@" img 2>err || { cat err; return 1; }
    grep -v -- '^--version' "$calls"
}

recalled() {
    grep -q 'nothing has changed since' err
}

# spec LINE: the specification that the engine was told of.
spec() {
    cat "$(sed -n 's|.*--cdi-spec-dir \([^ ]*/nvbind/cdi/[0-9a-f]*\) .*|\1|p' "$1")/nvidia.com-gpu.json"
}

for_each_engine() {
    fake_engine podman 5.8.0
    "$@" folder
    fake_engine podman 4.3.1
    "$@" direct
}

same_words() {
    start --gpu 0,2 >first
    run ! recalled
    start --gpu 0,2 >second
    recalled
    diff first second
    # Another GPU of the same answer.
    start --gpu 1 >third
    recalled
    run ! diff first third
    start --gpu 0 --capabilities utility >/dev/null
    run ! recalled
    rm -rf runtime/nvbind/known
}

@test "the second run says the same words without looking again" {
    for_each_engine same_words
    # A dry run keeps nothing.
    rm -rf runtime/nvbind
    start --gpu 0 --dry-run >/dev/null || true
    [ ! -e runtime/nvbind/known ]
}

changes() {
    lib=$(dirname "$(find "$host/usr/lib" -name 'libcuda.so.550.163.01' | grep -v i386)")
    fresh() {
        start --gpu 0 >/dev/null
        run ! recalled
        sleep 0.05
        start --gpu 0 >again
        start --gpu 0 >again
        recalled
        [ "$1" = direct ] || { spec again >content; cat content >>again; }
    }
    start --gpu 0 >/dev/null
    rm "$lib/libnvidia-ml.so.550.163.01"
    fresh "$1"
    # A file that comes, where there was not even a folder.
    mkdir -p "$host/run/nvidia-persistenced"
    chmod a+rx "$host/run/nvidia-persistenced"
    fresh "$1"
    # Nodes.
    mv "$host/dev/nvidia-uvm-tools" "$host/dev/gone"
    fresh "$1"
    run ! grep -q nvidia-uvm-tools again
    mv "$host/dev/gone" "$host/dev/nvidia-uvm-tools"
    fresh "$1"
    grep -q nvidia-uvm-tools again
    # The linker's cache.
    touch "$host/etc/ld.so.cache"
    fresh "$1"
    # The driver: its files are of another version then, which is an error.
    sed -i 's/550\.163\.01/560.35.03/' "$host/proc/driver/nvidia/version"
    run ! start --gpu 0
    sed -i 's/560\.35\.03/550.163.01/' "$host/proc/driver/nvidia/version"
    # What somebody has spoiled is made again.
    for file in runtime/nvbind/known/*; do
        size=$(stat -c %s "$file")
        truncate -s $((size / 2)) "$file"
    done
    fresh "$1"
    for file in runtime/nvbind/known/*; do
        sed -i 's/^m.*libcuda.*/m/' "$file"
    done
    fresh "$1"
    grep -q libcuda again
}

@test "whatever changes is seen by the next run: a folder of specifications" {
    changes folder
}

@test "whatever changes is seen by the next run: direct" {
    fake_engine podman 4.3.1
    changes direct
}

@test "what has been of no use for days is removed, what is used stays" {
    start --gpu 0 >/dev/null
    own=$(ls runtime/nvbind/cdi)
    mkdir -p runtime/nvbind/cdi/0123456789abcdef runtime/nvbind/hooks/fedcba9876543210
    echo x >runtime/nvbind/cdi/0123456789abcdef/nvidia.com-gpu.json
    echo x >runtime/nvbind/known/0011223344556677
    echo x >runtime/nvbind/cdi/nvidia.com-gpu.yaml
    touch runtime/nvbind/said-0011223344556677 runtime/nvbind/registries-0011223344556677.conf \
        runtime/nvbind/registries-0011223344556678.conf runtime/nvbind/egl-3.conf
    touch -d '5 days ago' runtime/nvbind/{registries,egl}-*[37].conf runtime/nvbind/said-*
    touch -d '5 days ago' runtime/nvbind/cdi/* runtime/nvbind/hooks/* runtime/nvbind/known/*
    touch -d '5 days ago' "runtime/nvbind/cdi/$own/nvidia.com-gpu.json"
    if [ "$(id -u)" = 0 ]; then chown -R 65534 runtime; fi
    # Used again: kept, whatever its age.
    start --gpu 0 >/dev/null
    recalled
    # Something is made anew: then the old ones go.
    start --gpu 0 --capabilities utility >/dev/null
    [ -e "runtime/nvbind/cdi/$own" ]
    [ ! -e runtime/nvbind/cdi/0123456789abcdef ]
    [ ! -e runtime/nvbind/hooks/fedcba9876543210 ]
    [ ! -e runtime/nvbind/known/0011223344556677 ]
    [ ! -e runtime/nvbind/said-0011223344556677 ]
    [ ! -e runtime/nvbind/registries-0011223344556677.conf ]
    [ -e runtime/nvbind/registries-0011223344556678.conf ]
    # A container that is started again mounts it again.
    [ -e runtime/nvbind/egl-3.conf ]
    # Not a name of ours to give away: the user's own refreshed one.
    [ -e runtime/nvbind/cdi/nvidia.com-gpu.yaml ]
}
