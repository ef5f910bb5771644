# nvbind config engine: one line in the user's containers.conf, everything else as it was.

# shellcheck disable=SC2154 # set by the helpers and by run
load ../lib/run
bats_require_minimum_version 1.5.0

setup() {
    run_setup
    fake_engine podman 5.8.0
    be_ordinary
    home=$BATS_TEST_TMPDIR/home2
    conf=$home/.config/containers/containers.conf
    "${ordinary[@]}" mkdir -p "${conf%/*}"
    folder=$home/.local/share/nvbind/cdi
}

engine() {
    "${ordinary[@]}" "$NVBIND_BIN/nvbind" config engine "$@"
}

put() { "${ordinary[@]}" tee "$conf" >/dev/null; }

readonly key='cdi_spec_dirs = ["/etc/cdi", "/var/run/cdi", '

@test "no file: shown without one being made, then made" {
    run -0 engine
    [ "$output" = "$conf:2
  [engine]
+ $key\"$folder\"]
nothing is changed yet: nvbind config engine --write" ]
    [ ! -e "$conf" ]
    run -0 engine --write
    [ "$(cat "$conf")" = "[engine]
$key\"$folder\"]" ]
    run -0 engine --write
    [ "$output" = "Podman reads $folder already" ]
}

@test "the rest of the file stays, whatever it looks like" {
    printf '# mine\n[containers]\nlog_size_max = 1 # here\n\n  [engine]   # there\nruntime = "crun"\n[network]\n' | put
    "${ordinary[@]}" chmod 0640 "$conf"
    cp "$conf" before
    run -0 engine --write
    [ "$(diff before "$conf")" = "5a6
> $key\"$folder\"]" ]
    [ "$(stat -c %a "$conf")" = 640 ]

    printf '[containers]\nlog_size_max = 1' | put
    run -0 engine --write
    [ "$(cat "$conf")" = "[containers]
log_size_max = 1

[engine]
$key\"$folder\"]" ]
}

@test "a list that is there gets one more item; one over several lines is left to the user" {
    printf '[engine]\ncdi_spec_dirs = ["/a b"] # mine\nruntime = "crun"\n' | put
    run -0 engine --write
    [ "$(cat "$conf")" = "[engine]
cdi_spec_dirs = [\"/a b\", \"$folder\"] # mine
runtime = \"crun\"" ]
    printf '[engine]\ncdi_spec_dirs = [\n  "/a",\n]\n' | put
    cp "$conf" before
    run -2 --separate-stderr engine --write
    [[ $stderr = *"$conf:2:"*"left to you"*"hint: cdi_spec_dirs = [\"/a\", \"$folder\"]"* ]]
    cmp before "$conf"
    printf '[engine\n' | put
    run -2 --separate-stderr engine --write
    [[ $stderr = *"$conf:1:"* ]]
}

@test "a link stays a link, and CONTAINERS_CONF is the file that counts" {
    "${ordinary[@]}" mkdir "$home/dotfiles"
    "${ordinary[@]}" ln -s "$home/dotfiles/conf" "$conf"
    echo '[engine]' | "${ordinary[@]}" tee "$home/dotfiles/conf" >/dev/null
    run -0 engine --write
    [ -L "$conf" ]
    grep -q cdi_spec_dirs "$home/dotfiles/conf"
    ordinary+=(env CONTAINERS_CONF="$home/other.conf")
    run -0 engine
    [[ $output = "$home/other.conf:2"* || $output = *already* ]]
}

@test "not for an older Podman, nor for root" {
    fake_engine podman 5.5.2
    run -1 --separate-stderr engine
    [[ $stderr = *"Podman 5.5.2"*"(5.6 does)"*"sudo nvbind cdi refresh"* ]]
    [ "$(id -u)" = 0 ] || return 0
    run -2 --separate-stderr nvbind config engine
    [[ $stderr = *"root's containers"*"nvbind cdi refresh"* ]]
    run -2 --separate-stderr engine extra
}
