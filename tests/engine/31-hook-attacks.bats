# What images and volumes can do to the hook. Every attack of a published kind is run against a
# deliberately naive hook too (tests/hook/naive_hook.c), where it must work: else it proves nothing.

load ../lib/engine
load ../lib/hook

setup_file() {
    hook_setup_file
}

setup() {
    # The host's side, which nothing of the container's may reach.
    victim=$NVBIND_T_DIR/tmp/victim
    rm -rf "$victim"
    mkdir -p "$victim"
    echo host >"$victim/file"
}

naive() { HOOK=$HOOK_TOOLS/naive_hook run_driver_hook "$@"; }

victim_state() { (cd "$victim" && find . -printf '%p %y %m %s %l\n' | LC_ALL=C sort && cat file); }

# attack ROOT [ARG...]: our hook leaves the victim as it is; the naive one does not.
attack() {
    local before
    before=$(victim_state)
    run run_driver_hook "$@"
    echo "ours: $output"
    [ "$status" -eq 0 ]
    [ "$(victim_state)" = "$before" ]
    run run_driver_hook "$@" --no-openat2
    echo "ours, without openat2: $output"
    [ "$status" -eq 0 ]
    [ "$(victim_state)" = "$before" ]
    run naive "$@"
    echo "naive: $output"
    [ "$(victim_state)" != "$before" ]
}

@test "CVE-2024-0132: a compatibility folder that is a link to the host is not looked into" {
    root=$(make_root debian-trixie)
    mkdir -p "$victim/compat" "$root/usr/local"
    echo >"$victim/compat/libcuda.so.999.9"
    ln -s libcuda.so.999.9 "$victim/compat/libcuda.so.1"
    ln -s "$victim" "$root/usr/local/cuda"
    for option in --cuda-compat=550.163.01 --no-openat2; do
        run run_driver_hook "$root" --cuda-compat=550.163.01 "$option"
        [ "$status" -eq 0 ]
        run listing "$root"
        [[ $output != */usr/local/cuda/compat* ]]
    done
    naive "$root" --cuda-compat=550.163.01
    run listing "$root"
    [[ $output = */usr/local/cuda/compat* ]]
}

@test "CVE-2024-0133: no file is made on the host through a linked /etc" {
    root=$(make_root busybox)
    mkdir -p "$root/lib64"
    echo >"$root/lib64/ld-linux-x86-64.so.2"
    rm -rf "$root/etc"
    ln -s "$victim" "$root/etc"
    attack "$root"
}

@test "CVE-2024-0133: nor through a relative one with many steps up" {
    root=$(make_root busybox)
    rm -rf "$root/etc"
    ln -s "../../../../../../../../../../..$victim" "$root/etc"
    mkdir -p "$root/lib64"
    echo >"$root/lib64/ld-linux-x86-64.so.2"
    attack "$root"
}

@test "CVE-2024-0134: no link is made on the host through a linked folder" {
    root=$(make_root debian-trixie)
    rm -rf "$root$hook_folder"
    mkdir -p "${root}${hook_folder%/*}"
    ln -s "$victim" "$root$hook_folder"
    attack "$root"
}

@test "CVE-2025-23267: a linker cache that is a link is neither followed nor replaced" {
    root=$(make_root debian-trixie)
    ln -sf "$victim/file" "$root/etc/ld.so.cache"
    export NAIVE_UNCHECKED=1
    attack "$root"
    [ -L "$root/etc/ld.so.cache" ]
}

@test "CVE-2025-23267: nor is a file of ld.so.conf.d that is a link written through" {
    root=$(make_root debian-trixie)
    ln -s "$victim/file" "$root/etc/ld.so.conf.d/00-nvbind.conf"
    before=$(victim_state)
    run run_driver_hook "$root"
    [ "$status" -eq 0 ]
    [ "$(victim_state)" = "$before" ]
    # The container's own name is taken over by a file, so an ldconfig inside works.
    [ -f "$root/etc/ld.so.conf.d/00-nvbind.conf" ]
    [ ! -L "$root/etc/ld.so.conf.d/00-nvbind.conf" ]
}

