# nvbind config: what it shows, writes and refuses, and that an untrusted folder gets nothing.

bats_require_minimum_version 1.5.0

setup() {
    PATH=$NVBIND_BIN:$PATH
    unset XDG_CONFIG_HOME XDG_STATE_HOME
    for name in "${!NVBIND_@}"; do
        [ "$name" = NVBIND_BIN ] || unset "$name"
    done
    home=$BATS_TEST_TMPDIR/home
    mkdir -p "$home/.config/nvbind" "$home/project"
    user=$home/.config/nvbind/config.toml
    export HOME=$home
    cd "$home/project"
}

# as_user WORD...: nvbind, as an unprivileged user where the tester is root, who has no ./nvbind.toml.
as_user() {
    if [ "$(id -u)" != 0 ]; then
        nvbind "$@"
        return
    fi
    chown -R 65534:65534 "$home"
    # The folders above belong to root and let nobody but root in.
    cp "$NVBIND_BIN/nvbind" "$home/nvbind-binary"
    unshare --mount sh -c 'mount --bind "$1" /mnt && cd /mnt/project && shift &&
        HOME=/mnt exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
            /mnt/nvbind-binary "$@"' sh "$home" "$@"
}

# refuses STATUS MESSAGE HINT WORD...: one error with its hint, nothing on standard output.
refuses() {
    local status=$1 message=$2 hint=$3
    shift 3
    run "-$status" --separate-stderr "$@"
    printf 'said: %s\n' "$stderr"
    [ -z "$output" ]
    [ "${stderr_lines[0]}" = "nvbind: error: $message" ]
    [ -z "$hint" ] || [ "${stderr_lines[1]}" = "  hint: $hint" ]
}

@test "show without a file: the defaults, and it is TOML that validates" {
    run -0 nvbind config show
    [[ $output = *'default_selection = "all"'* ]]
    [[ $output = *'allow_rootless = true'* ]]
    printf '%s\n' "$output" >shown.toml
    run -0 --separate-stderr nvbind config validate shown.toml
    [ -z "$output$stderr" ]
}

@test "the reference document's blocks load as written" {
    for block in podman-default podman-rootless podman-gaming; do
        cp "$NVB_SOURCE/tests/data/config/$block.toml" "$user"
        run -0 --separate-stderr nvbind config validate
        [ -z "$output$stderr" ]
    done
    cp "$NVB_SOURCE/tests/data/config/podman-default.toml" "$user"
    run -0 nvbind config show --origin
    [[ $output = *"default_args = [\"--rm\", \"-it\"]  # $user:3"* ]]
    [[ $output = *"NVIDIA_VISIBLE_DEVICES = \"all\"  # $user:18"* ]]
    [[ $output = *'# profiles is not set'* ]]
}

@test "show --json says the same, with origins" {
    printf '[gpu]\ndefault_selection = "0"\n[runtime.environment]\nTZ = "UTC"\n' >"$user"
    nvbind config show --json >plain.json
    [ "$(jq -r .gpu.default_selection plain.json)" = 0 ]
    [ "$(jq -r .runtime.environment.TZ plain.json)" = UTC ]
    [ "$(jq -c .runtime.profiles plain.json)" = '[]' ] ||
        [ "$(jq -c .runtime.profiles plain.json)" = null ]
    nvbind config show --json --origin >origin.json
    [ "$(jq -r '.gpu.default_selection | "\(.value) \(.layer) \(.file):\(.line)"' origin.json)" = \
        "0 user $user:2" ]
    [ "$(jq -r '.security.allow_rootless.layer' origin.json)" = default ]
    NVBIND_GPU=1 nvbind config show --json --origin >variable.json
    [ "$(jq -r '.gpu.default_selection | "\(.value) \(.layer) \(.variable)"' variable.json)" = \
        "1 environment NVBIND_GPU" ]
}

