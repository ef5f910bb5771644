# nvbind compose on the command line: which tool is called, with which words, and what is told before.
# What the tools make of it is the subject of tests/engine/72-compose.bats.

load ../lib/run
bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    export NVBIND_HOST_ROOT=$RUN_HOST XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
    tool=$BATS_TEST_TMPDIR/tool
    : >"$tool"
    for name in ${!COMPOSE_*} PODMAN_COMPOSE_PROVIDER; do unset "$name"; done
    mkdir -p project/sub
    cat >project/compose.yaml <<'YAML'
x-gpu: &gpu
  deploy: {resources: {reservations: {devices: [{driver: nvidia, count: "${GPUS:-1}", capabilities: [gpu]}]}}}
services:
  train:
    <<: *gpu
    image: x
  web:
    image: x
YAML
}

# fake_tool NAME: writes down its words, one a line, and what of the environment is for it.
fake_tool() {
    cat >"$BATS_TEST_TMPDIR/bin/$1" <<FAKE
#!/bin/bash
case "\$*" in
    *"version --short"*) echo "${2:-2.26.1-4}"; exit ;;
    version) echo "podman-compose version ${2:-1.0.3}"; echo "using podman version: 4.3.1"; exit ;;
    --version) echo "Docker version 26.1.5, build 0"; exit ;;
    *" info --format "* | "info --format "*) echo '{"ServerVersion": "26.1.5", "DefaultRuntime": "${RUNTIME:-runc}"}'; exit ;;
esac
{ printf '%s\n' "\$@"; printf 'env %s\n' "\$DOCKER_HOST"; } >>"$tool"
exit 7
FAKE
    chmod 0755 "$BATS_TEST_TMPDIR/bin/$1"
}

fake_podman_compose() {
    fake_engine podman 4.3.1
    fake_tool podman-compose "${1:-}"
}

# Docker with its plugin, and nothing of Podman's.
fake_docker_compose() {
    fake_tool docker "${1:-}"
    mkdir -p "$HOME/.docker/cli-plugins"
    cp "$BATS_TEST_TMPDIR/bin/docker" "$HOME/.docker/cli-plugins/docker-compose"
}

compose() { (cd "${DIR:-project}" && nvbind compose "$@"); }

@test "podman-compose gets the words as they are, and a program of ours as its Podman" {
    fake_podman_compose
    run compose --runtime podman -p name --profile a up -d --scale web=2
    echo "$output"
    [ "$status" -eq 7 ]
    mapfile -t words <"$tool"
    program=${words[5]}
    [ "${words[*]:0:5}" = "-p name --profile a --podman-path" ]
    [ "${words[*]:6:4}" = "up -d --scale web=2" ]
    [ "$(stat -c %a "$program")" = 700 ]
    # Other words and other services go to Podman as they are.
    : >"$calls"
    "$program" ps -a
    "$program" run --name web --label com.docker.compose.service=web x
    grep -qxF 'ps -a ' "$calls"
    grep -qxF 'run --name web --label com.docker.compose.service=web x ' "$calls"
    # The one that asks is nvbind's, whatever the tool made of its request.
    : >"$calls"
    "$program" run --name t --label com.docker.compose.service=train --device nvidia.com/gpu=0 \
        --device nvidia.com/gpu=1 x sh -c 'a  b' 2>/dev/null
    cat "$calls"
    grep -q -- "nvidia0" "$calls"
    run ! grep -q -- "nvidia.com/gpu=" "$calls"
    grep -q -- "libcuda.so" "$calls"
    grep -qF 'x sh -c a\ \ b ' "$calls"
    # What stands behind the image is the container's own.
    : >"$calls"
    "$program" run --name t --label com.docker.compose.service=train --device nvidia.com/gpu=0 \
        x tool --device nvidia.com/gpu=7 2>/dev/null
    grep -q 'x tool --device nvidia.com/gpu=7 $' "$calls"
    run ! grep -q -- "nvidia.com/gpu=0" "$calls"
}

