# Bats helpers for a machine of a test's own with a real systemd as its process 1: the root tree
# "tree-systemd" with Podman 5.4 and Docker 26, booted by systemd-nspawn, with a driver's real files
# and nodes behind which there is no GPU, and nvbind installed in /usr/local. Beside
# tests/lib/engine.bash, inside tests/lib/ns, as root.
#
#   machine_why                 why none can be booted here; 1 if so
#   machine_up                  makes it, with the driver of "driver-550", and boots
#   machine_reboot              as "systemctl reboot" does; what was enabled comes up
#   machine_down                ends it; nothing stays but its engines' images, in the cache
#   machine_driver PART         what an upgrade does: other files, a new linker cache
#   machine_image NAME...       images whose container shows its GPUs and stays until it is stopped
#   machine_lab                 PyRLab's mini, and pyrlab/ in the user's home
#   root COMMAND...             as root in the machine
#   login COMMAND...            as its ordinary user, who has no login: started by the user's systemd
#   user_ctl ARGS...            the user's systemctl
#   until_true SECONDS COMMAND...   waits
#
# $MACHINE is the machine's root folder, $MACHINE_USER the ordinary user (linger is on). Changes to
# the tree are copies in memory. The engines' stores lie in the cache: overlay cannot lie on overlay.

machine_why() {
    local part
    [ "$NVBIND_T_MODE" = root ] || { echo "started by an ordinary user: no machine boots"; return 1; }
    command -v systemd-nspawn >/dev/null || { echo "systemd-nspawn is not installed"; return 1; }
    for part in /dev/net/tun /dev/fuse; do
        [ -c "$part" ] || { echo "this machine has no $part"; return 1; }
    done
    for part in tree-systemd driver-550 driver-535 busybox; do
        "$NVBIND_T_SRC/tests/lib/cache" why "$part" || return 1
    done
}

machine_up() {
    local dir=$NVBIND_T_DIR/machine tree
    export MACHINE=$dir/root MACHINE_USER=gpu-user MACHINE_UID=1234
    export MACHINE_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    MACHINE_GROUP=/sys/fs/cgroup/nvbind-machine-$(date +%s%N)
    export MACHINE_GROUP
    tree=$(part_path tree-systemd)
    mkdir -p "$dir"/{upper,work,root}
    mount -t overlay overlay "$MACHINE" -o "lowerdir=$tree,upperdir=$dir/upper,workdir=$dir/work"
    machine_settle
    machine_install
    machine_driver driver-550
    machine_boot
    root podman rm -fa >/dev/null
    login podman rm -fa >/dev/null
}