@test "variables of the environment win over files, --config is read alone" {
    printf '[gpu]\ndefault_selection = "0"\nenable_isolation = true\n' >"$user"
    printf '[gpu]\ndefault_selection = "3"\n' >other.toml
    run -0 env NVBIND_GPU=1,2 nvbind config show --origin
    [[ $output = *'default_selection = "1,2"  # NVBIND_GPU'* ]]
    [[ $output = *"enable_isolation = true  # $user:3"* ]]
    run -0 nvbind --config other.toml config show --origin
    [[ $output = *'default_selection = "3"  # other.toml:2'* ]]
    [[ $output = *'enable_isolation = false  # default'* ]]
    run -0 env NVBIND_CONFIG=other.toml nvbind config show
    [[ $output = *'default_selection = "3"'* ]]
    refuses 2 "cannot read 'absent.toml': No such file or directory" '' \
        nvbind --config absent.toml config show
    refuses 2 "NVBIND_RUNTIME: runtime.default_runtime: 'podmna' is none of podman, docker" \
        "did you mean 'podman'?" env NVBIND_RUNTIME=podmna nvbind config show
}

@test "a misspelt variable is said once" {
    run -0 --separate-stderr env NVBIND_GPUS=1 nvbind config show
    [ "$stderr" = "nvbind: warning: the variable NVBIND_GPUS means nothing to nvbind
  hint: did you mean NVBIND_GPU?" ]
}

@test "init writes a file that is sound, and replaces none" {
    rmdir "$home/.config/nvbind" "$home/.config"
    run -0 nvbind config init
    [ "$output" = "$user" ]
    run -0 --separate-stderr nvbind config validate
    [ -z "$output$stderr" ]
    grep -q '^# default_selection = "all"$' "$user"
    refuses 2 "'$user' is there already" "nvbind config init --force replaces it" nvbind config init
    echo '[gpu]' >"$user"
    nvbind config init --force
    [ "$(wc -l <"$user")" -gt 20 ]
    nvbind config init --output - | diff - "$user"
    refuses 2 "--output is a folder" "" nvbind config init --output made/
    refuses 2 "--output is empty" "" nvbind config init --output ''
    [ ! -e made ]
    nvbind config init --output here/there.toml
    diff here/there.toml "$user"
    # Every key taken out of its comment is a key.
    sed -E 's/^# (\[.*|[A-Za-z_]+ = .*)/\1/' "$user" >all.toml
    [ "$(grep -cE '^[A-Za-z_]+ = ' all.toml)" = 12 ]
    run -0 --separate-stderr nvbind config validate all.toml
    [ -z "$output$stderr" ]
}

@test "what is wrong is said with file, line and column, and all of it" {
    cp "$NVB_SOURCE/tests/data/config/bad/several-faults.toml" "$user"
    refuses 1 "$user:2:19: runtime.default_runtime: 'docke' is none of podman, docker" \
        "did you mean 'docker'?" nvbind config validate
    [ "${stderr_lines[2]}" = "nvbind: error: $user:3:1: unknown key 'runtime.default_arg'" ]
    [ "${stderr_lines[4]%%;*}" = \
        "nvbind: error: $user:6:20: gpu.enable_isolation is a whole number (1)" ]
    refuses 2 "$user:2:19: runtime.default_runtime: 'docke' is none of podman, docker" \
        "did you mean 'docker'?" nvbind config show
    [ "${#stderr_lines[@]}" = 2 ]
}

@test "validate holds default_args against the engines' options, and selections against their grammar" {
    printf '[runtime]\ndefault_args = ["--rm",\n  "--volum=a:b"]\n' >"$user"
    refuses 1 "$user:3:3: default_args: unknown option '--volum'" "did you mean '--volume'?" \
        nvbind config validate
    refuses 1 "$user:3:3: default_args: unknown option '--volum'" "" nvbind config validate "$user"
    printf '[gpu]\ndefault_selection = "purple"\n' >"$user"
    refuses 1 "$user:2:21: 'purple' is not a GPU" "" nvbind config validate
    printf '[runtime.environment]\nNVIDIA_VISIBLE_DEVICES = "count=2"\n' >"$user"
    refuses 1 "$user:2:26: NVIDIA_VISIBLE_DEVICES=count=2: 'count=2' is not a GPU" "" \
        nvbind config validate
    printf '[runtime]\ndefault_args = ["--rm", "-v", "$X:/x"]\n[runtime.environment]\nNVIDIA_VISIBLE_DEVICES = "$GPUS"\n' >"$user"
    run -0 --separate-stderr nvbind config validate
    [ -z "$output$stderr" ]
}

@test "path lists files that cannot be used as well" {
    printf '[gpu]\n' >"$user"
    chmod 666 "$user"
    run -0 --separate-stderr nvbind config path
    [[ $output = *"user "*"refused"*"$user"* ]]
    [ "${stderr_lines[1]}" = "  hint: nvbind config validate" ]
    chmod 644 "$user"
    printf '[gpu\n' >"$user"
    run -0 --separate-stderr nvbind config path
    [[ $output = *"user "*"wrong"*"$user"* ]]
    chmod 600 "$user"
    run -0 --separate-stderr nvbind config path
    [[ $output = *"project "* ]]
    [ "$(id -u)" = 0 ] || skip "only root can take a file away from a user"
    cp "$user" "$home/project/nvbind.toml"
    as_user config path # makes $home theirs
    chown 0:0 "$home/.config/nvbind/config.toml"
    run --separate-stderr unshare --mount sh -c 'mount --bind "$1" /mnt && cd /mnt/project &&
        HOME=/mnt exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
            /mnt/nvbind-binary config path' sh "$home"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output = *"user "*"unreadable"* ]]
}

@test "another user's ./nvbind.toml is passed over, and stops nobody" {
    [ "$(id -u)" = 0 ] || skip "only root can give a file away"
    printf '[gpu]\ndefault_selection = "0"\n' >nvbind.toml
    as_user config path
    run -0 as_user config show
    [[ $output = *'default_selection = "0"'* ]]
    for text in 'gpu.default_selection = "1"' 'not TOML' '[runtime]\ndefault_args = ["--privileged"]'; do
        # shellcheck disable=SC2059 # the text has its own line ends
        printf "$text\n" >nvbind.toml
        chmod 600 nvbind.toml
        run -0 --separate-stderr others_file config show
        [[ $output = *'default_selection = "all"'* ]]
        [ "${stderr_lines[0]}" = "nvbind: warning: './nvbind.toml' belongs to user 65533 and is ignored" ]
        [ "${#stderr_lines[@]}" = 2 ]
    done
    # So is a link, wherever it leads; and nobody vouches for it by mistake.
    rm nvbind.toml
    ln -s /etc/passwd nvbind.toml
    run -0 --separate-stderr others_file config show
    [[ $stderr = *"is ignored"* ]]
    run -2 --separate-stderr others_file config trust
    [[ $stderr = *"symbolic link"* ]]
}

# As as_user, with the ./nvbind.toml in the hands of a third user.
others_file() {
    chown -R 65534:65534 "$home"
    chown -h 65533:65533 "$home/project/nvbind.toml"
    unshare --mount sh -c 'mount --bind "$1" /mnt && cd /mnt/project && shift &&
        HOME=/mnt exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
            /mnt/nvbind-binary "$@"' sh "$home" "$@"
}

@test "in a user namespace that knows no root, that is what is said" {
    printf '[gpu]\n' >"$user"
    run unshare --user --map-root-user true
    [ "$status" -eq 0 ] || skip "no user namespaces here"
    [ "$(id -u)" = 0 ] || skip "everything here would belong to the user himself"
    chown -R 65533:65533 "$home"
    run --separate-stderr unshare --mount sh -c 'mount --bind "$1" /mnt && cp "$2" /mnt/nvbind-binary && cd / &&
        exec setpriv --reuid 65533 --regid 65533 --clear-groups unshare --user --map-root-user \
            env HOME=/mnt /mnt/nvbind-binary config show' sh "$home" "$NVBIND_BIN/nvbind"
    echo "$stderr"
    [ "$status" -eq 2 ]
    [ "${stderr_lines[0]}" = "nvbind: error: '/' belongs to nobody that this user namespace knows, so whether it is root's cannot be told; it is not used" ]
    [ "${stderr_lines[1]}" = "  hint: run nvbind outside of it: it needs no 'podman unshare'" ]
}

@test "10 MiB, nesting of 10,000, bytes that are not UTF-8, [@x]: one error each" {
    head -c 10485760 /dev/zero | tr '\0' '#' >big.toml
    { printf 'a = 1\nb = '; head -c 10000 /dev/zero | tr '\0' '['; } >deep.toml
    { printf '[a'; for _ in $(seq 10000); do printf .a; done; echo ]; } >dotted.toml
    printf '[gpu]\ndefault_selection = "\xff"\n' >bytes.toml
    printf '[@x]' >at.toml
    refuses 1 "big.toml:1:1048577: the file is larger than 1 MiB; a configuration is not" '' \
        nvbind config validate big.toml
    refuses 1 "deep.toml:2:37: nested more than 32 deep" '' nvbind config validate deep.toml
    refuses 1 "dotted.toml:1:67: nested more than 32 deep" '' nvbind config validate dotted.toml
    refuses 1 "bytes.toml:2:22: a byte here is not UTF-8, as TOML must be" '' \
        nvbind config validate bytes.toml
    run -1 --separate-stderr nvbind config validate at.toml
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr = "nvbind: error: at.toml:1:2: this is not TOML"* ]]
}