@test "Docker Compose gets the user's files and ours behind them" {
    fake_docker_compose
    run compose --runtime docker --ansi never up web
    echo "$output"
    [ "$status" -eq 7 ]
    mapfile -t words <"$tool"
    override=${words[6]}
    [ "${words[*]:0:4}" = "compose --ansi never -f" ]
    [ "${words[4]}" = "$BATS_TEST_TMPDIR/project/compose.yaml" ]
    [ "${words[*]:5:1} ${words[*]:7:2}" = "-f up web" ]
    grep -q 'devices: !reset null' "$override"
    run ! grep -q 'web:' "$override"
    # The user's own -f stay where they are.
    : >"$tool"
    run compose --runtime docker -f compose.yaml up
    [ "$(grep -c '^-f$' "$tool")" -eq 2 ]
    # In a folder below, the files are found as the tool finds them.
    : >"$tool"
    DIR=project/sub run compose --runtime docker up
    grep -qxF "$BATS_TEST_TMPDIR/project/compose.yaml" "$tool"
}

@test "commands that make no container, and projects without a request, are passed on" {
    fake_docker_compose
    for words in "down -v" "ps" "logs -f train" "exec train sh" "version"; do
        : >"$tool"
        # shellcheck disable=SC2086 # words
        GPUS=999 run compose --runtime docker $words
        [ "$status" -eq 7 ]
        [ "$(grep -v '^env' "$tool" | tr '\n' ' ')" = "compose $words " ]
    done
    sed -i '/<<:/d' project/compose.yaml
    : >"$tool"
    run compose --runtime docker up
    [ "$(grep -v '^env' "$tool" | tr '\n' ' ')" = "compose up " ]
}

@test "GPUs that there are not: file, line and column, and nothing is run" {
    fake_docker_compose
    GPUS=9 run compose --runtime docker up
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output = *"compose.yaml:2:49: the service 'train': "*9* ]]
    [ ! -s "$tool" ]
    # One that is not to be started does not keep the others from it.
    GPUS=9 run compose --runtime docker up web
    echo "$output"
    [ "$status" -eq 7 ]
    [[ $output = *"warning: "*"compose.yaml:2:49: the service 'train': "* ]]
    sed -i 's/    <<: \*gpu/    <<: *gpu\n    profiles: [gpu]/' project/compose.yaml
    GPUS=9 run compose --runtime docker up
    [ "$status" -eq 7 ]
    GPUS=9 run compose --runtime docker --profile gpu up
    [ "$status" -eq 1 ]
    GPUS=9 COMPOSE_PROFILES=gpu run compose --runtime docker up
    [ "$status" -eq 1 ]
    # With podman-compose the stand-in says so when it comes to that.
    rm -r "$HOME/.docker" && fake_podman_compose
    : >"$tool"
    GPUS=9 run compose --runtime podman up
    program=$(sed -n '/^--podman-path$/{n;p;}' "$tool")
    run "$program" run --label com.docker.compose.service=train x
    echo "$output"
    [ "$status" -eq 125 ]
}

@test "files, variables and tools that are wrong" {
    fake_docker_compose
    printf 'services:\n  a: {gpus: [}\n' >project/compose.yaml
    run compose --runtime docker up
    echo "$output"
    [ "$status" -eq 2 ]
    [[ $output = *"compose.yaml:2:"* ]]
    run compose --runtime docker -f - up
    [ "$status" -eq 2 ]
    [[ $output = *"standard input"* ]]
    run compose --runtime dokcer up
    [ "$status" -eq 2 ]
    DIR=empty run compose --runtime docker -f nowhere.yaml up
    [[ $output = *"cannot read 'nowhere.yaml'"* ]]
    rm "$BATS_TEST_TMPDIR/bin/docker"
    PATH=$BATS_TEST_TMPDIR/bin run compose --runtime podman up
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output = *"there is no compose tool here for Podman"*hint:* ]]
}

@test "a hostile project ends in one error" {
    fake_docker_compose
    cd project || return
    {
        echo 'services:'
        for i in $(seq 4000); do echo "  s$i: {gpus: all, image: x}"; done
    } >compose.yaml
    SECONDS=0
    DIR=. run compose --runtime docker up
    echo "$output"
    [ "$status" -eq 2 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output = *"compose.yaml:66:15: the project has more than 64 services that ask for GPUs"* ]]
    [ "$SECONDS" -le 5 ]
}

@test "an old Docker Compose cannot take a request away, and is not run" {
    fake_docker_compose 2.20.2
    run compose --runtime docker up
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output = *"compose.yaml:2:49: Docker Compose 2.20 has no way"*hint:* ]]
    [ ! -s "$tool" ]
}

@test "Docker whose default runtime is NVIDIA's: the others' images ask for nothing" {
    RUNTIME=nvidia fake_docker_compose
    run --separate-stderr compose --runtime docker --print-override up
    echo "$output $stderr"
    [ "$status" -eq 0 ]
    [[ $output = *$'  web:\n    environment:\n      NVIDIA_VISIBLE_DEVICES: void'* ]]
}

