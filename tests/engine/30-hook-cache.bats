# The linker cache that the hook writes, held against glibc itself: `ldconfig -p` and the loader
# inside, and a real `ldconfig -r` over the same tree.

load ../lib/engine
load ../lib/hook

setup_file() {
    hook_setup_file
}

# The driver's entries of a listing, in its order.
drivers() { grep -E '^lib(cuda|nvidia)' <<<"$1"; }

inside() {
    local root=$1
    shift
    cp "$HOOK_TOOLS/dlopen_all" "$root/usr/bin/"
    chroot "$root" "$@"
}

# root: after the hook, everything is listed as before with the driver's libraries added, and the
# loader inside finds each of them.
lists_and_loads() {
    local root=$1 before after name
    before=$(listing "$root")
    run run_driver_hook "$root"
    echo "$output"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    after=$(listing "$root")
    echo "$after" | head -20
    [ "$(grep -vE '^lib(cuda|nvidia)' <<<"$after")" = "$before" ]
    [ "$(drivers "$after" | wc -l)" -eq 6 ]
    run inside "$root" dlopen_all libcuda.so.1 libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1 \
        libcuda.so libnvidia-ml.so libc.so.6
    echo "$output"
    [ "$status" -eq 0 ]
    for name in libcuda.so.1 libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1; do
        [[ $output = *"$name $hook_folder/$name"* ]]
    done
}

@test "trixie: the cache lists what it did and the driver, and the loader finds it" {
    need_part debian-trixie
    root=$(make_root debian-trixie)
    give_driver "$root"
    lists_and_loads "$root"
}

@test "bookworm: the same" {
    need_part debian-bookworm
    root=$(make_root debian-bookworm)
    give_driver "$root"
    lists_and_loads "$root"
}