@test "a file that another user could write is refused" {
    printf '[gpu]\n' >"$user"
    chmod 666 "$user"
    refuses 2 "'$user' can be written by others; it is not used" "chmod go-w '$user'" \
        nvbind config show
    chmod 644 "$user"
    chmod 777 "$home/.config"
    refuses 2 "'$home/.config' can be written by others; it is not used" \
        "chmod go-w '$home/.config'" nvbind config show
    chmod 755 "$home/.config"
    [ "$(id -u)" = 0 ] || skip "only root can give a file away"
    chown 65534 "$user"
    refuses 2 "'$user' belongs to user 65534, who could change it; it is not used" \
        "sudo -H nvbind ..., which reads root's own" \
        nvbind config show
}

@test "what a user's own group may write is well, unless somebody else is in it" {
    [ "$(id -u)" = 0 ] || skip "only root can make a user up"
    printf '[gpu]\ndefault_selection = "0"\n' >"$user"
    chown -R 4242:4242 "$home"
    cp "$NVBIND_BIN/nvbind" "$home/nvbind-binary"
    chmod 775 "$home/.config"
    chmod 664 "$user"
    # as_ada MEMBER: as a user with a group of her name that lists MEMBER.
    as_ada() {
        echo 'ada:x:4242:4242::/mnt:/bin/sh' >passwd
        echo "ada:x:4242:$1" >group
        unshare --mount sh -c 'mount --bind passwd /etc/passwd && mount --bind group /etc/group &&
            mount --bind "$1" /mnt && HOME=/mnt exec setpriv --reuid 4242 --regid 4242 \
                --clear-groups --inh-caps=-all /mnt/nvbind-binary config show' sh "$home"
    }
    run -0 as_ada ''
    [[ $output = *'default_selection = "0"'* ]]
    run -2 as_ada bob
    [[ $output = *'can be written by others'* ]]
    chmod 666 "$user"
    run -2 as_ada ''
}

