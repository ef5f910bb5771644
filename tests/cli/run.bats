# nvbind run on the command line: who decides about GPUs, what is added, what is passed on, and
# every kind of bad input. Engines are programs that write down how they were called.

# shellcheck disable=SC2154 # set by the helpers and by run
load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    fake_engine podman 4.3.1
}

# chosen WORDS...: indices of the GPUs of the plan.
chosen() {
    sim run --rm --dry-run=json "$@" img 2>/dev/null | jq -r '[.gpus.devices[].index] | join(",")'
}

plan() {
    sim run --rm --dry-run=json "$@" img
}

@test "who decides: --gpu, --gpus, --device, the variable, all" {
    [ "$(chosen)" = 0,1,2,3,4,5,6,7 ]
    [ "$(chosen -e NVIDIA_VISIBLE_DEVICES=1)" = 1 ]
    [ "$(chosen -e NVIDIA_VISIBLE_DEVICES=1 --device nvidia.com/gpu=2)" = 2 ]
    [ "$(chosen -e NVIDIA_VISIBLE_DEVICES=1 --device /dev/nvidia3)" = 3 ]
    [ "$(chosen --device /dev/nvidia3 --device nvidia.com/gpu=4)" = 3,4 ] ||
        [ "$(chosen --device /dev/nvidia3 --device nvidia.com/gpu=4)" = 4,3 ]
    [ "$(chosen --device nvidia.com/gpu=2 --gpus device=5,6)" = 5,6 ]
    [ "$(chosen --gpus device=5,6 --gpu 7)" = 7 ]
    [ "$(chosen --gpu 7 --gpu 0-2)" = 0,1,2 ]
    [ "$(chosen --gpu none)" = "" ]
    [ "$(chosen -e NVIDIA_VISIBLE_DEVICES=void)" = "" ]
    [ "$(chosen --runtime nvidia -e NVIDIA_VISIBLE_DEVICES=6)" = 6 ]
    [ "$(chosen --runtime nvidia)" = 0,1,2,3,4,5,6,7 ]
}

@test "what the caller's environment leaves" {
    [ "$(CUDA_VISIBLE_DEVICES=2,3 chosen)" = 2,3 ]
    [ "$(NVIDIA_VISIBLE_DEVICES=4 chosen --gpu all)" = 4 ]
    [ "$(SLURM_JOB_GPUS=5,6 CUDA_VISIBLE_DEVICES=0,1 chosen --gpu count=1)" = 5 ]
    [ "$(CUDA_VISIBLE_DEVICES='' NVIDIA_VISIBLE_DEVICES=void chosen --gpu 0,1)" = 0,1 ]
    # Not passed in, even where the whole environment is.
    run -0 --separate-stderr env CUDA_VISIBLE_DEVICES=2 "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" run --rm \
        --env-host --dry-run img
    [[ $output = "env -u CUDA_VISIBLE_DEVICES $BATS_TEST_TMPDIR/bin/podman "* ]]
}

@test "nothing is added twice, and the user's word wins" {
    # A container that stays gets its libraries by their names, whatever else is there.
    plan() { sim run --dry-run=json "$@" img; }
    local lib=/usr/lib/x86_64-linux-gnu/libcuda.so.1
    [ "$(plan --gpu 0 | jq -r --arg lib $lib '[.edits.mounts[].container | select(. == $lib)] | length')" = 1 ]
    for words in "-v /x:$lib" "--volume=/x:$lib:ro" "--mount type=bind,src=/x,dst=$lib" "--tmpfs $lib"; do
        # shellcheck disable=SC2086 # two words
        [ "$(plan --gpu 0 $words | jq -r --arg lib $lib '[.edits.mounts[].container | select(. == $lib)] | length')" = 0 ]
    done
    [ "$(plan --gpu 0 | jq -r '[.edits.env[] | select(startswith("NVIDIA_VISIBLE"))] | join(" ")')" = NVIDIA_VISIBLE_DEVICES=void ]
    [ "$(plan --gpu 0 -e NVIDIA_VISIBLE_DEVICES=0 | jq -r '.edits.env | length')" = 0 ]
    # A variable that decided is a request, and void inside like every request.
    [ "$(plan -e NVIDIA_VISIBLE_DEVICES=0 -e A=b | jq -r '[.argv[] | select(test("^(NVIDIA_VISIBLE|A=)"))] | join(" ")')" = "NVIDIA_VISIBLE_DEVICES=void A=b" ]
    # His own node is not brought a second time; the control nodes and the driver come along.
    [ "$(plan --device /dev/nvidia3 --device=/dev/nvidiactl | jq -r '[.edits.mounts[].container | select(startswith("/dev/"))] | join(" ")')" = "/dev/nvidia-uvm /dev/nvidia-uvm-tools" ]
}

