# nvbind migrate: what is rewritten, what is left and told, and that a file is never lost.

bats_require_minimum_version 1.5.0

setup() {
    PATH=$NVBIND_BIN:$PATH
    cd "$BATS_TEST_TMPDIR" || return
    cp "$NVB_SOURCE"/tests/data/migrate/* .
    mv run.txt run.sh # under that name it would be checked as a script of ours
}

# becomes FILE: what it would be, by patch(1), which is the judge of the diff as well.
becomes() {
    nvbind migrate "${@:2}" "$1" >diff 2>messages || [ $? -eq 1 ]
    cp "$1" new
    patch -s new <diff
    cat new
}

has() {
    grep -qxF -e "$1" new || { cat new; echo "missing: $1"; return 1; }
}

lacks() {
    ! grep -nE -e "$1" new
}

@test "a script: commands, quotes, substitutions, continued lines" {
    becomes run.sh
    has '# docker run is mentioned here'
    has 'nvbind run --rm -it --gpu all nvidia/cuda:latest nvidia-smi'
    has '  --gpu 0,1 \'
    has '  web:latest --gpus 3'
    has 'sudo nvbind run --gpu 1 img'
    has 'nvbind run --gpu count=2 img'
    # shellcheck disable=SC2016
    has 'nvbind run --gpus "$N" img'
    # shellcheck disable=SC2016
    has '$DOCKER run --device nvidia.com/gpu=all img && podman stop $(podman ps -q)'
    has 'DOCKER=podman'
    has 'podman build -t x .'
    has 'podman system prune -af'
    has 'podman ps -aq | xargs -r podman rm -f'
    has 'echo "docker run"'
    bash -n new
}

@test "what cannot be translated is listed by line and left as it was" {
    run -1 --separate-stderr nvbind migrate run.sh
    [[ $stderr = *"run.sh:19: Podman has no 'swarm'"* ]]
    [[ $stderr = *'run.sh:20: this docker talks to another service'* ]]
    [[ $stderr = *"run.sh:21: '--link': Podman has nothing like it"* ]]
    [[ $stderr = *"run.sh:22: "*"Docker's socket is not Podman's"* ]]
    becomes run.sh
    has 'docker swarm init'
    has 'docker run --link db:db web'
}

@test "to Podman: CDI names, and a number of GPUs is left" {
    becomes run.sh --to podman
    has 'podman run --rm -it --device nvidia.com/gpu=all nvidia/cuda:latest nvidia-smi'
    has '  --device nvidia.com/gpu=0 --device nvidia.com/gpu=1 \'
    has 'docker run --gpus=2 img'
    grep -q "run.sh:13: Podman's devices cannot be asked for by their number" messages
}

@test "a lab's Makefile: nothing of Docker is left, and make reads the result" {
    becomes Makefile
    [ ! -s messages ]
    lacks '^[^#]*docker( |$)'
    has 'DOCKER_ARGS := --device nvidia.com/gpu=all'
    # shellcheck disable=SC2016
    has '	-podman stop $$(podman ps -q --filter name=pylab)'
    # shellcheck disable=SC2016
    has '	-podman rmi $(shell podman images -q '\''pylab*'\'')'
    has '	podman system prune -af'
    has '	nvbind run -d --rm --gpu 0,1 \'
    # shellcheck disable=SC2016
    has '	podman run -d --rm $(DOCKER_ARGS) \'
    mkdir bin
    printf '#!/bin/sh\n' | tee bin/podman >bin/nvbind
    chmod +x bin/*
    PATH=$PWD/bin:$PATH make -s -f new build run run_gpu clean
}

@test "a unit: programs by their paths, Docker's units gone, systemd finds no fault" {
    becomes gpu.service
    has 'After=network.target'
    lacks docker
    has 'ExecStart=/usr/local/bin/nvbind run --gpu all --name gpu \'
    has 'ExecStartPre=-/usr/bin/podman rm -f gpu'
}

@test "a Compose file: every form of request becomes devices" {
    becomes compose.yml
    run -0 python3 -c 'import json, re, sys
text = open("new").read()
print(text.count("nvidia.com/gpu="), "runtime" in text, "deploy" in text, "count: 2" in text)'
    [ "$output" = '3 False False True' ]
    has '      - nvidia.com/gpu=0'
    has '      - /dev/fuse'
    grep -q "compose.yml:25: 'gpus' asks in a way" messages
    # The rest stands as it stood.
    diff <(grep -vE 'runtime|gpu|deploy|resources|reservations|devices|driver|count' compose.yml) \
        <(grep -vE 'runtime|gpu|deploy|resources|reservations|devices|driver|count' new)
}

@test "a CI file: its commands, and the service that is not needed" {
    becomes ci.yml
    has '    - podman build -t x .'
    has '    - "nvbind run --gpu all x"'
    has 'image: docker:26'
    grep -q 'ci.yml:3: an image that brings' messages
}

@test "--write keeps the old file, the mode and the name" {
    chmod 751 run.sh
    cp -p run.sh before
    run -1 nvbind migrate --write run.sh
    cmp before run.sh.orig
    [ "$(stat -c %a run.sh)" = 751 ]
    [ "$(stat -c %a run.sh.orig)" = 751 ]
    patch -s before <<<"$(nvbind migrate before 2>/dev/null)"
    cmp before run.sh
    # Once more: there is nothing to do but for what was left.
    run -1 --separate-stderr nvbind migrate --write run.sh
    [ -z "$output" ]
}

@test "--write never overwrites a backup, and follows no link" {
    echo mine >run.sh.orig
    cp run.sh before
    run -2 --separate-stderr nvbind migrate --write run.sh
    [[ $stderr = *"'run.sh.orig' is there already"* ]]
    cmp before run.sh
    [ "$(cat run.sh.orig)" = mine ]
    ln -s run.sh link
    run -2 --separate-stderr nvbind migrate --write link
    [[ $stderr = *"'link' is a symbolic link"* ]]
    mkfifo fifo
    run -2 --separate-stderr timeout 5 nvbind migrate fifo
    [ -z "$(find . -name '*.nvbind-new')" ]
}

@test "files that are no text, not there, or nonsense end in an error or nothing" {
    run -1 --separate-stderr nvbind migrate nosuch
    [[ $stderr = *"cannot read 'nosuch'"* ]]
    printf 'docker\0run' >zero
    run -2 --separate-stderr nvbind migrate zero
    [[ $stderr = *'is no text'* ]]
    printf 'docker run --gpus "all\n$(docker $(docker `docker' >open.sh
    run timeout 5 nvbind migrate open.sh
    [ "$status" -le 1 ]
    { printf 'x='; printf '$(%.0s' {1..5000}; } >deep.sh
    run timeout 5 nvbind migrate deep.sh
    [ "$status" -le 1 ]
    { echo 'services:'; printf 'a: [%.0s' {1..200}; } >deep.yml
    run -2 timeout 5 nvbind migrate deep.yml
}

@test "on a terminal the diff of a hostile file steers nothing" {
    command -v script >/dev/null || skip "script is not installed"
    printf 'docker ps # \033[31mred\n' >esc.sh
    run script -qec 'nvbind migrate esc.sh' /dev/null
    [[ $output = *'+podman ps # ?[31mred'* ]]
    [[ $output != *$'\033[31m'* ]]
}

@test "wrong calls" {
    run -2 --separate-stderr nvbind migrate
    [[ $stderr = *'nvbind migrate FILE..., or nvbind migrate --checklist'* ]]
    run -2 --separate-stderr nvbind migrate --to docker run.sh
    [[ $stderr = *'--to nvbind or --to podman'* ]]
    run -2 nvbind migrate --checklist run.sh
}

@test "the checklist has nine points, and each is done or has a command" {
    nvbind simulate host >/dev/null
    mkdir -p lab/.github/workflows
    cd lab || return
    echo 'CONTAINER_RUNTIME := docker' >Configuration.mk
    echo 'DOCKER_ARGS := --gpus all' >>Configuration.mk
    printf 'jobs:\n  a:\n    steps:\n      - run: docker build .\n' >.github/workflows/a.yml
    run -1 --separate-stderr nvbind --host-root ../host migrate --checklist --json
    [ "$(jq '.items | length' <<<"$output")" = 9 ]
    [ "$(jq '[.items[] | select(.state == "to do" and .command == null)] | length' <<<"$output")" = 0 ]
    [ "$(jq -r '.items[] | select(.what | startswith("Update CI")).command' <<<"$output")" = \
        'nvbind migrate --write .github/workflows/a.yml' ]
    # The commands do what they say.
    jq -r '.items[] | select(.command // "" | test("^sed|^nvbind migrate")).command' <<<"$output" >todo
    [ "$(wc -l <todo)" -eq 3 ]
    bash -e todo >/dev/null
    [ "$(cat Configuration.mk)" = 'CONTAINER_RUNTIME := podman
DOCKER_ARGS := --device nvidia.com/gpu=all' ]
    run nvbind --host-root ../host migrate --checklist
    [[ $output = *'[x] Update CONTAINER_RUNTIME in Configuration.mk: podman'* ]]
    [[ $output = *'[x] Update CI/CD if applicable'* ]]
}

@test "redirections among a request for GPUs stay, and what is in them is rewritten" {
    cat >odd.sh <<'END'
docker run --gpus all --runtime=nvidia >$(docker ps -q) img
docker run --gpus all --runtime=nvidia >log img
A=doc\ker
B="dock"er
END
    becomes odd.sh
    # shellcheck disable=SC2016
    has 'nvbind run --gpu all >$(podman ps -q) img'
    has 'nvbind run --gpu all >log img'
    has 'A=doc\ker'
    has 'B="dock"er'
}

@test "a Compose file's list of devices on one line is left, and said" {
    printf 'services:\n  a:\n    image: x\n    devices: ["/dev/dri"]\n    gpus: all\n' >docker-compose.yml
    run -1 --separate-stderr nvbind migrate docker-compose.yml
    [ -z "$output" ]
    [[ $stderr = *"docker-compose.yml:4: 'devices:' is not a list of lines"* ]]
    printf 'services:\n  a:\n    image: x\n    devices:\n      - /dev/dri\n    gpus: all\n' >docker-compose.yml
    run -0 nvbind migrate docker-compose.yml
    [[ $output = *"+      - nvidia.com/gpu=all"* ]]
}
