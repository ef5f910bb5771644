# What the configuration adds to nvbind run, and what the user's words take away again.

# shellcheck disable=SC2154 # set by the helpers
load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    fake_engine podman 4.3.1
    mkdir -p "$HOME/.config/nvbind"
    chmod 0755 "$HOME" "$HOME/.config" "$HOME/.config/nvbind"
    config=$HOME/.config/nvbind/config.toml
}

# line WORDS...: what is run, without GPUs and without the engine's path.
line() {
    sim run --gpu none --dry-run "$@" img 2>err | sed 's/^[^ ]*\/podman //'
}

@test "the document's block for Podman" {
    cat >"$config" <<'TOML'
[runtime]
default_runtime = "podman"
default_args = ["--rm", "-it"]

[gpu]
default_selection = "all"
enable_isolation = true  # Podman supports advanced GPU isolation

[security]
allow_rootless = true
restrict_devices = false
security_opts = [
  "label=type:container_runtime_t"  # SELinux
]

# Podman-specific environment variables
[runtime.environment]
NVIDIA_VISIBLE_DEVICES = "all"
NVIDIA_DRIVER_CAPABILITIES = "all"
TOML
    # No terminal here, so no -t.
    [ "$(line)" = "run --rm -i --env NVIDIA_DRIVER_CAPABILITIES=all --security-opt label=type:container_runtime_t img" ]
    run -0 --separate-stderr sim run --dry-run=json img
    [ "$(jq -r .gpus.decided_by <<<"$output")" = "configuration NVIDIA_VISIBLE_DEVICES" ]
    [ "$(jq -r .gpus.capabilities <<<"$output")" = all ]
    [ "$(jq -r '.gpus.devices | length' <<<"$output")" = 8 ]
    [ "$(jq -r '.edits.env | join(" ")' <<<"$output")" = NVIDIA_VISIBLE_DEVICES=void ]
    [[ $output != *nvidia-uvm-tools* ]]
    run -0 --separate-stderr sim run --isolate=none --dry-run=json img
    [[ $output = *nvidia-uvm-tools* ]]
    # The user's words replace them.
    [ "$(line --restart=always)" = "run -i --env NVIDIA_DRIVER_CAPABILITIES=all --security-opt label=type:container_runtime_t --restart=always img" ]
    [ "$(line -d -e NVIDIA_DRIVER_CAPABILITIES=compute)" = "run --rm --security-opt label=type:container_runtime_t -d -e NVIDIA_DRIVER_CAPABILITIES=compute img" ]
}

@test "a terminal keeps -t" {
    echo 'runtime.default_args = ["-it"]' >"$config"
    command -v script >/dev/null || skip "script is not installed"
    run -0 script -qec "$NVBIND_BIN/nvbind run --gpu none --dry-run img" /dev/null
    [[ $output = *"/podman run -it img"* ]]
}

@test "the document's block for rootless use" {
    cat >"$config" <<'TOML'
# Enhanced rootless configuration
[security]
allow_rootless = true
restrict_devices = false

# Rootless Podman optimizations
[runtime]
default_args = [
  "--rm",
  "-it",
  "--security-opt", "label=disable",  # Disable SELinux for GPU access
  "--device-cgroup-rule", "c 195:* rmw",  # NVIDIA devices
  "--device-cgroup-rule", "c 510:0 rmw"   # NVIDIA UVM
]
TOML
    if [ "$(id -u)" -eq 0 ]; then
        [ "$(line)" = "run --rm -i --security-opt label=disable --device-cgroup-rule 'c 195:* rmw' --device-cgroup-rule 'c 510:0 rmw' img" ]
    else
        [ "$(line)" = "run --rm -i --security-opt label=disable img" ]
        [ "$(grep -c warning err)" -eq 1 ]
        grep -q 'device-cgroup-rule.*left out' err
    fi
}

