# nvbind generate compose: what is written, for whom, and what is refused. tests/engine/71-compose.bats
# gives such files to the tools.

load ../lib/compose
bats_require_minimum_version 1.5.0

setup() {
    PATH=$NVBIND_BIN:$PATH
    cd "$BATS_TEST_TMPDIR" || return
    mkdir bin
    printf '#!/bin/sh\ncase $* in *version*) echo podman version 5.4.2;; *) exit 9;; esac\n' >bin/podman
    printf '#!/bin/sh\ncase $* in *version*) echo Docker version 26.1.5, build x;; *) exit 9;; esac\n' >bin/docker
    podman_compose 1.3.0
    chmod +x bin/*
    export PATH=$PWD/bin:$PATH XDG_CACHE_HOME=$PWD/cache
}

podman_compose() {
    printf '#!/bin/sh\necho podman-compose version %s\n' "$1" >bin/podman-compose
}

generate() { nvbind generate compose "$@" localhost/img; }

@test "who reads it: by --for, by the engine, by what is here" {
    [[ $(generate --gpu none) = *"for podman-compose."* ]]
    [[ $(generate --for podman-socket --gpu none) = *"for docker compose on Podman's socket."* ]]
    [[ $(generate --compose-version 1.0 --gpu none) = *"for podman-compose before 1.3."* ]]
    podman_compose 1.0.3
    [[ $(generate --gpu none) = *"for podman-compose before 1.3."* ]]
    rm bin/podman-compose
    printf '#!/bin/sh\n' >bin/docker-compose
    chmod +x bin/docker-compose
    [[ -x /usr/bin/podman-compose || $(generate --gpu none) = *"on Podman's socket."* ]]
    run -2 --separate-stderr generate --for docker-compose --runtime podman --gpu none
    [[ $stderr = *"--for docker-compose, and the engine is podman"* ]]
    run -2 --separate-stderr generate --for swarm --gpu none
    [[ $stderr = *"hint: --for podman-compose"* ]]
    run -2 --separate-stderr generate --for podman-socket --compose-version 1.3 --gpu none
    run -2 --separate-stderr generate --compose-version x --gpu none
}

@test "names, networks and volumes: declared where they are used" {
    nvbind generate compose -o c.yaml --gpu none --name ai --network lab:ip=10.0.0.2,alias=a \
        -v data:/d -v ./x:/x:ro,Z -v /anon --mount type=tmpfs,destination=/m,tmpfs-size=1m localhost/img
    [ "$(stat -c %a c.yaml)" = 644 ]
    cat >wanted <<EOF
# Made by 'nvbind generate compose' for podman-compose.
services:
  ai:
    image: localhost/img
    container_name: ai
    networks:
      lab:
        ipv4_address: "10.0.0.2"
        aliases:
          - a
    volumes:
      - type: volume
        source: data
        target: /d
      - type: bind
        source: $PWD/x
        target: /x
        read_only: true
        bind:
          selinux: Z
          create_host_path: false
      - type: volume
        target: /anon
      - type: tmpfs
        target: /m
        tmpfs:
          size: "1m"
networks:
  lab:
    external: true
    name: lab
volumes:
  data:
    name: data
x-podman:
  in_pod: false
EOF
    diff wanted c.yaml
    nvbind generate compose --service web --gpu none localhost/img | grep -qx '  web:'
    nvbind generate compose --gpu none quay.io/a/img:1 | grep -qx '  img:'
    run -2 --separate-stderr nvbind generate compose --service 'a/b' --gpu none localhost/img
    [[ $stderr = *"'a/b' is no name for a service"* ]]
}

@test "a file of variables that Compose would read in another way is an error with its line" {
    printf 'A=1\n# note\nB=\nC\n' >plain.env
    generate --gpu none --env-file plain.env | grep -qx "      - $PWD/plain.env"
    printf 'A=1\nB="quoted"\n' >odd.env
    run -2 --separate-stderr generate --gpu none --env-file odd.env
    [[ $stderr = *"$PWD/odd.env:2:1: podman-compose cannot be told '--env-file'"* ]]
    run -1 --separate-stderr generate --gpu none --env-file none.env
}

@test "what cannot be said is an error, and nothing is written" {
    refuses() {
        local part=$1
        shift
        run -2 --separate-stderr nvbind generate compose -o refused.yaml "$@" localhost/img
        echo "$stderr"
        [[ $stderr = *"$part"* ]]
        [ ! -e refused.yaml ]
    }
    refuses "podman-compose cannot be told '--ipc'" --gpu none --ipc=host
    [[ $stderr = *"--for podman-socket"* ]]
    refuses "cannot be told '--userns'" --compose-version 1.0 --gpu none --userns keep-id
    [[ $stderr = *"--compose-version 1.3"* ]]
    refuses "'-v': there is no key for its 'U'" --gpu none -v data:/d:U
    refuses "a ':' in the path would end it" --gpu none --mount 'type=bind,source=/a:b,target=/c'
    refuses "'--cidfile': a service has neither terminal nor caller" --gpu none --cidfile x
    refuses "one of the engine's global options" --log-level debug --gpu none
    refuses "cannot be told '--ulimit'" --for podman-socket --gpu none --ulimit nofile=1
    refuses "not UTF-8" --gpu none -e $'A=\xff'
}

@test "every option of the table is written or refused by its name" {
    every_option_is_said podman-compose
    [ "$TAKEN" -ge 70 ]
    every_option_is_said podman-compose --compose-version 1.0
    every_option_is_said podman-socket
    [ "$TAKEN" -ge 80 ]
}