# As Fedora lays it: everything in /usr/lib64, and no folder of Debian's named anywhere.
fedora_like() {
    local root=$1
    rm -rf "$root/usr/lib64"
    mkdir "$root/usr/lib64"
    cp -a "$root"/usr/lib/x86_64-linux-gnu/*.so* "$root/usr/lib64/"
    rm -rf "$root"/etc/ld.so.conf.d/* "$root/usr/lib/x86_64-linux-gnu/"*.so*
    echo /usr/lib64 >"$root/etc/ld.so.conf"
    ldconfig -r "$root" 2>/dev/null
}

@test "a Fedora-like layout in /usr/lib64" {
    need_part debian-trixie
    root=$(make_root debian-trixie)
    fedora_like "$root"
    give_driver "$root"
    lists_and_loads "$root"
}

@test "the old cache formats are read and written back in the new one" {
    need_part debian-bookworm
    for format in compat old; do
        root=$(make_root debian-bookworm)
        ldconfig -c "$format" -r "$root" 2>/dev/null
        [ "$(head -c 11 "$root/etc/ld.so.cache")" = ld.so-1.7.0 ]
        give_driver "$root"
        lists_and_loads "$root"
        [ "$(head -c 20 "$root/etc/ld.so.cache")" = glibc-ld.so.cache1.1 ]
    done
}

@test "no cache and a glibc loader: a new cache, and the image's own libraries are still found" {
    need_part debian-trixie
    root=$(make_root debian-trixie)
    give_driver "$root"
    rm "$root/etc/ld.so.cache"
    run run_driver_hook "$root"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(listing "$root" | wc -l)" -eq 6 ]
    [ "$(stat -c '%a %u %g' "$root/etc/ld.so.cache")" = "644 0 0" ]
    run inside "$root" dlopen_all libcuda.so.1 libcuda.so libc.so.6
    echo "$output"
    [ "$status" -eq 0 ]
    rm "$root/etc/ld.so.cache"
    : >"$root/etc/ld.so.cache"
    run_driver_hook "$root"
    [ "$(listing "$root" | wc -l)" -eq 6 ]
}

@test "musl, and no loader at all: no cache is made" {
    root=$(make_root busybox)
    mkdir -p "$root"/etc "$root"/lib64
    run_driver_hook "$root"
    [ ! -e "$root/etc/ld.so.cache" ]
    # A stand-in for glibc's loader, as musl images bring it, does not change that.
    mkdir -p "$root/lib"
    echo >"$root/lib/ld-musl-x86_64.so.1"
    echo >"$root/lib64/ld-linux-x86-64.so.2"
    run_driver_hook "$root"
    [ ! -e "$root/etc/ld.so.cache" ]
    rm "$root/lib/ld-musl-x86_64.so.1"
    run_driver_hook "$root"
    [ -s "$root/etc/ld.so.cache" ]
}

# The same tree, once through the hook and once through a real ldconfig that is told the folder.
@test "a real ldconfig makes the same entries of the driver in the same order" {
    need_part debian-trixie
    root=$(make_root debian-trixie)
    give_driver "$root"
    run_driver_hook "$root"
    ours=$(listing "$root")
    [ -f "$root/etc/ld.so.conf.d/00-nvbind.conf" ]
    ldconfig -r "$root" 2>/dev/null
    theirs=$(listing "$root")
    diff <(drivers "$ours") <(drivers "$theirs")
    # Debian's ldconfig of another release may name a built-in folder differently.
    diff <(sed 's, => /usr/lib/, => /lib/,' <<<"$ours") <(sed 's, => /usr/lib/, => /lib/,' <<<"$theirs")
}

@test "hwcaps keep their place and their names" {
    need_part debian-trixie
    root=$(make_root debian-trixie)
    mkdir -p "$root/usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3"
    cp "$root/usr/lib/x86_64-linux-gnu/libz.so.1" \
        "$root/usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/"
    ldconfig -r "$root" 2>/dev/null
    listing "$root" | grep 'hwcap: "x86-64-v3"'
    run_hook "$root" --library=x86_64::/opt/gpu/libz.so.9::libz.so.1
    run listing "$root"
    echo "$output" | grep '^libz'
    [ "$(grep '^libz.so.1 ' <<<"$output" | sed 's/.*=> //')" = "$(printf '%s\n' \
        "$(grep 'x86-64-v3' <<<"$output" | sed 's/.*=> //')" /opt/gpu/libz.so.1 \
        "$(grep '^libz.so.1 (libc6,x86-64) => .*x86_64-linux-gnu' <<<"$output" | sed 's/.*=> //')")" ]
}

@test "the image's own libcuda stays listed behind ours" {
    need_part debian-trixie
    root=$(make_root debian-trixie)
    mkdir -p "$root/opt/stubs"
    cp "$(part_path driver-550)$hook_folder/libcuda.so.$hook_version" "$root/opt/stubs/libcuda.so.1"
    echo /opt/stubs >"$root/etc/ld.so.conf.d/stubs.conf"
    ldconfig -r "$root" 2>/dev/null
    give_driver "$root"
    run_driver_hook "$root"
    run listing "$root"
    [ "$(grep '^libcuda.so.1 ' <<<"$output" | sed 's/.*=> //')" = "$hook_folder/libcuda.so.1
/opt/stubs/libcuda.so.1" ]
}

@test "32-bit and 64-bit entries stand beside each other" {
    need_part debian-trixie
    root=$(make_root debian-trixie)
    run_hook "$root" "--library=x86_64::/usr/lib/x86_64-linux-gnu/libcuda.so.$hook_version::libcuda.so.1" \
        "--library=i386::/usr/lib/i386-linux-gnu/libcuda.so.$hook_version::libcuda.so.1" \
        "--library=aarch64::/usr/lib/aarch64-linux-gnu/libcuda.so.$hook_version::libcuda.so.1"
    run listing "$root"
    echo "$output" | grep cuda
    [[ $output = *'libcuda.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcuda.so.1'* ]]
    [[ $output = *'libcuda.so.1 (libc6) => /usr/lib/i386-linux-gnu/libcuda.so.1'* ]]
    [[ $output = *'libcuda.so.1 (libc6,AArch64) => /usr/lib/aarch64-linux-gnu/libcuda.so.1'* ]]
}

@test "mode and owner of the cache are kept" {
    need_part debian-trixie
    root=$(make_root debian-trixie)
    chmod 0640 "$root/etc/ld.so.cache"
    chown 7:8 "$root/etc/ld.so.cache"
    run_driver_hook "$root"
    [ "$(stat -c '%a %u %g' "$root/etc/ld.so.cache")" = "640 7 8" ]
}

@test "a second and a third start change nothing and leave nothing behind" {
    need_part debian-trixie
    root=$(make_root debian-trixie)
    give_driver "$root"
    run_driver_hook "$root"
    first=$(cd "$root" && find . -xdev -printf '%p %l %T@ %C@ %s\n' | LC_ALL=C sort)
    run_driver_hook "$root"
    run_driver_hook "$root" --no-openat2
    second=$(cd "$root" && find . -xdev -printf '%p %l %T@ %C@ %s\n' | LC_ALL=C sort)
    diff <(echo "$first") <(echo "$second")
    [[ $first != *.nvbind-hook.tmp* ]]
}

@test "an ldconfig inside keeps the driver, where a file in ld.so.conf.d is needed and only there" {
    need_part debian-trixie
    root=$(make_root debian-trixie)
    give_driver "$root"
    run_driver_hook "$root"
    grep -qx "$hook_folder" "$root/etc/ld.so.conf.d/00-nvbind.conf"
    chroot "$root" ldconfig
    run inside "$root" dlopen_all libcuda.so.1
    echo "$output"
    [ "$status" -eq 0 ]
    # A default folder of the image's loader, and one that its cache names, need no file.
    root=$(make_root debian-trixie)
    run_hook "$root" --library=x86_64::/usr/lib/x86_64-linux-gnu/libx.so.1.2::libx.so.1 \
        --library=x86_64::/usr/lib/liby.so.1.2::liby.so.1
    [ ! -e "$root/etc/ld.so.conf.d/00-nvbind.conf" ]
    # Without the folder of such files there is none.
    rm -r "$root/etc/ld.so.conf.d"
    run_hook "$root" --library=x86_64::/opt/x/libx.so.1.2::libx.so.1
    [ ! -e "$root/etc/ld.so.conf.d" ]
}

@test "installing a package inside, which runs ldconfig, keeps the driver" {
    need_part debian-trixie
    root=$(make_root debian-trixie)
    give_driver "$root"
    run_driver_hook "$root"
    mkdir -p "$root/tmp/p/DEBIAN" "$root/tmp/p/usr/lib/x86_64-linux-gnu"
    printf 'Package: nvbind-test\nVersion: 1\nArchitecture: amd64\nMaintainer: t <t@localhost>\nDescription: t\n' \
        >"$root/tmp/p/DEBIAN/control"
    echo 'activate-noawait ldconfig' >"$root/tmp/p/DEBIAN/triggers"
    cp "$root/usr/lib/x86_64-linux-gnu/libz.so.1" \
        "$root/tmp/p/usr/lib/x86_64-linux-gnu/libnvbindtest.so.1"
    TMPDIR=/tmp chroot "$root" dpkg-deb -b /tmp/p /tmp/p.deb
    before=$(stat -c %i "$root/etc/ld.so.cache")
    TMPDIR=/tmp chroot "$root" dpkg -i /tmp/p.deb
    [ "$(stat -c %i "$root/etc/ld.so.cache")" != "$before" ]
    run inside "$root" dlopen_all libcuda.so.1 libnvidia-ml.so.1
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "the real nvidia-smi gets as far as the kernel driver: exit 9" {
    need_part debian-trixie
    root=$(make_root debian-trixie)
    give_driver "$root"
    mkdir -p "$root/proc"
    run chroot "$root" nvidia-smi
    [ "$status" -eq 12 ]
    run_driver_hook "$root"
    run chroot "$root" nvidia-smi
    echo "$output"
    [ "$status" -eq 9 ]
}

# A stand-in for libcuda, with or without the note that NVIDIA's compatibility packages carry.
make_compat() {
    local root=$1 version=$2 drivers=$3 dir=$1/usr/local/cuda-13/compat
    mkdir -p "$dir"
    ln -sfn cuda-13 "$root/usr/local/cuda"
    echo 'int cuInit(void){return 0;}' >"$root/tmp/c.c"
    rm -f "$dir"/libcuda.so.*
    if [ -n "$drivers" ]; then
        cat >"$root/tmp/n.s" <<NOTE
.section .note.cuda.fwd_compatibility,"a",@note
.balign 4
.long 2f-1f, 4f-3f, 0
1: .asciz "NVIDIA Corporation"
2: .balign 4
3: .asciz "{\"format\":1,\"CUDA version\":\"13.1\",\"driver\":[$drivers],\"device\":[1,2,7]}"
4: .balign 4
NOTE
    else
        : >"$root/tmp/n.s"
    fi
    gcc -shared -nostdlib -Wl,-soname,libcuda.so.1 -o "$dir/libcuda.so.$version" "$root/tmp/c.c" \
        "$root/tmp/n.s"
    ln -sf "libcuda.so.$version" "$dir/libcuda.so.1"
    ln -sf libcuda.so.1 "$dir/libcuda.so"
    ln -sf libnvidia-nvvm.so.4.0 "$dir/libnvidia-nvvm.so.4"
}

first_libcuda() { listing "$1" | sed -n 's/^libcuda.so.1 .*=> //p' | head -1; }

@test "forward compatibility: by the note, else by the major version, and only when asked for" {
    need_part debian-trixie
    command -v gcc >/dev/null || skip "there is no compiler"
    # version, drivers of its note, option, whether it is to come first
    while read -r version drivers option wanted; do
        root=$(make_root debian-trixie)
        give_driver "$root"
        [ "$drivers" != - ] || drivers=
        [ "$option" != - ] || option=
        make_compat "$root" "$version" "$drivers"
        run_driver_hook "$root" ${option:+"$option"}
        got=$(first_libcuda "$root")
        echo "$version [$drivers] $option: $got"
        case $wanted in
            yes) [ "$got" = /usr/local/cuda/compat/libcuda.so.1 ] ;;
            no) [ "$got" = "$hook_folder/libcuda.so.1" ] ;;
        esac
    done <<'ROWS'
590.44.01 535,550,570 --cuda-compat=550.163.01 yes
590.44.01 535,570 --cuda-compat=550.163.01 no
550.200.01 550 --cuda-compat=550.163.01 yes
550.100.01 550 --cuda-compat=550.163.01 no
590.44.01 - --cuda-compat=550.163.01 yes
550.200.01 - --cuda-compat=550.163.01 no
470.1.1 - --cuda-compat=550.163.01 no
590.44.01 535,550,570 - no
ROWS
    run listing "$root"
    root=$(make_root debian-trixie)
    make_compat "$root" 590.44.01 550
    run_driver_hook "$root" --cuda-compat=550.163.01
    listing "$root" | grep -q '^libnvidia-nvvm.so.4 .*=> /usr/local/cuda/compat/libnvidia-nvvm.so.4$'
    # It outlives an ldconfig inside, as the driver does.
    [ "$(grep -n . "$root/etc/ld.so.conf.d/00-nvbind.conf" | sed -n 's/^2://p')" = /usr/local/cuda/compat ]
}
