# What nvbind run tells before the engine is called: sub-ids, user namespaces, groups, SELinux. The
# machine's files come from a simulated host's root.

# shellcheck disable=SC2154 # set by the helpers and by run
load ../lib/run
bats_require_minimum_version 1.5.0

setup() {
    run_setup
    fake_engine podman 4.3.1
    be_ordinary
    host=$BATS_TEST_TMPDIR/machine
    nvbind simulate "$host" --gpus 2 >/dev/null
    mkdir -p "$host/etc/sysctl.d" "$host"/proc/sys/{user,kernel} "$host/sys/fs/selinux/booleans" "$host/usr/bin"
    printf 'root:x:0:0::/root:/bin/sh\nnobody:x:%s:65534::/:/bin/sh\n' "$("${ordinary[@]}" id -u)" >"$host/etc/passwd"
    echo nobody:100000:65536 | tee "$host/etc/subuid" >"$host/etc/subgid"
    echo 1000 >"$host/proc/sys/user/max_user_namespaces"
    printf '#!/bin/sh\n' | tee "$host/usr/bin/newuidmap" >"$host/usr/bin/newgidmap"
    chmod 4755 "$host"/usr/bin/new?idmap
    : >"$calls"
    chmod a+rw "$calls"
    chmod -R a+rX "$host"
}

run_it() {
    "${ordinary[@]}" "$NVBIND_BIN/nvbind" --host-root "$host" run --rm --gpu 0 "$@" img
}

@test "a machine where it works: nothing is said, the engine is called" {
    run -0 --separate-stderr run_it
    [ -z "$stderr" ]
    [ "$(started)" = 1 ]
}

@test "no subordinate ids" {
    echo other:100000:65536 >"$host/etc/subuid"
    fails "nobody has no range in /etc/subuid" "usermod --add-subuids 165536-231071" run_it
    printf '%s:200000:65536\n' "$("${ordinary[@]}" id -u)" >"$host/etc/subuid"
    run -0 run_it
    # A storage that does without, or another source of ids.
    : >"$host/etc/subuid"
    mkdir -p "$host/etc/containers"
    printf '[storage.options.overlay]\nignore_chown_errors = "true"\n' >"$host/etc/containers/storage.conf"
    chmod -R a+rX "$host/etc"
    run -0 run_it
    rm "$host/etc/containers/storage.conf"
    echo 'subid: sss' >"$host/etc/nsswitch.conf"
    chmod a+r "$host/etc/nsswitch.conf"
    run -0 run_it
}

@test "no user namespaces" {
    echo 0 >"$host/proc/sys/user/max_user_namespaces"
    fails "user.max_user_namespaces is 0" "sudo sysctl --system" run_it
    echo 1000 >"$host/proc/sys/user/max_user_namespaces"
    echo 0 >"$host/proc/sys/kernel/unprivileged_userns_clone"
    fails "kernel.unprivileged_userns_clone is 0" "sudo sysctl --system" run_it
    echo 1 >"$host/proc/sys/kernel/unprivileged_userns_clone"
    echo 1 >"$host/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
    fails "AppArmor keeps programs" "apparmor_parser -r" run_it
    mkdir -p "$host/etc/apparmor.d"
    : >"$host/etc/apparmor.d/podman"
    run -0 run_it
    chmod 0755 "$host/usr/bin/newuidmap"
    : >"$calls"
    fails "newuidmap has neither" "chmod u+s /usr/bin/newuidmap" run_it
}

@test "root, Docker and a dry run are not asked" {
    : >"$host/etc/subuid"
    run -0 run_it --dry-run
    if [ "$(id -u)" = 0 ]; then
        run -0 --separate-stderr nvbind --host-root "$host" run --rm --gpu 0 img
        [[ $stderr != *subuid* ]]
    fi
}

@test "SELinux: the narrow boolean is named, and labels stay" {
    echo -n 1 >"$host/sys/fs/selinux/enforce"
    echo '0 0' | tee "$host/sys/fs/selinux/booleans/container_use_devices" \
        >"$host/sys/fs/selinux/booleans/container_use_xserver_devices"
    run -0 --separate-stderr run_it
    [[ $stderr = *"warning: SELinux enforces"*"hint: sudo setsebool -P container_use_xserver_devices 1"* ]]
    [ "$(started)" = 1 ]
    run ! grep -q security-opt "$calls"
    rm "$host/sys/fs/selinux/booleans/container_use_xserver_devices"
    run -0 --separate-stderr run_it
    [[ $stderr = *"setsebool -P container_use_devices 1"* ]]
    # Something was said about labels, or the boolean is on, or it is permissive.
    run -0 --separate-stderr run_it --security-opt label=type:container_runtime_t -v /tmp:/x:Z
    [[ $stderr != *SELinux* ]]
    grep -q -- '--security-opt label=type:container_runtime_t -v /tmp:/x:Z img' "$calls"
    echo '1 1' >"$host/sys/fs/selinux/booleans/container_use_devices"
    run -0 --separate-stderr run_it
    [[ $stderr != *SELinux* ]]
    echo '0 0' >"$host/sys/fs/selinux/booleans/container_use_devices"
    echo -n 0 >"$host/sys/fs/selinux/enforce"
    run -0 --separate-stderr run_it
    [[ $stderr != *SELinux* ]]
}

# nodes MODE OWNER: the machine's nodes become device nodes of those rights.
nodes() {
    local name
    [ "$(id -u)" = 0 ] || skip "only root makes device nodes"
    for name in nvidia0 nvidiactl nvidia-uvm nvidia-uvm-tools; do
        rm -f "$host/dev/$name"
        mknod -m "$1" "$host/dev/$name" c 195 0 || skip "no device nodes here"
        chown "$2" "$host/dev/$name"
    done
}

@test "nodes that are open by a group alone: keep-groups where it can work" {
    nodes 0660 0:44
    ordinary=(env HOME="$BATS_TEST_TMPDIR/home2" setpriv --reuid 65534 --regid 65534 --groups 44)
    printf '#!/bin/sh\necho crun version 1.14\n' >"$BATS_TEST_TMPDIR/bin/crun"
    chmod 0755 "$BATS_TEST_TMPDIR/bin/crun"
    run -0 run_it
    grep -q -- '--group-add keep-groups' "$calls"
    run -0 run_it --runtime crun
    : >"$calls"
    fails "open to you through a group alone" "nvbind run --runtime crun" run_it --runtime runc
    fails "excludes keeping it" "'--group-add keep-groups' alone" run_it --group-add audio
    run -0 run_it --group-add keep-groups
    [ "$(tail -n1 "$calls" | grep -o keep-groups | wc -l)" = 1 ]
    # The group is not the container's root's, whoever that is.
    : >"$calls"
    fails "is not open to all" "--userns=keep-id" run_it --userns=auto
    nodes 0666 0:0
    run -0 run_it --userns=auto
    ! grep -q keep-groups <<<"$(tail -n1 "$calls")"
}

@test "nodes that are closed" {
    nodes 0660 0:44
    fails "no permission on '$host/dev/" "sudo usermod -aG" run_it
}