@test "the document's block for games: a variable that is unset leaves its entry out" {
    cat >"$config" <<'TOML'
[runtime.environment]
NVIDIA_VISIBLE_DEVICES = "all"
NVIDIA_DLSS_ENABLED = "1"
DISPLAY = "$DISPLAY"
PULSE_RUNTIME_PATH = "/run/user/1000/pulse"
__GL_SHADER_DISK_CACHE_PATH = "/tmp"
TOML
    DISPLAY=:7 run -0 line
    [ "$output" = "run --env NVIDIA_DLSS_ENABLED=1 --env DISPLAY=:7 --env PULSE_RUNTIME_PATH=/run/user/1000/pulse --env __GL_SHADER_DISK_CACHE_PATH=/tmp img" ]
    unset DISPLAY
    [ "$(line)" = "run --env NVIDIA_DLSS_ENABLED=1 --env PULSE_RUNTIME_PATH=/run/user/1000/pulse --env __GL_SHADER_DISK_CACHE_PATH=/tmp img" ]
    [ "$(grep -c warning err)" -eq 1 ]
    grep -q DISPLAY err
}

@test "expansion stays inside one field of one option" {
    cat >"$config" <<'TOML'
[runtime]
default_args = ["-v", "$DATA:/data:ro", "-e", "A=$A", "--name", "${NAME:-plain}", "-ieB=$B"]
TOML
    DATA='/my data' A='x -v /:/host' B=1 run -0 line
    [ "$output" = "run -v '/my data:/data:ro' -e 'A=x -v /:/host' --name plain -ieB=1 img" ]
    A=1 B=1 run -0 line
    [ "$output" = "run -e A=1 --name plain -ieB=1 img" ]
    A=1 DATA=/d run -0 line
    [ "$output" = "run -v /d:/data:ro -e A=1 --name plain -i img" ]
    DATA=/:/host A=1 B=1 fails "config.toml:2" "" sim run --gpu none img
    echo 'runtime.default_args = ["$OPTION"]' >"$config"
    OPTION=--privileged fails "'\$OPTION' is not an option of the engine" "" sim run --gpu none img
}

@test "selection, capabilities and engine" {
    printf 'gpu.default_selection = "2,3"\ngpu.capabilities = ["video"]\n' >"$config"
    run -0 --separate-stderr sim run --rm --dry-run=json img
    [ "$(jq -c '[.gpus.devices[].index]' <<<"$output")" = "[2,3]" ]
    [ "$(jq -r .gpus.capabilities <<<"$output")" = video ]
    NVBIND_GPU=4 run -0 --separate-stderr sim run --rm --dry-run=json img
    [ "$(jq -c '[.gpus.devices[].index]' <<<"$output")" = "[4]" ]
    NVBIND_GPU=4 run -0 --separate-stderr sim run --rm --gpu 5 --capabilities compute --dry-run=json img
    [ "$(jq -c '[.gpus.devices[].index]' <<<"$output")" = "[5]" ]
    [ "$(jq -r .gpus.capabilities <<<"$output")" = compute ]
    fake_engine docker 26.1.5
    echo 'runtime.default_runtime = "docker"' >"$config"
    [ "$(sim run --gpu none --dry-run=json img | jq -r .engine.name)" = docker ]
    [ "$(sim run --gpu none --dry-run=json --runtime podman img | jq -r .engine.name)" = podman ]
    [ "$(NVBIND_RUNTIME=podman sim run --gpu none --dry-run=json img | jq -r .engine.name)" = podman ]
}

@test "additional devices come with GPUs, once" {
    echo 'gpu.additional_devices = ["/dev/fuse", "amd.com/gpu=0"]' >"$config"
    [ "$(line)" = "run img" ]
    run -0 sim run --rm --gpu 0 --device /dev/fuse --dry-run img
    [[ $output = *" run --device amd.com/gpu=0 --env "*" --label nvbind.gpus="*" --rm --device /dev/fuse img" ]]
}

