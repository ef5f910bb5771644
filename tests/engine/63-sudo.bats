# engines: podman54
# more engines:
#
# sudo nvbind run: root's own configuration, root's own engine. With Debian's sudo, laid into the root
# tree of its release.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    need_rootful
    need_part sudo-trixie
    need_part busybox
    cp -a "$(part_path sudo-trixie)/." /
    chmod 4755 /usr/bin/sudo
    printf 'Defaults env_keep += "NVBIND_HOST_ROOT CONTAINERS_STORAGE_CONF CONTAINERS_CONF"
root ALL=(ALL:ALL) ALL\n%s ALL=(ALL:ALL) NOPASSWD:SETENV: ALL\n' "$NVBIND_T_USER" >/etc/sudoers
    chmod 0440 /etc/sudoers
    printf 'auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession optional pam_permit.so\n' \
        >/etc/pam.d/sudo
    ldconfig
    ln -sf "$NVBIND_BIN"/nvbind* /usr/local/bin/
    TREE=$(part_path driver-550)
    export TREE
    import_image rootful busybox
    import_image rootless busybox
    # Each has a configuration of his own: root's means GPU 0, the caller's GPU 1.
    configure /root root 0
    configure "$NVBIND_T_DIR/home/$NVBIND_T_USER" "$NVBIND_T_USER" 1
}

configure() {
    install -d -o "$2" -g "$2" "$1/.config" "$1/.config/nvbind"
    printf '[gpu]\ndefault_selection = "%s"\n' "$3" >"$1/.config/nvbind/config.toml"
    chown "$2:$2" "$1/.config/nvbind/config.toml"
}

# by_sudo OPTION...: nvbind by the unprivileged user's sudo.
by_sudo() {
    run --separate-stderr as_user env "NVBIND_HOST_ROOT=$TREE" \
        "CONTAINERS_STORAGE_CONF=$NVBIND_T_DIR/conf/root/storage.conf" \
        "CONTAINERS_CONF=$NVBIND_T_DIR/conf/root/crun.conf" \
        sudo "$@" localhost/nvbind-test/busybox sh -c 'id -u; cat /proc/self/uid_map; ls /dev'
    echo "$output $stderr"
}

@test "the caller without sudo has his own" {
    use_runtime crun
    run as_user env "NVBIND_HOST_ROOT=$TREE" nvbind run --rm --network=none \
        localhost/nvbind-test/busybox ls /dev
    echo "$output"
    [[ $output = *nvidia1* && $output != *nvidia0* ]]
}

@test "sudo nvbind run: root's" {
    by_sudo nvbind run --rm --network=none
    [ "$status" -eq 0 ]
    [[ $output = *nvidia0* && $output != *nvidia1* ]]
    [[ ${lines[1]} =~ ^\ +0\ +0\ +4294967295 ]]
}

@test "sudo that leaves the caller's home: root's all the same" {
    by_sudo -E "HOME=$NVBIND_T_DIR/home/$NVBIND_T_USER" nvbind run --rm --network=none
    [ "$status" -eq 0 ]
    [[ $output = *nvidia0* && $output != *nvidia1* ]]
    # Nothing of root's was left in the caller's home.
    run find "$NVBIND_T_DIR/home/$NVBIND_T_USER" -path '*nvbind*' -uid 0
    [ -z "$output" ]
}

@test "an engine that others can write is not run by root" {
    mkdir -p "$NVBIND_T_DIR/tmp/open"
    printf '#!/bin/sh\ntouch %s/tmp/was-run\necho "podman version 5.4.2"\n' "$NVBIND_T_DIR" \
        >"$NVBIND_T_DIR/tmp/open/podman"
    chmod 0777 "$NVBIND_T_DIR/tmp/open" "$NVBIND_T_DIR/tmp/open/podman"
    by_sudo "PATH=$NVBIND_T_DIR/tmp/open:$PATH" nvbind run --rm
    [ "$status" -eq 125 ]
    [[ $stderr = *"$NVBIND_T_DIR/tmp/open"* ]]
    [ ! -e "$NVBIND_T_DIR/tmp/was-run" ]
}