@test "a temporary name that an image laid a link under is not written through" {
    root=$(make_root debian-trixie)
    for folder in etc etc/ld.so.conf.d "${hook_folder#/}"; do
        mkdir -p "$root/$folder"
        ln -s "$victim/file" "$root/$folder/.nvbind-hook.tmp"
    done
    ln -s libcuda.so.470 "$root$hook_folder/libcuda.so.1" # so that it is replaced, under that name
    before=$(victim_state)
    run run_driver_hook "$root"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(victim_state)" = "$before" ]
    [ -z "$(find "$root/etc" "$root$hook_folder" -name .nvbind-hook.tmp)" ]
    [ "$(readlink "$root$hook_folder/libcuda.so.1")" = "libcuda.so.$hook_version" ]
}

# race TRIES SECONDS ROOT A B HOOK [ARG...]: swaps the two names while the hook is started again and again.
race() {
    local tries=$1 seconds=$2 root=$3 a=$4 b=$5 args
    shift 5
    mapfile -t args < <(driver_args)
    state_of "$root" >"$BATS_TEST_TMPDIR/state"
    run timeout 300 "$HOOK_TOOLS/race" --tries "$tries" --seconds "$seconds" --state "$BATS_TEST_TMPDIR/state" \
        --watch "$victim" --watch "$victim/file" "$a" "$b" "$1" create "${args[@]}" "${@:2}"
    echo "$1: $output"
}

# relay A B TARGET: lays the trap again. Ours renames its file over the name, and where that was the
# link at that moment, the link is gone, as it should be.
relay() {
    [ ! -L "$1" ] && [ ! -L "$2" ] || return 0
    rm -rf "$2"
    ln -s "$3" "$2"
}

# races ROOT A B: ours, with openat2 and without, never touches the victim; the naive one does.
races() {
    local target
    target=$(readlink "$3")
    race 1000 20 "$@" "$NVBIND_BIN/nvbind-hook"
    [ "$status" -eq 0 ]
    relay "$2" "$3" "$target"
    race 1000 20 "$@" "$NVBIND_BIN/nvbind-hook" --no-openat2
    [ "$status" -eq 0 ]
    relay "$2" "$3" "$target"
    race 1000000 240 "$@" "$HOOK_TOOLS/naive_hook"
    [ "$status" -eq 3 ]
}

@test "CVE-2025-23359: a folder swapped for a link between check and use" {
    root=$(make_root debian-trixie)
    rm -f "$root/usr/lib64x"
    ln -s "$victim" "$root${hook_folder%/*}x"
    mkdir -p "$root$hook_folder"
    races "$root" "$root${hook_folder%/*}" "$root${hook_folder%/*}x"
}

@test "CVE-2026-24260's kind: a file swapped for a link between check and use" {
    root=$(make_root debian-trixie)
    ln -s "$victim/file" "$root/etc/ld.so.cache.x"
    races "$root" "$root/etc/ld.so.cache" "$root/etc/ld.so.cache.x"
}

@test "a host folder mounted as a volume: the image's /etc that points into it is left" {
    root=$(make_root debian-trixie)
    mkdir "$root/vol" "$victim/etc"
    cp "$root/etc/ld.so.cache" "$victim/etc/"
    mount -n --bind "$victim" "$root/vol"
    mv "$root/etc" "$root/etc.old"
    ln -s /vol/etc "$root/etc"
    # Resolving inside the root alone would not help: the naive hook has it by the same path.
    before=$(victim_state; sha256sum "$victim/etc/ld.so.cache")
    for option in --no-device-files --no-openat2; do
        run run_driver_hook "$root" "$option"
        echo "$output"
        [ "$status" -eq 0 ]
        [[ $output = *'ld.so.cache: another mount covers it (a volume?)'* ]]
        [ "$(victim_state; sha256sum "$victim/etc/ld.so.cache")" = "$before" ]
    done
    umount -n "$root/vol"
    rmdir "$root/vol"
    ln -s "$victim" "$root/vol"
    rm "$root/etc"
    ln -s "$victim/etc" "$root/etc"
    naive "$root"
    [ "$(victim_state; sha256sum "$victim/etc/ld.so.cache")" != "$before" ]
}

@test "a file of the host's mounted over the cache is left" {
    root=$(make_root debian-trixie)
    cp "$root/etc/ld.so.cache" "$victim/cache"
    mount -n --bind "$victim/cache" "$root/etc/ld.so.cache"
    before=$(sha256sum <"$victim/cache")
    for option in --no-device-files --no-openat2; do
        run run_driver_hook "$root" "$option"
        echo "$output"
        [ "$status" -eq 0 ]
        [[ $output = *'another mount covers it'* ]]
        [ "$(sha256sum <"$victim/cache")" = "$before" ]
    done
}