@test "additional libraries come with GPUs; one that cannot is an error at its place" {
    local extra=$RUN_HOST/opt/extra
    mkdir -p "$extra"
    "$NVBIND_BUILD/tests/mkelf" --soname libextra.so.3 --out "$extra/libextra.so.3.1"
    ln -sf libextra.so.3.1 "$extra/libextra.so"
    echo 'gpu.additional_libraries = ["/opt/extra/libextra.so", "/opt/extra/libextra.so.3.1", "libcuda.so.1"]' >"$config"
    [ "$(line)" = "run img" ]
    mounts() { sim run "$@" --gpu 0 --dry-run=json img | jq -r '.edits.mounts[] | select(.host | test("libextra|libcuda.so")).container'; }
    # With the hook each is there once, as itself; without it by its names in the loader's folders.
    [ "$(mounts --rm | grep -c libextra)" = 1 ]
    [ "$(mounts --rm | grep -c 'libcuda.so')" = 1 ]
    [ "$(mounts | grep libextra)" = "/usr/lib/x86_64-linux-gnu/libextra.so.3
/usr/lib64/libextra.so.3
/usr/lib/x86_64-linux-gnu/libextra.so.3.1
/usr/lib64/libextra.so.3.1" ]
    # His own mount of that place wins.
    [ "$(sim run --gpu 0 -v /x:/usr/lib64/libextra.so.3 --dry-run=json img | jq -r '.edits.mounts[].container' | grep -c 'libextra.so.3$')" = 1 ]
    echo 'gpu.additional_libraries = ["libgone.so.1"]' >"$config"
    fails "$config:1:29: additional_libraries: the linker cache has no 'libgone.so.1'" "ldconfig -p" sim run img
    echo 'gpu.additional_libraries = ["/opt/extra/gone.so"]' >"$config"
    fails "$config:1:29: additional_libraries: cannot read '$RUN_HOST/opt/extra/gone.so'" "" sim run img
    echo text >"$extra/text.so"
    mkfifo "$extra/fifo.so"
    echo 'gpu.additional_libraries = ["/opt/extra/text.so"]' >"$config"
    fails "$config:1:29: additional_libraries: '/opt/extra/text.so' cannot be used as a library" "" sim run img
    echo 'gpu.additional_libraries = ["/opt/extra/fifo.so"]' >"$config"
    fails "is not a file" "" sim run img
    echo 'gpu.additional_libraries = ["/opt/../../../../../etc/hostname"]' >"$config"
    fails "cannot read '$RUN_HOST/" "" sim run img
    rm -r "$extra"
}

@test "a fault in the configuration names its place, and nothing is run" {
    printf '[runtime]\ndefault_args = ["--rm",\n  "alpine"]\n' >"$config"
    fails "$config:3:3" "" sim run --gpu none img
    printf '[runtime]\ndefault_args = ["--rm", "--volum=x"]\n' >"$config"
    fails "$config:2:" "did you mean '--volume'?" sim run --gpu none img
    printf '[runtime]\ndefault_args = ["--gpu", "all"]\n' >"$config"
    fails "'--gpu' is not an option of the engine" "" sim run --gpu none img
    printf '[gpu]\ndefault_selction = "all"\n' >"$config"
    fails "$config:2:" "default_selection" sim run --gpu none img
    printf 'gpu.default_selection = "purple"\n' >"$config"
    fails "$config:1:25: 'purple' is not a GPU" "" sim run img
    # A number that this machine does not have names where it stands, and a variable its name.
    printf 'gpu.default_selection = "9"\n' >"$config"
    fails "$config:1:25: there is no GPU '9': this machine has 8, 0 to 7" "" sim run img
    printf '[runtime.environment]\nNVIDIA_VISIBLE_DEVICES = "1,9"\n' >"$config"
    fails "$config:2:26: NVIDIA_VISIBLE_DEVICES=1,9: there is no GPU '9'" "" sim run img
    printf '[runtime]\ndefault_args = ["--rm", "-e", "NVIDIA_VISIBLE_DEVICES=9"]\n' >"$config"
    fails "$config:2:31: NVIDIA_VISIBLE_DEVICES=9: there is no GPU '9'" "" sim run img
    printf '[runtime.environment]\nNVIDIA_DRIVER_CAPABILITIES = "compte"\n' >"$config"
    fails "$config:2:30: NVIDIA_DRIVER_CAPABILITIES: 'compte'" "did you mean 'compute'?" sim run img
    printf '[runtime]\n' >"$config"
    fails "NVBIND_GPU: there is no GPU '77'" "" env NVBIND_GPU=77 "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" run img
    fails "NVIDIA_VISIBLE_DEVICES=9: there is no GPU '9'" "" sim run -e NVIDIA_VISIBLE_DEVICES=9 img
    printf 'gpu.default_selection = "purple"\n' >"$config"
    chmod 0666 "$config"
    fails "can be written by others" "" sim run --gpu none img
    fails "no-such-file" "" nvbind --config ./no-such-file run --gpu none img
}

@test "rootless can be refused" {
    be_ordinary
    printf '[security]\nallow_rootless = false\n' >"$config"
    fails "$config:2:" "as root" "${ordinary[@]}" "$NVBIND_BIN/nvbind" --config "$config" \
        run --gpu none img
    [ "$(id -u)" -ne 0 ] || [ "$(line)" = "run img" ]
}