@test "dry runs write nothing; the project's folder and files stay as they are" {
    fake_docker_compose
    before=$(find project -printf '%p %T@ %s\n'; sha256sum project/compose.yaml)
    run --separate-stderr compose --runtime docker --dry-run up
    echo "$output $stderr"
    [ "$status" -eq 0 ]
    [[ $output = *"docker compose -f $BATS_TEST_TMPDIR/project/compose.yaml -f /"*"/nvbind/compose/"*"/override.yaml up" ]]
    [[ $stderr = *"is written when nvbind runs it"* ]]
    file=${output##* -f }
    [ ! -e "${file% up}" ] || [ "$(id -u)" = 0 ]
    run compose --runtime docker up
    [ "$before" = "$(find project -printf '%p %T@ %s\n'; sha256sum project/compose.yaml)" ]
    # The tool's own option of that name.
    : >"$tool"
    run compose --runtime docker -- --dry-run up
    grep -qx -- --dry-run "$tool"
}

@test "CUDA_VISIBLE_DEVICES narrows what a count means" {
    fake_podman_compose
    CUDA_VISIBLE_DEVICES=5 run --separate-stderr compose --runtime podman --print-override up
    echo "$output"
    [[ $output = *"/dev/nvidia5"* && $output != *"/dev/nvidia0"* ]]
}

@test "PODMAN_COMPOSE_PROVIDER, and Docker Compose on Podman's socket" {
    fake_podman_compose
    fake_tool docker-compose
    PODMAN_COMPOSE_PROVIDER=docker-compose CONTAINER_HOST=unix:///run/none.sock \
        run compose --runtime podman down
    echo "$output"
    [ "$(tail -n 1 "$tool")" = "env unix:///run/none.sock" ]
    : >"$tool"
    DOCKER_HOST=unix:///run/podman/podman.sock run compose --runtime docker down
    [ "$(tail -n 1 "$tool")" = "env unix:///run/podman/podman.sock" ]
}

@test "podman-compose that breaks off at a count by variable gets copies, whose paths are whole" {
    fake_podman_compose 1.3.0
    echo GPUS=2 >project/.env
    cat >>project/compose.yaml <<'YAML'
    build: {context: ./web}
    env_file: [a.env, {path: /b.env}]
    volumes: ["./data:/data:ro", named:/n, "${DATA:-./more}:/more", {type: bind, source: ../c, target: /c}]
    command: [sh, -c, "echo $$HOME"]
    mem_limit: 0777
secrets: {s: {file: s.txt}}
YAML
    run compose --runtime podman -f compose.yaml up
    echo "$output"
    [ "$status" -eq 7 ]
    mapfile -t words <"$tool"
    copy=${words[1]}
    [ "${words[*]:2:4}" = "-p project --env-file $BATS_TEST_TMPDIR/project/.env" ]
    [ "${words[*]:6:1} ${words[*]:8:1}" = "--podman-path up" ]
    here=$BATS_TEST_TMPDIR/project
    cat "$copy"
    grep -q "count: 2$" "$copy"
    for path in "context: $here/./web" "- $here/a.env" "path: /b.env" "$here/./data:/data:ro" \
        "named:/n" "$here/./more:/more" "source: $here/../c" "file: $here/s.txt" "mem_limit: 0777" \
        'echo $$HOME'; do
        grep -qF -- "$path" "$copy"
    done
    # A name of the project's own, and the user's, go first.
    : >"$tool"
    COMPOSE_PROJECT_NAME=x run compose --runtime podman up
    run ! grep -qx -- -p "$tool"
    : >"$tool"
    run compose --runtime podman -p mine --env-file=.env up
    [ "$(grep -cx -- -p "$tool")" -eq 1 ]
    [ "$(grep -c -- --env-file "$tool")" -eq 1 ]
    # A whole number needs none.
    sed -i 's/count: [^,]*/count: 1/' project/compose.yaml
    : >"$tool"
    run compose --runtime podman -f compose.yaml up
    [ "$(head -n 2 "$tool" | tr '\n' ' ')" = "-f compose.yaml " ]
}

@test "projects that differ in the stand-in's list alone; what is old goes, unless it is in use" {
    fake_podman_compose
    cp "$BATS_TEST_TMPDIR/bin/podman" "$BATS_TEST_TMPDIR/bin/other"
    run -7 compose --runtime podman up
    run -7 compose --runtime podman --podman-path other up
    mapfile -t programs < <(grep '/compose/[0-9a-f]*/podman$' "$tool")
    printf '%s\n' "${programs[@]}"
    [ "${#programs[@]}" -eq 2 ]
    # Each still says what it said, whoever came later.
    grep -q bin/podman "${programs[0]%/*}/services.json"
    grep -q bin/other "${programs[1]%/*}/services.json"
    # Root's folder is the machine's own, whatever the environment says.
    made=${programs[0]%/*/*}
    old=$made/$(printf '%016x' $$) held=$made/$(printf '%016x' $(($$ + 0x100000000))) other=$made/not-ours-$$
    for folder in "$old" "$held" "$other"; do
        mkdir "$folder"
        : >"$folder/podman"
        touch -d '-4 days' "$folder/podman" "$folder"
    done
    exec 8<"$held"
    flock -s 8
    run -7 compose --runtime podman up
    exec 8<&-
    local left
    left=$(cd "$made" && ls -d "${old##*/}" "${held##*/}/podman" "${other##*/}" 2>/dev/null) || true
    rm -r "$held" "$other"
    [ "$left" = "${held##*/}/podman
${other##*/}" ] || [ "$left" = "${other##*/}
${held##*/}/podman" ]
}

@test "a container with two services' labels is of the last one, as Podman has it" {
    fake_podman_compose
    run -7 compose --runtime podman up
    program=$(sed -n '/^--podman-path$/{n;p;}' "$tool")
    service=com.docker.compose.service
    : >"$calls"
    run -0 "$program" run --label $service=train --label=$service=web x
    [[ $(tail -n 1 "$calls") = *"run --label $service=train --label=$service=web x"* ]]
    : >"$calls"
    run "$program" run --label=$service=web --label $service=train x
    [[ $(tail -n 1 "$calls") = *nvidia0* || $(tail -n 1 "$calls") = *nvidia.com/gpu* ]]
}

@test "COMPOSE_FILE in .env: Docker Compose reads it, podman-compose does not" {
    printf 'COMPOSE_FILE=other.yaml\n' >project/.env
    printf 'services: {a: {image: x, gpus: all}}\n' >project/other.yaml
    fake_podman_compose
    GPUS=1 run -0 --separate-stderr compose --runtime podman --print-override up
    [[ $output = *train:* ]]
    GPUS=1 COMPOSE_FILE=other.yaml run -0 --separate-stderr compose --runtime podman --print-override up
    [[ $output = *a:* && $output != *train:* ]]
    fake_docker_compose
    run -0 --separate-stderr compose --runtime docker --print-override up
    [[ $output = *a:* && $output != *train:* ]]
}

@test "a short project that stands for gigabytes is one error, within a second" {
    fake_podman_compose
    # The sanitizers reserve more than any machine has.
    limit='ulimit -v 262144'
    ! grep -qa __asan_init "$NVBIND_BIN/nvbind" || limit=:
    # refused TEXT: what is said, and that no tool was called.
    refused() {
        SECONDS=0
        ( $limit; compose --runtime podman up ) >out 2>&1 && return 1
        cat out
        [ "$SECONDS" -le 2 ]
        [ "$(grep -c '^nvbind: error: ' out)" -eq 1 ]
        grep -q "error: .*$1" out
        [ ! -s "$tool" ]
    }
    # A variable's name alone takes its value.
    { printf A=; head -c 1000000 /dev/zero | tr '\0' x; } >project/.env
    { printf 'services:\n  a:\n    environment:\n'; yes '    - A' | head -n 50000; } >project/compose.yaml
    refused "the project's values come to more than 8 MiB"
    # Files of variables in which there are none.
    head -c 1000000 /dev/zero | tr '\0' '#' >project/.env
    { printf 'services:\n  a:\n    env_file:\n'; yes '    - .env' | head -n 50000; } >project/compose.yaml
    refused 'too many files of variables'
    { echo include:; yes -- '- {path: b.yaml, env_file: .env}' | head -n 50000; } >project/compose.yaml
    echo 'services: {}' >project/b.yaml
    refused 'more than 262144 values'
    # A long file that is looked through for each service.
    rm project/.env
    { echo services:; seq -f '  s%.0f: ~' 60000; } >project/b.yaml
    { echo services:; seq -f '  s%.0f: {extends: {file: b.yaml, service: none}}' 4000; } >project/compose.yaml
    refused 'more than 262144 values'
    seq -f 'V%.0f=$X' 80000 >project/.env
    refused 'more than 4096 variables'
}