@test "as root ./nvbind.toml is ignored, and cannot be trusted" {
    [ "$(id -u)" = 0 ] || skip "not root"
    printf '[runtime]\ndefault_args = ["--privileged"]\n' >nvbind.toml
    run -0 nvbind config path
    [[ ${lines[3]} = project*ignored*./nvbind.toml ]]
    run -0 nvbind config show
    [[ $output != *privileged* ]]
    refuses 2 "as root a nvbind.toml is never read" "nvbind --config ./nvbind.toml ..." \
        nvbind config trust
}

@test "as a user ./nvbind.toml narrows, and adds nothing until it is trusted" {
    printf '[gpu]\ndefault_selection = "0"\n[runtime.environment]\nTZ = "UTC"\n' >nvbind.toml
    run -0 as_user config show --origin
    [[ $output = *'default_selection = "0"  # ./nvbind.toml:2'* ]]
    [[ $output = *'TZ = "UTC"  # ./nvbind.toml:4'* ]]

    printf '[runtime]\ndefault_args = ["-v", "/:/host"]\n' >nvbind.toml
    refuses 2 "./nvbind.toml:2:16: runtime.default_args needs trust: this file came with the folder" \
        "read the file, then: nvbind config trust" as_user config show
    refuses 1 "./nvbind.toml:2:16: runtime.default_args needs trust: this file came with the folder" \
        "read the file, then: nvbind config trust" as_user config validate
    run -0 as_user config trust
    [[ ${lines[0]} = */project/nvbind.toml\ is\ trusted\ as\ it\ is\ now ]]
    [[ ${lines[1]} = '  line 2: runtime.default_args needs trust'* ]]
    run -0 as_user config show
    [[ $output = *'default_args = ["-v", "/:/host"]'* ]]
    run -0 as_user config path
    [[ ${lines[3]} = project*trusted*./nvbind.toml ]]

    echo '# one more line' >>nvbind.toml
    run -2 as_user config show
    printf '[runtime]\ndefault_args = ["-v", "/:/host"]\n' >nvbind.toml
    run -0 as_user config show
    run -0 as_user config trust --revoke
    run -2 as_user config show
    run -0 as_user config trust --revoke
    [[ $output = *'was not trusted' ]]
}