@test "the user's CDI name goes where nothing can resolve it, and its GPU comes directly" {
    run -0 sim run --rm --dry-run --device nvidia.com/gpu=1 --device /dev/fuse img
    [[ $output != *nvidia.com/gpu* ]]
    [[ $output = *"/dev/nvidia1:/dev/nvidia1:"* ]]
    [[ $output = *" --device /dev/fuse img" ]]
}

@test "capabilities choose the files: --capabilities, --gpus, the variable" {
    has() { grep -q 'libnvidia-encode\.so\.1'; }
    plan --gpu 0 --capabilities video | has
    plan --gpus 'all,"capabilities=gpu,video"' | has
    plan --gpu 0 -e NVIDIA_DRIVER_CAPABILITIES=video,utility | has
    run -0 plan --gpu 0
    [[ $output != *libnvidia-encode.so.1* ]]
    fails "'vidio'" "video" sim run --rm --gpu 0 --capabilities vidio img
}

@test "isolation takes the shared nodes away" {
    nodes() { plan "$@" | jq -r '[.edits.mounts[].container | select(startswith("/dev/nvidia"))] | sort | join(" ")'; }
    [ "$(nodes --gpu 1 --isolate --capabilities all)" = "/dev/nvidia-modeset /dev/nvidia-uvm /dev/nvidia1 /dev/nvidiactl" ]
    [ "$(nodes --gpu 1 --isolate=device)" = "/dev/nvidia-uvm /dev/nvidia1 /dev/nvidiactl" ]
    [ "$(nodes --gpu 1)" = "/dev/nvidia-uvm /dev/nvidia-uvm-tools /dev/nvidia1 /dev/nvidiactl" ]
}

