# nvbind simulate: the tree it makes, what it refuses, and what discovery makes of it.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
    unset NVBIND_HOST_ROOT NVBIND_DRIVER_ROOT NVBIND_DEV_ROOT
}

nvbind() {
    "$NVBIND_BIN/nvbind" "$@"
}

# refuses STATUS TEXT WORD...: the exit status, TEXT in the message, a hint, nothing on stdout.
refuses() {
    local status=$1 text=$2 rc=0
    shift 2
    nvbind "$@" >out 2>err || rc=$?
    if [ "$rc" != "$status" ] || ! grep -qF -e "nvbind: error: " err || ! grep -qF -e "$text" err ||
        ! grep -q '^  hint: ' err || [ -s out ]; then
        printf 'status %s, not %s\n' "$rc" "$status"
        cat out err
        return 1
    fi
}

@test "a new folder becomes a host that info shows" {
    nvbind simulate host --gpus 3
    [ -f host/.nvbind-simulated ]
    nvbind --host-root host info --json >info.json
    [ "$(jq '.gpus | length' info.json)" = 3 ]
    [ "$(jq -r .simulated info.json)" = true ]
    [ "$(jq -r .driver.version info.json)" = 550.163.01 ]
    [ "$(jq -r '[.gpus[].nodes[], .nodes[]] | map(.present) | unique | @csv' info.json)" = true ]
}

@test "what it prints can be run as it stands" {
    nvbind simulate "a folder" >out
    PATH=$NVBIND_BIN:$PATH
    eval "$(sed -n 's/^try: //p' out)" | grep -q 'A100'
}

@test "driver, layout and number of GPUs are as asked for" {
    nvbind simulate --driver 580.95.05 host --layout=debian --gpus=64
    nvbind --host-root host info --json >info.json
    [ "$(jq '.gpus | length' info.json)" = 64 ]
    [ "$(jq -r .driver.version info.json)" = 580.95.05 ]
    [ "$(readlink host/usr/bin/nvidia-smi)" = /etc/alternatives/nvidia--nvidia-smi ]
}

@test "the loader finds what ldconfig finds" {
    [ "$(id -u)" = 0 ] || skip "ldconfig -r needs root"
    local layout
    for layout in run debian; do
        nvbind simulate host --layout "$layout"
        PATH=$PATH:/sbin ldconfig -r host -C /etc/ld.so.cache -p | sed '1d;/^Cache/d' | sort >ours
        PATH=$PATH:/sbin ldconfig -r host -C /etc/other -X
        # A library without NEEDED tells ldconfig no C library where the class does not.
        PATH=$PATH:/sbin ldconfig -r host -C /etc/other -p |
            sed '1d;/^Cache/d;s/ (ELF) / (libc6) /' | sort >real
        [ "$(wc -l <ours)" -ge 29 ]
        diff ours real
        rm host/etc/other
    done
}

@test "nvidia-smi runs, says that it is simulated, and exits 9" {
    nvbind simulate host
    run -9 host/usr/bin/nvidia-smi
    [[ $output == *"simulated driver 550.163.01"* ]]
}

@test "an earlier simulation is replaced, whole" {
    nvbind simulate host --gpus 8
    nvbind simulate host --gpus 2
    [ ! -e host/dev/nvidia2 ]
    [ "$(nvbind --host-root host info --json | jq '.gpus | length')" = 2 ]
}

@test "nothing of others is touched" {
    mkdir host
    echo dear >host/letter
    refuses 2 "letter" simulate host
    [ "$(ls -A host)" = letter ]
    echo dear >file
    refuses 2 "'file'" simulate file
    [ "$(cat file)" = dear ]
}

@test "wrong calls change nothing" {
    refuses 2 "no folder" simulate
    refuses 2 "more than one folder" simulate a b
    refuses 2 "0 GPUs" simulate host --gpus 0
    refuses 2 "65 GPUs" simulate host --gpus 65
    refuses 2 "'two'" simulate host --gpus two
    refuses 2 "'-1'" simulate host --gpus -1
    refuses 2 "'99999999999999999999'" simulate host --gpus 99999999999999999999
    refuses 2 "'550'" simulate host --driver 550
    refuses 2 "'../x'" simulate host --driver ../x
    refuses 2 "'rpm'" simulate host --layout rpm
    refuses 2 "--gpu" simulate host --gpu 2
    refuses 2 "empty" simulate ""
    [ ! -e host ]
}

@test "a folder that cannot be made is one error" {
    refuses 1 "cannot make the folder" simulate no/such/place
    if [ "$(id -u)" != 0 ]; then
        mkdir closed
        chmod 0555 closed
        refuses 1 "Permission denied" simulate closed/host
    fi
    refuses 1 "/proc/nvbind" simulate /proc/nvbind
}

@test "help shows the options and changes nothing" {
    nvbind simulate --help | grep -q -- '--layout'
    nvbind help simulate | grep -q -- '--gpus'
}