@test "the record of trusted files is what sha256sum checks" {
    printf '[runtime]\ndefault_args = ["--rm"]\n' >nvbind.toml
    as_user config trust
    record=$home/.local/state/nvbind/trusted
    [ "$(stat -c %a "$record")" = 600 ]
    read -r hash path <"$record"
    [ "$hash" = "$(sha256sum <nvbind.toml | cut -d' ' -f1)" ]
    [[ $path = */project/nvbind.toml ]]
    chmod 622 "$record"
    run -2 --separate-stderr as_user config show
    [[ $stderr = *'can be written by others'* ]]
}

@test "a link in a folder lends no other folder's trust" {
    printf '[gpu]\ndefault_selection = "0"\n' >other.toml
    ln -s other.toml nvbind.toml
    refuses 2 "'./nvbind.toml' is a symbolic link; it is not used" '' as_user config show
}

@test "only the working folder's file counts" {
    printf '[gpu]\ndefault_selection = "7"\n' >nvbind.toml
    printf '[gpu]\ndefault_selection = "6"\n' >"$home/nvbind.toml"
    mkdir below
    run -0 as_user config show
    [[ $output = *'default_selection = "7"'* ]]
    rm nvbind.toml
    run -0 as_user config show
    [[ $output = *'default_selection = "all"'* ]]
    refuses 2 "cannot read './nvbind.toml': No such file or directory" '' as_user config trust
}

@test "wrong calls" {
    refuses 2 "unknown command 'config shwo'" "did you mean 'nvbind config show'?" nvbind config shwo
    refuses 2 "config show takes no 'x'" '' nvbind config show x
    refuses 2 "'x.toml' is not called nvbind.toml, so nothing reads it by itself" '' \
        nvbind config trust x.toml
    refuses 2 "unknown option '--orign'" "did you mean --origin?" nvbind config show --orign
    run -2 nvbind config
    [[ ${lines[0]} = "usage: nvbind config"* ]]
}
