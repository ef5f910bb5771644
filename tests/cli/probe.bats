# nvbind-probe where there is no GPU, and with a simulated driver in the loader's path. Nodes need a
# /dev of one's own: root, in a mount namespace.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
    unset LD_LIBRARY_PATH NVBIND_HOST_ROOT
    "$NVBIND_BIN/nvbind" simulate "$PWD/host" --gpus 2 >/dev/null
    libraries=$(echo "$PWD"/host/usr/lib/*-linux-gnu | tr ' ' '\n' | grep -v i386)
}

probe() {
    "$NVBIND_BIN/nvbind-probe" "$@"
}

needs_namespace() {
    [ "$(id -u)" = 0 ] || skip "needs root"
    unshare -m true 2>/dev/null || skip "no mount namespaces here"
    [ ! -e /dev/nvidia0 ] || skip "this machine has a GPU"
}

# with_nodes COMMAND...: the simulated nodes, and what the shell text in $extra does, as /dev.
with_nodes() {
    mkdir -p dev
    # shellcheck disable=SC2016 # the inner shell's
    unshare -m sh -ec '
        mount -t tmpfs -o mode=0755 dev dev
        cp -a host/dev/. dev/
        for node in null zero urandom tty; do
            mknod "dev/$node" c 1 3 && chmod 0666 "dev/$node"
        done
        eval "$extra"
        mount --rbind /proc proc 2>/dev/null || true
        mount --move dev /dev
        exec "$@"' sh "$@"
}
extra=

@test "without a GPU the verdict says so" {
    [ ! -e /dev/nvidia0 ] || skip "this machine has a GPU"
    run -1 probe --quiet
    [[ $output == "verdict: failed: no GPU node"* ]]
    run -0 probe --quiet --expect-gpus 0
    [[ $output == "verdict: ok: 0 GPUs"* ]]
}

@test "every library in the loader's path is loaded, and answers as without a driver" {
    LD_LIBRARY_PATH=$libraries probe --json --expect-gpus 0 >out.json
    [ "$(jq -r .verdict out.json)" = ok ]
    [ "$(jq -r .simulated out.json)" = true ]
    [ "$(jq '[.libraries[] | select(.loaded and .simulated)] | length' out.json)" -ge 30 ]
    [ "$(jq -r .cuda.init out.json)" = "100 no device" ]
    [ "$(jq -r .cuda.version out.json)" = 12.4 ]
    [ "$(jq -r .nvml.init out.json)" = "9 driver not loaded" ]
}

@test "a library that the loader cannot find by its SONAME has failed" {
    rm "$libraries/libcuda.so.1"
    LD_LIBRARY_PATH=$libraries run -1 probe --expect-gpus 0
    [[ $output == *"failed: libcuda.so.1: it is there, and the loader does not find it by name"* ]]
}

@test "broken files have failed, each with a reason" {
    echo text >"$libraries/libnvidia-text.so.1"
    ln -s nowhere "$libraries/libnvidia-gone.so.1"
    head -c 400 "$libraries/libcuda.so.1" >"$libraries/libnvidia-cut.so.1"
    # A library that is cut short may kill the process that loads it.
    LD_LIBRARY_PATH=$libraries run -1 --separate-stderr probe --expect-gpus 0 --json
    [ "$(jq '.failures | length' <<<"$output")" = 3 ]
    jq -r '.failures[]' <<<"$output" | grep -q 'libnvidia-text.so.1: .*'
    jq -r '.failures[]' <<<"$output" | grep -q 'libnvidia-gone.so.1: it leads to nothing'
    jq -r '.failures[]' <<<"$output" | grep -q 'libnvidia-cut.so.1: .*'
}

@test "libraries of another machine are none of its business" {
    "$NVBIND_BUILD/tests/mkelf" --machine i386 --soname libnvidia-old.so.1 \
        --out "$libraries/libnvidia-old.so.1"
    LD_LIBRARY_PATH=$libraries probe --expect-gpus 0 >out
    run ! grep libnvidia-old out
}

@test "a required library must load" {
    LD_LIBRARY_PATH=$libraries probe --expect-gpus 0 --require libcuda.so.1,libcuda.so --quiet
    LD_LIBRARY_PATH=$libraries run -1 probe --expect-gpus 0 --require libnone.so.1 --quiet
    [[ $output == *"libnone.so.1: required, and not there"* ]]
}

@test "a kernel does not run where nobody computes" {
    LD_LIBRARY_PATH=$libraries run -1 probe --expect-gpus 0 --kernel --quiet
    [[ $output == *"the kernel: GPU all=failed"* ]]
}

@test "a kernel is passed its arguments, and its numbers are checked" {
    mkdir fake
    cp "$NVBIND_BUILD/tests/libfakecuda.so" fake/libcuda.so.1
    export LD_LIBRARY_PATH=$PWD/fake
    run -0 --separate-stderr probe --expect-gpus 0 --kernel --json
    [ "$(jq -r .verdict <<<"$output")" = ok ]
    [ "$(jq -r '.kernel | length' <<<"$output")" = 2 ]
    [[ $(jq -r '.kernel."1"' <<<"$output") == "ok: Processor 1, 1000 numbers right, "*" us" ]]
    NVBIND_FAKE_CUDA=wrong run -1 probe --expect-gpus 0 --kernel --quiet
    [[ $output == *"number 700 is 490021, not 490020"* ]]
    NVBIND_FAKE_CUDA=fails run -1 probe --expect-gpus 0 --kernel --quiet
    [[ $output == *"cuLaunchKernel gave 719 (launch failed)"* ]]
    NVBIND_FAKE_CUDA=dies run -1 --separate-stderr probe --expect-gpus 0 --kernel --quiet
    [[ $output == *"the kernel: GPU end="* ]]
}

@test "stand-ins are counted, opened and called so" {
    needs_namespace
    LD_LIBRARY_PATH=$libraries with_nodes "$NVBIND_BIN/nvbind-probe" --expect-gpus 2 --json >out.json
    [ "$(jq -r .verdict out.json)" = ok ]
    [ "$(jq -r .gpus out.json)" = 2 ]
    [ "$(jq -r '[.nodes[].type] | unique | @csv' out.json)" = '"stand-in"' ]
    LD_LIBRARY_PATH=$libraries run -1 with_nodes "$NVBIND_BIN/nvbind-probe" --expect-gpus 3 --quiet
    [[ $output == *"2 GPU nodes are here, not 3"* ]]
}

@test "a device without a driver, and a missing control node, have failed" {
    needs_namespace
    extra='mknod -m 0666 dev/nvidia2 c 195 2; rm dev/nvidiactl dev/nvidia-uvm'
    export extra
    LD_LIBRARY_PATH=$libraries run -1 with_nodes "$NVBIND_BIN/nvbind-probe"
    [[ $output == *"/dev/nvidia2: no driver behind it"* ]]
    [[ $output == *"/dev/nvidiactl is not here"* ]]
    [[ $output == *"/dev/nvidia-uvm is not here"* ]]
}

@test "wrong calls are said to be so" {
    local words
    for words in --nonsense "--expect-gpus many" --expect-gpus stray; do
        # shellcheck disable=SC2086 # words
        run -2 probe $words
        [[ $output == "nvbind-probe: error: "*"hint: nvbind-probe --help"* ]]
    done
    probe --help | grep -q -- --expect-gpus
    probe --version | grep -q '^nvbind-probe [0-9]'
}