@test "links below /dev only in a tmpfs that is not the host's" {
    root=$(make_root busybox)
    link=--link=../card9::/dev/dri/by-path/pci-0000:65:00.0-card
    mkdir -p "$root/dev/dri" "$victim/dev/dri"
    # The image's own folder, an ordinary file system.
    mknod "$root/dev/dri/card9" c 226 9
    run_hook "$root" "$link"
    [ ! -e "$root/dev/dri/by-path" ]
    # A link out.
    rm -r "$root/dev"
    ln -s "$victim/dev" "$root/dev"
    touch "$victim/dev/dri/card9"
    run_hook "$root" "$link"
    [ ! -e "$victim/dev/dri/by-path" ]
    rm "$root/dev"
    mkdir "$root/dev"
    # The host's own.
    mount -n --bind /dev "$root/dev"
    before=$(find /dev/ -xdev | LC_ALL=C sort)
    run_hook "$root" "$link" "--link=../null::/dev/nvbind-test/null"
    [ "$(find /dev/ -xdev | LC_ALL=C sort)" = "$before" ]
    umount -n "$root/dev"
    # The container's, where a link inside still leads nowhere.
    mount -n -t tmpfs tmpfs "$root/dev"
    ln -s "$victim/dev/dri" "$root/dev/dri"
    run_hook "$root" "$link"
    [ ! -e "$victim/dev/dri/by-path" ]
    rm "$root/dev/dri"
    mkdir "$root/dev/dri"
    run_hook "$root" "$link"
    [ ! -e "$root/dev/dri/by-path" ] # the node is not there: this container was not given it
    mknod "$root/dev/dri/card9" c 226 9
    for option in --no-links --no-openat2; do
        run_hook "$root" "$link" "$option"
    done
    [ "$(readlink "$root/dev/dri/by-path/pci-0000:65:00.0-card")" = ../card9 ]
    umount -n "$root/dev"
}

# spoils TEXT ROOT: the hook says it in a line, succeeds, and in time.
spoils() {
    run timeout 5 bash -c "$(declare -f run_hook run_driver_hook driver_args driver_files state_of)
        hook_folder=$hook_folder hook_version=$hook_version; run_driver_hook '$2'"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = *"$1"* ]]
}

@test "what is no cache, or lies about itself, is left as it is" {
    for i in 1 2 3 4 5 6 7 8; do
        root=$(make_root debian-trixie)
        c=$root/etc/ld.so.cache
        case $i in
            1) echo garbage >"$c"; why='does not begin like one' ;;
            2) printf '\377\377\377\177' | dd of="$c" bs=1 seek=20 conv=notrunc status=none; why='more entries' ;;
            3) printf '\377\377\377\177' | dd of="$c" bs=1 seek=24 conv=notrunc status=none; why='cut short' ;;
            4) printf '\377\377\377\377' | dd of="$c" bs=1 seek=52 conv=notrunc status=none; why='outside' ;;
            5) truncate -s 2G "$c"; why='far too large' ;;
            6) truncate -s 100 "$c"; why='more entries' ;;
            7) rm "$c"; mkfifo "$c"; why='not a regular file' ;;
            8) rm "$c"; mkdir "$c"; why='not a regular file' ;;
        esac
        before=$(stat -c '%F %s %i' "$c")
        spoils "$why" "$root"
        [ "$(stat -c '%F %s %i' "$c")" = "$before" ]
        # The links are there all the same.
        [ -L "$root$hook_folder/libcuda.so.1" ]
    done
}

@test "a device node at the cache's place is not even opened" {
    root=$(make_root debian-trixie)
    rm "$root/etc/ld.so.cache"
    mknod "$root/etc/ld.so.cache" c 1 5 # zero: it has no end
    spoils 'not a regular file' "$root"
    rm "$root/etc/ld.so.cache"
    ln -s /dev/zero "$root/etc/ld.so.cache"
    spoils 'not a regular file' "$root"
}