@test "an engine with a folder of its own gets CDI: written once, named by its content" {
    fake_engine podman 5.6.0
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/runtime
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    local folder=$XDG_RUNTIME_DIR/nvbind/cdi
    [ "$(id -u)" -ne 0 ] || folder=/run/nvbind/cdi
    run -0 --separate-stderr sim run --rm --dry-run --gpu 0,1 img
    [[ $output = *" --cdi-spec-dir $folder/"* ]]
    [[ $output = *" run --device nvidia.com/gpu=0 --device nvidia.com/gpu=1 --label nvbind.gpus=GPU-"*,GPU-*" --rm img" ]]
    run -0 --separate-stderr sim run --rm --dry-run --gpu all img
    [[ $output = *" run --device nvidia.com/gpu=all --label nvbind.gpus="*" --rm img" ]]
    file=$(sim run --rm --dry-run=json --gpu all img | jq -r .cdi.file)
    [[ $file = "$folder"/*/nvidia.com-gpu.json ]]
    rm -f "$file"
    run -0 --separate-stderr sim run --rm --dry-run --gpu all img
    [[ $stderr = *"'$file', which this line needs"* ]]
    [ ! -e "$file" ]
    sim run --rm --gpu all img
    run -0 --separate-stderr sim run --rm --dry-run --gpu all img
    [ "$stderr" = "" ]
    [ "$(stat -c %a "$file")" = 600 ]
    nvbind cdi validate "$file"
    before=$(stat -c '%i %Y' "$file")
    sim run --rm --gpu all img
    [ "$(stat -c '%i %Y' "$file")" = "$before" ]
    [ "$(started)" -eq 2 ]
    rm -rf "${file%/*}"
}

@test "the hook comes with a specification, where the container's root can reach it" {
    fake_engine podman 5.6.0
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/runtime
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    [ -x "$NVBIND_BIN/nvbind-hook" ]
    hooks() { plan "$@" | jq -r '[.edits.hooks[].path] | join(" ")'; }
    hook=$(hooks --gpu 0)
    # As root, a hook that others could have written is not run.
    if [ -z "$hook" ]; then
        run -0 --separate-stderr nvbind -v --host-root "$RUN_HOST" run --rm --dry-run=json --gpu 0 img
        [[ $stderr = *"nvbind-hook is not used: "* ]]
        skip "the build folder is not one that root trusts"
    fi
    [ "$hook" = "$(readlink -f "$NVBIND_BIN")/nvbind-hook" ]
    [ "$(plan --gpu 0 -v /x:/usr/bin/nvidia-smi | jq -r .mode)" = direct ]
    # A program of its own below a closed folder: none but its owner gets there.
    mkdir -m 0700 closed
    cp "$NVBIND_BIN/nvbind" "$NVBIND_BIN/nvbind-hook" closed
    closed() {
        closed/nvbind --host-root "$RUN_HOST" run --rm --dry-run=json --gpu 0 "$@" img |
            jq -r '.mode + " " + ([.edits.hooks[].path] | join(" "))'
    }
    [ "$(closed)" = "cdi $PWD/closed/nvbind-hook" ]
    [ "$(closed --userns=auto)" = "cdi " ]
    [ "$(closed --userns=keep-id)" = "cdi $PWD/closed/nvbind-hook" ]
    [ "$(closed --uidmap 0:1:1)" = "cdi " ]
}

@test "what must start again without nvbind is passed directly, whatever the engine can" {
    fake_engine podman 5.6.0
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/runtime
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    mode() { sim "$@" --dry-run=json --gpu 0 img 2>/dev/null | jq -r .mode; }
    [ "$(mode run --rm)" = cdi ]
    [ "$(mode run)" = direct ]
    [ "$(mode run --rm=false)" = direct ]
    [ "$(mode run --rm --restart=always)" = direct ]
    [ "$(mode create --rm)" = direct ]
    [ "$(mode run --rm --no-cdi)" = direct ]
    [ "$(mode run --cdi)" = cdi ]
    run -0 --separate-stderr sim run --cdi --dry-run=json --gpu 0 img
    [[ $stderr = *warning*"--no-cdi"* ]]
    run -0 --separate-stderr sim run --dry-run --gpu 0 img
    [ "$stderr" = "" ]
    run -0 --separate-stderr nvbind -v --host-root "$RUN_HOST" run --dry-run --gpu 0 img
    [[ $stderr = *"info: GPU 0: "*"decided by --gpu '0'"*"devices and mounts"* ]]
    # A container that is made and kept tells what it will need; one that goes with its command not.
    run -0 --separate-stderr sim run --gpu 0 img
    [[ $stderr = *"nvbind: note: "*"driver upgrade"* ]]
    run -0 --separate-stderr sim run --rm --gpu 0 img
    [ "$stderr" = "" ]
}

@test "without a private folder it is direct; --cdi then fails" {
    be_ordinary
    fake_engine podman 5.6.0
    as_other() { "${ordinary[@]}" "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" run --rm --gpu 0 "$@" img; }
    [ "$(as_other --dry-run=json | jq -r .mode)" = direct ]
    # One that others may enter is none either.
    mkdir -m 0755 runtime
    [ "$(id -u)" -ne 0 ] || chown 65534 runtime
    export XDG_RUNTIME_DIR=$PWD/runtime
    [ "$(as_other --dry-run=json | jq -r .mode)" = direct ]
    fails "--cdi: there is no private folder" "cdi refresh" as_other --cdi
    chmod 0700 runtime
    [ "$(as_other --dry-run=json | jq -r .mode)" = cdi ]
}

@test "the engine is executed by its absolute path, and asked for its version once" {
    sim run --rm --gpu none img true
    sim run --rm --gpu none img true
    run -0 cat "$calls"
    [ "$output" = "--version 
run --rm img true 
run --rm img true " ]
    # Another program of that name is asked anew.
    fake_engine podman 5.0.0
    [ "$(sim run --dry-run=json --gpu none img | jq -r .engine.version)" = 5.0.0 ]
    # What others could have written is not believed.
    file=$(grep -l "podman version 5.0.0" "$HOME"/.cache/nvbind/*)
    [ "$(stat -c %a "$file")" = 600 ]
    sed -i 's/5\.0\.0/9.9.9/' "$file"
    [ "$(sim run --dry-run=json --gpu none img | jq -r .engine.version)" = 9.9.9 ]
    chmod g+w "$file"
    [ "$(sim run --dry-run=json --gpu none img | jq -r .engine.version)" = 5.0.0 ]
    echo garbage >"$file"
    [ "$(sim run --dry-run=json --gpu none img | jq -r .engine.version)" = 5.0.0 ]
}

@test "empty and relative elements of PATH run nothing" {
    rm "$BATS_TEST_TMPDIR/bin/podman"
    printf '#!/bin/sh\necho "podman version 4.3.1"; touch %q\n' "$BATS_TEST_TMPDIR/ran" >podman
    chmod +x podman
    fails "no container engine is installed" "install" \
        env PATH=":.:$BATS_TEST_TMPDIR/empty" "$NVBIND_BIN/nvbind" run --gpu none img
    [ ! -e ran ]
}

@test "an option that only this engine knows is looked up in its help, once" {
    run -0 sim run --gpu none --dry-run --new-flag --new-value a -X b img
    [ "$output" = "$BATS_TEST_TMPDIR/bin/podman run --new-flag --new-value a -X b img" ]
    sim run --gpu none --dry-run --new-flag img
    [ "$(grep -c -- '--help' "$calls")" -eq 1 ]
    [ "$(started)" -eq 0 ]
}

@test "a container with GPUs says by a label which it holds, unless its label is the user's" {
    local uuid
    uuid=$(sim info --json | jq -r '.gpus[1].uuid')
    run -0 --separate-stderr sim run --rm --dry-run --gpu 1 img
    [[ $output = *" --label nvbind.gpus=$uuid --rm img" ]]
    run -0 --separate-stderr sim create --dry-run --gpu 1 -l nvbind.gpus=mine img
    [[ $output = *" -l nvbind.gpus=mine img" && $output != *"nvbind.gpus=GPU"* ]]
    run -0 --separate-stderr sim run --rm --dry-run --gpu none img
    [[ $output != *nvbind.gpus* ]]
}

@test "Docker: its own spelling, and what it lacks is refused by name" {
    fake_engine docker 26.1.5
    run -0 sim run --runtime docker --rm --gpu 0 --dry-run img
    [[ $output = "$BATS_TEST_TMPDIR/bin/docker run --env NVIDIA_VISIBLE_DEVICES=void --mount type=bind,source="* ]]
    [[ $output = *",target=/dev/nvidia0,bind-propagation=rprivate "* ]]
    [[ $output = *"/libcuda.so.1,readonly,bind-propagation=rprivate "* ]]
    run -0 sim run --runtime docker --rm --gpu none --dry-run img
    [ "$output" = "$BATS_TEST_TMPDIR/bin/docker run --env NVIDIA_VISIBLE_DEVICES=void --rm img" ]
    run -0 sim run --runtime docker --gpu none -e NVIDIA_VISIBLE_DEVICES=void --dry-run \
        --dns-opt x --net host --url unix:///run/docker.sock img
    [ "$output" = "$BATS_TEST_TMPDIR/bin/docker --host=unix:///run/docker.sock run -e NVIDIA_VISIBLE_DEVICES=void --dns-opt x --net host img" ]
    fails "docker has no option '--replace'" "--runtime podman" \
        sim run --runtime docker --replace --gpu none img
    fails "podman has no option '--link'" "--runtime docker" sim run --link a:b --gpu none img
}

@test "a docker that is Podman is Podman" {
    rm "$BATS_TEST_TMPDIR/bin/podman"
    printf '#!/bin/sh\necho "podman version 4.3.1"\n' >"$BATS_TEST_TMPDIR/bin/docker"
    chmod 0755 "$BATS_TEST_TMPDIR/bin/docker"
    run -0 sim run --runtime docker --replace --rm --gpu none --dry-run=json img
    [ "$(jq -r .engine.name <<<"$output")" = podman ]
    [ "$(jq -r .engine.path <<<"$output")" = "$BATS_TEST_TMPDIR/bin/docker" ]
}

@test "the plan as JSON has its keys" {
    run -0 plan -it -v /a:/b --gpu 2 -- 
    [ "$(jq -r 'keys_unsorted | join(" ")' <<<"$output")" = \
        "verb engine mode image command gpus edits cdi hook options hidden_environment added_environment argv" ]
    [ "$(jq -r '.gpus | keys_unsorted | join(" ")' <<<"$output")" = \
        "decided_by selection capabilities devices" ]
    [ "$(jq -r '.gpus.decided_by' <<<"$output")" = --gpu ]
    [ "$(jq -r '[.options[] | .name + "=" + (.value // "")] | join(" ")' <<<"$output")" = \
        "rm= interactive= tty= volume=/a:/b" ]
    [ "$(jq -r '.argv[-1]' <<<"$output")" = img ]
    [ "$(jq -r '.argv[-2]' <<<"$output")" = -- ]
}

@test "help" {
    run -0 nvbind run --help
    [[ $output = "usage: nvbind run "* ]]
    [[ $output = *"--gpu SELECTION"* ]]
    run -0 nvbind create --rm --help --nonsense
    [[ $output = "usage: nvbind create "* ]]
    [ ! -s "$calls" ]
}

# ---- bad input ----

@test "an OCI runtime that is not there and reads like an engine is said" {
    run -0 --separate-stderr sim run --runtime dokcer --gpu none --dry-run img
    [ "$output" = "$BATS_TEST_TMPDIR/bin/podman run --runtime dokcer img" ]
    [[ ${stderr_lines[0]} = "nvbind: warning: 'dokcer' is passed on as the OCI runtime, and no program"* ]]
    [ "${stderr_lines[1]}" = "  hint: did you mean '--runtime docker'?" ]
    cp "$BATS_TEST_TMPDIR/bin/podman" "$BATS_TEST_TMPDIR/bin/dokcer"
    for name in dokcer crun /opt/dokcer; do
        run -0 --separate-stderr sim run --runtime "$name" --gpu none --dry-run img
        [ -z "$stderr" ]
    done
}

@test "bad words: one error, 125, nothing run" {
    fails "unknown option '--volum'" "did you mean '--volume'?" sim run --volum=/a:/b img
    fails "unknown option '--gpuz'" "did you mean '--gpu'?" sim run --gpuz 0 img
    fails "no IMAGE is given" "nvbind run" sim run --rm --gpu 0
    fails "there is no GPU '9': this machine has 8, 0 to 7" "nvbind info" sim run --gpu 9 img
    fails "'purple' is not a GPU" "a selection is all, none, 0" sim run --gpu purple img
    fails "option '--gpu' needs a value" "" sim run --gpu
    fails "there is no MIG device '0:1'" "nvbind info" sim run --gpu 0:1 img
    fails "--gpus: 'some' is not a number of GPUs" "" sim run --gpus some img
    fails "NVIDIA_VISIBLE_DEVICES=x: 'x' is not a GPU" "" sim run -e NVIDIA_VISIBLE_DEVICES=x img
    fails "there is no profile 'gamin'" "" sim run --profile gamin img
    fails "every device of the host" "leave one" sim run --isolate=strict --privileged img
    fails "'--isolate=devic' is unknown" "did you mean '--isolate=device'?" sim run --isolate=devic img
    fails "'--dry-run=x' is unknown" "takes one of: shell, json" sim run --dry-run=x img
    fails "exclude each other" "" sim run --cdi --no-cdi img
    fails "--cdi: Podman 4.3.1 takes no folder" "" sim run --rm --cdi --gpu 0 img
    fails "leaves the caller no GPU" "--gpu none" env CUDA_VISIBLE_DEVICES=-1 \
        "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" run img
    [ ! -e "$HOME/.local" ]
}

@test "bad machine: no engine" {
    rm "$BATS_TEST_TMPDIR/bin/podman"
    fails "Podman is not installed" "install podman" \
        env PATH="$BATS_TEST_TMPDIR/empty" "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" \
        run --runtime podman img
    fails "no container engine is installed" "install podman" \
        env PATH="$BATS_TEST_TMPDIR/empty" "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" run img
    printf '#!/bin/sh\nexit 3\n' >"$BATS_TEST_TMPDIR/bin/podman"
    chmod 0755 "$BATS_TEST_TMPDIR/bin/podman"
    fails "/podman --version' failed" "" sim run img
    printf '#!/bin/sh\necho what\n' >"$BATS_TEST_TMPDIR/bin/podman"
    fails "says 'what', no version" "" sim run img
}

@test "bad machine: no driver, a driver without libraries, no node" {
    mkdir none
    fails "no NVIDIA driver is loaded" "--gpu none" nvbind --host-root none run img
    cp -a "$RUN_HOST" bare
    find bare/usr -name '*.so*' ! -type d -delete
    rm -f bare/etc/ld.so.cache
    fails "libcuda" "" nvbind --host-root bare run --rm img
    cp -a "$RUN_HOST" blind
    rm blind/dev/nvidia-uvm
    fails "/dev/nvidia-uvm is missing" "nvidia-modprobe" nvbind --host-root blind run --rm img
    cp -a "$RUN_HOST" one
    rm one/dev/nvidia[0124567]
    fails "/dev/nvidia0 (GPU 0, " "nvidia-modprobe -c0 -c1" nvbind --host-root one run --rm img
    fails "/dev/nvidia2 (GPU 2, " "nvidia-modprobe -c2" nvbind --host-root one run --gpu 2-3 img
    nvbind --host-root one run --rm --gpu 3 img
    [ "$(started)" -eq 1 ]
}

@test "bad machine: no permission on a node" {
    [ "$(id -u)" -eq 0 ] || skip "only root can make a device node"
    be_ordinary
    mkdir -m 0755 host
    cp -a "$RUN_HOST/." host
    rm host/dev/nvidia0
    mknod -m 0600 host/dev/nvidia0 c 195 0 || skip "device nodes cannot be made here"
    fails "no permission on" "chmod 0666" "${ordinary[@]}" "$NVBIND_BIN/nvbind" \
        --host-root "$PWD/host" run --rm --gpu 0 img
}

@test "bad machine: a specification folder that cannot be written" {
    be_ordinary
    fake_engine podman 5.6.0
    mkdir -m 0700 runtime
    mkdir -m 0500 runtime/nvbind
    [ "$(id -u)" -ne 0 ] || chown 65534 runtime runtime/nvbind
    export XDG_RUNTIME_DIR=$PWD/runtime
    fails "cannot make the folder" "without '--rm'" "${ordinary[@]}" "$NVBIND_BIN/nvbind" \
        --host-root "$RUN_HOST" run --rm --gpu 0 img
    [ -z "$(find runtime -type f)" ]
    # A folder of somebody else's is no private one, and not used.
    [ "$(id -u)" -eq 0 ] || return 0
    chown 0 runtime/nvbind
    chmod 0700 runtime/nvbind
    fails "is not a folder that only user 65534 can use" "" "${ordinary[@]}" \
        "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" run --rm --gpu 0 img
}

@test "--rootless refuses root, and a service that may be root's" {
    be_ordinary
    if [ "$(id -u)" -eq 0 ]; then
        fails "--rootless: this is root" "ordinary user" sim run --rm --rootless --gpu 0 img
    fi
    as_other() { "${ordinary[@]}" "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" run --rm --rootless --gpu 0 "$@" img; }
    as_other --dry-run >/dev/null
    fake_engine docker 26.1.5
    fails "--rootless: the engine's service may be root's" "--runtime podman" \
        as_other --runtime docker
    DOCKER_HOST=unix:///run/user/65534/docker.sock as_other --runtime docker --dry-run >/dev/null
}

@test "the other engine's words: translated, or refused by name; so is what this version does not have" {
    fake_engine docker 20.10.24
    sim_none() { run --separate-stderr sim run --gpu none --dry-run "$@" img; }
    # Podman's on Docker.
    sim_none --runtime docker --security-opt unmask=ALL
    [[ $output = *' --security-opt=systempaths=unconfined img' ]]
    sim_none --runtime docker --url unix:///run/d.sock
    [[ $output = *'/docker --host=unix:///run/d.sock run '* ]]
    sim_none --runtime docker --healthcheck-command 'true'
    [[ $output = *' --health-cmd=true img' ]]
    for words in --userns=keep-id "--userns keep-id:uid=1" --network=pasta --network=slirp4netns:mtu=1 \
        "--group-add keep-groups" -v=/a:/b:ro,U "-v /a:/b:idmap" --pull=newer --pid=private \
        --log-driver=k8s-file --mount=type=glob,src=/x,dst=/y '--entrypoint=["a"]' --uts=private; do
        # shellcheck disable=SC2086 # words
        fails "docker has no '--" "nvbind run --runtime podman" sim run --runtime docker --gpu none $words img
    done
    # Words of Podman's that mean nothing special elsewhere stay.
    for words in "--network=mine" "-v /U:/O" "-v /a:/b:ro" "--userns=host" "--name keep-id" \
        "-e userns=keep-id" "--network=container:pasta"; do
        # shellcheck disable=SC2086 # words
        sim_none --runtime docker $words
        [[ $output = *" $words img" ]]
    done
    # Docker's on Podman.
    sim_none --host unix:///run/p.sock
    [ "$status" -eq 0 ]
    for words in --log-driver=gelf --mount=type=npipe,src=a,dst=b --network=name=a,alias=b; do
        fails "podman has no '--" "nvbind run --runtime docker" sim run --gpu none $words img
    done
    fails "podman has no option '--link'" "nvbind run --runtime docker" sim run --gpu none --link a img
    # Versions.
    fails "docker 20.10.24 has no option '--annotation'" "docker 24.0 has it" \
        sim run --runtime docker --gpu none --annotation a=b img
    fails "podman 4.3.1 has no option '--hosts-file'" "podman 5.4 has it" \
        sim run --gpu none --hosts-file /x img
    sim_none --purge
    [[ $output = *" --purge img" ]]
    fake_engine podman 6.1.0
    sim_none --purge
    [[ $output = *" --rm img" ]]
    fails "podman 6.1.0 has no option '--network-cmd-path'" "only earlier versions" \
        sim run --gpu none --network-cmd-path /x img
}

@test "an engine whose version has an odd end is still that version" {
    for version in 5.6.20251122 5.6. 5.6.rc1; do
        fake_engine podman "$version"
        run -0 sim create --gpu 0 --dry-run=shell img
        [[ $output = *"podman create "* ]]
    done
}