# The user, the engines' settings, and nothing of what a container does not need at boot.
machine_settle() {
    local etc=$MACHINE/etc home=$MACHINE/home/$MACHINE_USER file unit
    echo "$MACHINE_USER:x:$MACHINE_UID:$MACHINE_UID::/home/$MACHINE_USER:/bin/bash" >>"$etc/passwd"
    echo "$MACHINE_USER:x:$MACHINE_UID:" >>"$etc/group"
    echo "$MACHINE_USER:*:20000:0:99999:7:::" >>"$etc/shadow"
    for file in subuid subgid; do
        echo "$MACHINE_USER:961300000:65536" >"$etc/$file"
    done
    mkdir -p "$home/.local/share/containers" "$MACHINE/var/lib/systemd/linger"
    chown -R "$MACHINE_UID:$MACHINE_UID" "$home"
    touch "$MACHINE/var/lib/systemd/linger/$MACHINE_USER"
    # Limits that this machine cannot raise; and its v2 tree may have no controllers.
    mkdir -p "$etc/containers/containers.conf.d"
    {
        sed -n '/^\[containers\]/p;/^default_ulimits/p' "$NVBIND_T_DIR/conf/root/crun.conf"
        echo 'pids_limit = 0'
    } >"$etc/containers/containers.conf.d/tests.conf"
    for unit in getty.target apt-daily.timer apt-daily-upgrade.timer fstrim.timer \
        dpkg-db-backup.timer docker.socket docker.service containerd.service \
        netavark-dhcp-proxy.socket netavark-dhcp-proxy.service systemd-pstore.service; do
        rm -f "$etc"/systemd/system/*.wants/"$unit"
    done
    for unit in console-getty getty@ systemd-modules-load systemd-networkd; do
        ln -sf /dev/null "$etc/systemd/system/$unit.service"
    done
    # A restart that takes ten seconds says no more than one that takes three; five in ten seconds,
    # and systemd gives up.
    for file in system user; do
        mkdir -p "$etc/systemd/$file/service.d"
        printf '[Service]\nRestartSec=3\n' >"$etc/systemd/$file/service.d/tests.conf"
    done
    # A user's Podman waits until something says that the network is there, and 90 s where nothing does.
    mkdir -p "$etc"/systemd/system/{multi-user,sysinit}.target.wants
    ln -sf /usr/lib/systemd/system/network-online.target \
        "$etc/systemd/system/multi-user.target.wants/"
    # The driver's module, as it were: what it shows below /proc, and its nodes.
    printf '%s\n' '[Unit]' DefaultDependencies=no Before=sysinit.target '[Service]' Type=oneshot \
        'ExecStart=mount --bind /opt/driver/proc/driver /proc/driver' \
        'ExecStart=cp -a /opt/driver/dev/. /dev/' >"$etc/systemd/system/machine-driver.service"
    ln -sf ../machine-driver.service "$etc/systemd/system/sysinit.target.wants/"
    # As every machine with a kernel of its own has it; a path unit watches /lib itself where not.
    mkdir -p "$MACHINE/usr/lib/modules/$(uname -r)" "$MACHINE/opt/driver"
    : >"$MACHINE/usr/lib/modules/$(uname -r)/modules.dep"
    cp -a "$(part_path driver-550)"/{proc,dev} "$MACHINE/opt/driver/"
}

# What "meson install" lays; that would also write in the build folder, which is not this test's.
machine_install() {
    local from to
    while IFS=$'\t' read -r from to; do
        install -D -m "$(stat -c %a "$from")" "$from" "$MACHINE$to"
    done < <(jq -r 'to_entries[] | [.key, .value] | @tsv' \
        "${NVBIND_BUILD:?}/meson-info/intro-installed.json")
}

machine_driver() {
    local from version big=('*core*' '*optix*' '*nvvm*' '*glvk*' '*firmware*' '*-ngx*' '*debugger*'
        '*opencl*' '*libnvidia-compiler*' '*cuvid*' '*encode*')
    from=$(part_path "$1")
    find "$MACHINE/usr/lib" "$MACHINE/usr/bin" "$MACHINE/etc/alternatives" \
        \( -name '*nvidia*' -o -name 'libcuda.*' \) -prune -exec rm -rf {} +
    (cd "$from" && find etc/alternatives usr/lib usr/bin \
        \( -name '*nvidia*' -o -name 'libcuda.*' \) -prune -print0) |
        tar -C "$from" "${big[@]/#/--exclude=}" --null -T - -cf - | tar -C "$MACHINE" --keep-directory-symlink -xf -
    version=$(basename "$MACHINE"/usr/lib/x86_64-linux-gnu/nvidia/current/libcuda.so.*.*)
    sed -i "s/Module  [0-9.]*/Module  ${version#libcuda.so.}/" \
        "$MACHINE/opt/driver/proc/driver/nvidia/version"
    /sbin/ldconfig -r "$MACHINE"
}

# The stores are the machine's own: their users have other numbers than those of the other tests.
machine_stores() {
    local store=$NVBIND_T_CACHE/store/machine
    [ "$(stat -f -c %T "$NVBIND_T_CACHE")" != overlayfs ] || store=$NVBIND_T_DIR/machine/store
    mkdir -p "$store-root" "$store-user"
    chown "$MACHINE_UID:$MACHINE_UID" "$store-user"
    printf '%s\n' "--bind=$store-root:/var/lib/containers" \
        "--bind=$store-user:/home/$MACHINE_USER/.local/share/containers"
}

machine_boot() {
    local dir=$NVBIND_T_DIR/machine binds
    mapfile -t binds < <(machine_stores)
    # shellcheck disable=SC2016 # for the shell inside
    unshare -m --propagation private bash -c '
        if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
            umount -l /sys/fs/cgroup && mount -n -t cgroup2 cgroup2 /sys/fs/cgroup
        fi
        mkdir -p "$MACHINE_GROUP" && echo $$ >"$MACHINE_GROUP/cgroup.procs"
        export SYSTEMD_NSPAWN_API_VFS_WRITABLE=1 SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
        exec systemd-nspawn -q -D "$MACHINE" --machine=nvbind --register=no --keep-unit \
            --console=pipe --boot --capability=all --system-call-filter=@known \
            --bind=/proc:/run/proc-host --bind=/sys:/run/sys-host \
            --bind=/dev/net/tun --bind=/dev/fuse "$@"' bash "${binds[@]}" \
        >"$dir/log" 2>&1 3>&- &
    echo $! >"$dir/nspawn"
    until_true 30 machine_is_up || { tail -n 20 "$dir/log" >&2; return 1; }
}

machine_is_up() {
    # In a file: a test that reboots it is another process than the next one.
    pgrep -P "$(cat "$NVBIND_T_DIR/machine/nspawn")" -x systemd >"$NVBIND_T_DIR/machine/leader" ||
        return 1
    [[ $(root systemctl is-system-running 2>/dev/null) = @(running|degraded) ]]
}

machine_ended() {
    ! [ -d "/proc/$(cat "$NVBIND_T_DIR/machine/nspawn")" ]
}

machine_reboot() {
    root systemctl reboot
    until_true 30 machine_ended
    machine_boot
}

# What was cut short leaves no control group behind.
machine_down() {
    [ -f "$NVBIND_T_DIR/machine/nspawn" ] || return 0
    # shellcheck disable=SC2016 # for the shell inside
    unshare -m --propagation private sh -c '
        [ -d "$1" ] || { umount -l /sys/fs/cgroup; mount -n -t cgroup2 cgroup2 /sys/fs/cgroup; }
        echo 1 >"$1/cgroup.kill"
        for i in 1 2 3 4 5 6 7 8 9; do
            find "$1" -depth -type d -exec rmdir {} + 2>/dev/null && break
            sleep 0.1
        done' sh "$MACHINE_GROUP"
}

# machine_enter [NAME=VALUE...] COMMAND...
machine_enter() {
    nsenter -t "$(cat "$NVBIND_T_DIR/machine/leader")" -a -- \
        env -i PATH="$MACHINE_PATH" LC_ALL=C.UTF-8 "$@"
}

root() {
    machine_enter HOME=/root USER=root "$@"
}

login() {
    machine_enter XDG_RUNTIME_DIR="/run/user/$MACHINE_UID" setpriv \
        --reuid "$MACHINE_UID" --regid "$MACHINE_UID" --init-groups \
        systemd-run --user --pipe --wait --collect --quiet --working-directory="/home/$MACHINE_USER" \
        -E LC_ALL=C.UTF-8 -E PATH="$MACHINE_PATH" -- "$@"
}

# The user's systemctl. It only asks that systemd, so it need not be started by it.
user_ctl() {
    machine_enter HOME="/home/$MACHINE_USER" XDG_RUNTIME_DIR="/run/user/$MACHINE_UID" setpriv \
        --reuid "$MACHINE_UID" --regid "$MACHINE_UID" --init-groups systemctl --user "$@"
}

# Busybox and what the real nvidia-smi needs of a C library.
machine_image() {
    local work=$NVBIND_T_DIR/machine/image from lib identity name key
    # What it is made of, and how.
    key=$(stat -c %Y-%s "$(part_path busybox)" "$(part_path driver-550)" | cksum)-1
    key=${key// /-}
    if [ ! -f "$work.tar" ]; then
        from=$(part_path driver-550)/usr/lib/x86_64-linux-gnu
        mkdir -p "$work/usr/lib/x86_64-linux-gnu" "$work/lib64"
        tar -C "$work" -xf "$(part_path busybox)"
        for lib in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1; do
            cp -L "$from/$lib" "$work/usr/lib/x86_64-linux-gnu/"
        done
        cp -L "$from/ld-linux-x86-64.so.2" "$work/lib64/"
        printf '%s\n' '#!/bin/sh' "trap 'exit 0' TERM" 'nvidia-smi >/dev/null' 'echo "smi $?"' \
            'sleep 100000 & wait' >"$work/bin/service"
        chmod 0755 "$work/bin/service"
        tar -C "$work" -cf "$work.tar" .
    fi
    for identity in root login; do
        for name; do
            [ "$("$identity" podman image inspect --format '{{index .Labels "nvbind.key"}}' \
                "$name" 2>/dev/null)" = "$key" ] ||
                "$identity" podman import -q --change "LABEL nvbind.key=$key" \
                    --change 'CMD ["/bin/service"]' --change 'ENV PATH=/usr/bin:/bin' \
                    - "$name" <"$work.tar" >/dev/null
        done
    done
}

machine_lab() {
    local home=$MACHINE/home/$MACHINE_USER part key
    part=$(part_path pyrlab)
    key=$home/.local/share/containers/pyrlab.key
    # The store is a mount of the machine's own.
    if [ "$(root cat "${key#"$MACHINE"}" 2>/dev/null)" != "$(cat "$part.stamp")" ]; then
        login podman load -q <"$part" >/dev/null
        login podman image prune -f >/dev/null
        root tee "${key#"$MACHINE"}" <"$part.stamp" >/dev/null
    fi
    cp -r "$NVBIND_T_SRC/pyrlab" "$home/pyrlab"
    sed -i "s|^CONTAINER_RUNTIME ?=.*|CONTAINER_RUNTIME := podman|; s|^PACKAGES ?=.*|PACKAGES := debian|
        s|^NOTEBOOKS ?=.*|NOTEBOOKS := /home/$MACHINE_USER/notes|
        s|^DOCKER ?=.*|DOCKER := /home/$MACHINE_USER/work|" "$home/pyrlab/Configuration.mk"
    mkdir -p "$home/notes" "$home/work"
    chown -R "$MACHINE_UID:$MACHINE_UID" "$home/pyrlab" "$home/notes" "$home/work"
}

until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || { echo "in vain: $*"; return 1; }
        sleep 0.1
    done
}