@test "a hostile ld.so.conf is not looked at: a FIFO, a loop, an endless device" {
    for i in 1 2 3; do
        root=$(make_root debian-trixie)
        rm -rf "$root/etc/ld.so.conf" "$root"/etc/ld.so.conf.d/*
        case $i in
            1) mkfifo "$root/etc/ld.so.conf" "$root/etc/ld.so.conf.d/a.conf" ;;
            2) echo 'include /etc/ld.so.conf' >"$root/etc/ld.so.conf" ;;
            3) ln -s /dev/zero "$root/etc/ld.so.conf" ;;
        esac
        spoils '' "$root"
        [ -z "$output" ]
        listing "$root" | grep -q '^libcuda.so.1 '
    done
}

@test "FIFOs, folders, files and device nodes at the places of links are left and named" {
    root=$(make_root debian-trixie)
    mkdir -p "$root$hook_folder"
    mkfifo "$root$hook_folder/libcuda.so"
    mkdir "$root$hook_folder/libcuda.so.1"
    mknod "$root$hook_folder/libnvidia-ml.so.1" c 1 3
    echo mine >"$root$hook_folder/libnvidia-ml.so"
    spoils 'something that is not a link is there' "$root"
    [ "$(grep -c 'something that is not a link' <<<"$output")" -eq 4 ]
    [ -p "$root$hook_folder/libcuda.so" ] && [ -d "$root$hook_folder/libcuda.so.1" ]
    [ -c "$root$hook_folder/libnvidia-ml.so.1" ] && [ "$(cat "$root$hook_folder/libnvidia-ml.so")" = mine ]
    [ -L "$root$hook_folder/libnvidia-ptxjitcompiler.so.1" ]
}

@test "no /etc, a file in its place, loops of links: a line, and the links are made" {
    for i in 1 2 3; do
        root=$(make_root debian-trixie)
        rm -rf "$root/etc"
        case $i in
            2) echo >"$root/etc" ;;
            3) ln -s etc "$root/etc" ;;
        esac
        spoils 'the linker cache is left as it is' "$root"
        [ -L "$root$hook_folder/libcuda.so.1" ]
    done
}

@test "names of the image's that would end a line of the log do not" {
    root=$(make_root debian-trixie)
    bad=$'/usr/lib/a\nnvbind-hook: forged'
    run run_hook "$root" "--link=x::$bad/y" "--link=x::/etc/passwd"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^nvbind-hook: ' <<<"$output")" -eq "$(wc -l <<<"$output")" ]
    [[ $output != *$'\n''nvbind-hook: forged'* ]]
}

@test "a read-only file system: one line, success; what is right already is no complaint" {
    # Newer mount(8) takes the new interface of the kernel's, which overlay's remount refuses.
    export LIBMOUNT_FORCE_MOUNT2=always
    root=$(make_root debian-trixie)
    mount -n -o remount,ro "$root"
    spoils 'read-only' "$root"
    [ "${#lines[@]}" -eq 1 ]
    mount -n -o remount,rw "$root"
    run_driver_hook "$root"
    mount -n -o remount,ro "$root"
    run run_driver_hook "$root"
    echo "$output"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "a full disk leaves the old cache and no half-written file" {
    root=$NVBIND_T_DIR/tmp/small
    mkdir -p "$root"
    mount -n -t tmpfs -o size=64k tmpfs "$root"
    mkdir -p "$root/etc" "$root/usr/lib"
    cp "$(unpacked debian-trixie)/etc/ld.so.cache" "$root/etc/"
    dd if=/dev/zero of="$root/fill" bs=4k status=none || true
    before=$(sha256sum <"$root/etc/ld.so.cache")
    run run_hook "$root" --library=x86_64::/usr/lib/libcuda.so.550::libcuda.so.1
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = *'No space left on device'* ]]
    [ "$(sha256sum <"$root/etc/ld.so.cache")" = "$before" ]
    [ -z "$(find "$root" -name '.nvbind-hook*')" ]
    umount -n "$root"
}

@test "wrong arguments, no state, a root that is none: an error with a hint, and failure" {
    root=$(make_root busybox)
    run run_hook "$root" --what
    [ "$status" -eq 1 ] && [[ $output = *"'--what'"*hint:* ]]
    run "$NVBIND_BIN/nvbind-hook" </dev/null
    [ "$status" -eq 1 ] && [[ $output = *hint:* ]]
    run "$NVBIND_BIN/nvbind-hook" create </dev/null
    [ "$status" -eq 1 ] && [[ $output = *"container's state"* ]]
    run bash -c "echo '{\"root\":\"/\"}' | '$NVBIND_BIN/nvbind-hook' create"
    [ "$status" -eq 1 ] && [[ $output = *createContainer* ]]
    run bash -c "echo '{\"root\":\"/nonexistent\"}' | '$NVBIND_BIN/nvbind-hook' create"
    [ "$status" -eq 1 ] && [[ $output = *'/nonexistent'* ]]
    run bash -c "echo '{\"bundle\":\"/nonexistent\"}' | '$NVBIND_BIN/nvbind-hook' create"
    [ "$status" -eq 1 ] && [[ $output = *'/nonexistent/config.json'* ]]
}

@test "a state that never ends is given up, and nothing is left waiting" {
    mkfifo "$BATS_TEST_TMPDIR/state"
    sleep 30 >"$BATS_TEST_TMPDIR/state" 3>&- &
    start=$SECONDS
    run timeout 20 "$NVBIND_BIN/nvbind-hook" create <"$BATS_TEST_TMPDIR/state"
    kill %1
    [ "$status" -eq 1 ]
    [[ $output = *'took too long'* ]]
    [ $((SECONDS - start)) -lt 15 ]
}

@test "the program needs nothing of the machine, and calls nothing that runs another" {
    command -v readelf >/dev/null || skip "readelf is not installed"
    run readelf -lW "$NVBIND_BIN/nvbind-hook"
    [[ $output != *INTERP* ]]
    command -v strace >/dev/null || skip "strace is not installed"
    root=$(make_root debian-trixie)
    mapfile -t args < <(driver_args)
    state_of "$root" | strace -f -o "$BATS_TEST_TMPDIR/calls" "$NVBIND_BIN/nvbind-hook" create "${args[@]}"
    [ "$(grep -c 'execve(' "$BATS_TEST_TMPDIR/calls")" -eq 1 ]
    run grep -E '(chdir|chroot|clone|fork|setns|unshare)\(' "$BATS_TEST_TMPDIR/calls"
    [ "$status" -eq 1 ]
    grep -q 'PR_SET_NO_NEW_PRIVS, 1' "$BATS_TEST_TMPDIR/calls"
    grep -q SECCOMP_MODE_FILTER "$BATS_TEST_TMPDIR/calls"
    # Behind the filter, no name of the container's is opened but beneath a descriptor.
    sed '1,/SECCOMP_MODE_FILTER/d' "$BATS_TEST_TMPDIR/calls" >"$BATS_TEST_TMPDIR/after"
    grep -q 'RESOLVE_IN_ROOT' "$BATS_TEST_TMPDIR/after"
    run grep -E 'open(at2?)?\(AT_FDCWD' "$BATS_TEST_TMPDIR/after"
    [ "$status" -eq 1 ]
}

@test "behind the filter, each thing that the hook never does ends it" {
    run "$HOOK_TOOLS/forbidden" nothing
    [ "$status" -eq 0 ]
    [ "$("$HOOK_TOOLS/forbidden" | wc -l)" -ge 7 ]
    for act in $("$HOOK_TOOLS/forbidden"); do
        [ "$act" != nothing ] || continue
        run "$HOOK_TOOLS/forbidden" "$act"
        echo "$act: $status"
        [ "$status" -eq 159 ] # 128 + SIGSYS
    done
}

# As large as the hook reads: strings that lie over each other, so that looking at all of them is as
# dear as can be.
@test "the largest hostile cache is read in time and in little memory" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    root=$(make_root debian-trixie)
    python3 - "$root/etc/ld.so.cache" <<'MAKE'
import struct, sys
strings = b'lib' + b'1a' * 2040 + b'\0' + b'/lib/x\0'
count = ((4 << 20) - 48 - len(strings) - 4096) // 24
base = 48 + 24 * count
entry = struct.pack('<IIIIQ', 0x303, base, base + 4084, 0, 0)
with open(sys.argv[1], 'wb') as f:
    f.write(b'glibc-ld.so.cache1.1' + struct.pack('<II', count, len(strings)) + b'\2' + bytes(19))
    f.write(entry * count + strings)
MAKE
    start=$SECONDS
    run run_driver_hook "$root"
    echo "$output"
    [ "$status" -eq 0 ]
    [ $((SECONDS - start)) -le 9 ]
    listing "$root" | grep -q '^libcuda.so.1 '
}
