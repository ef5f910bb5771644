# nvbind generate: services, scripts and rules. Quadlets are in tests/engine/70-quadlet.bats, where
# Podman's own generator reads them; services for Docker in 61-selftest-docker.bats, where one runs.

bats_require_minimum_version 1.5.0

setup() {
    PATH=$NVBIND_BIN:$PATH
    cd "$BATS_TEST_TMPDIR" || return
    nvbind simulate host --gpus 2 >/dev/null
    export NVBIND_HOST_ROOT=$PWD/host
    mkdir bin
    printf '#!/bin/sh\ncase $* in *version*) echo podman version 4.3.1;; *) exit 9;; esac\n' >bin/podman
    chmod +x bin/*
    export PATH=$PWD/bin:$PATH XDG_CACHE_HOME=$PWD/cache
    words=${NVBIND_BUILD:-${NVBIND_BIN%/bin}}/tests/unit_words
}

@test "a service: GPUs by UUID, no -d of the user's, systemd finds no fault" {
    uuid=$(nvbind info --json | jq -r '.gpus[1].uuid')
    run -0 --separate-stderr nvbind generate systemd --scope user --gpu 1 -d --rm -it --name ai \
        -p 80:80 localhost/img serve
    [ -z "$stderr" ]
    printf '%s\n' "$output" >ai.service
    mapfile -d '' -t line < <("$words" ExecStart <ai.service)
    [[ " ${line[*]} " = *" run --runtime=podman --gpu=$uuid --name=ai --rm --replace --detach "* ]]
    [[ " ${line[*]} " = *' -p80:80 -- localhost/img serve ' ]]
    [[ " ${line[*]} " != *' -it '* && " ${line[*]} " != *' -d '* ]]
    grep -qx 'Type=notify' ai.service
    grep -qx 'WantedBy=default.target' ai.service
    if command -v systemd-analyze >/dev/null; then
        # The engine of this test is no program of the system's, but it is one.
        run systemd-analyze verify --user ./ai.service
        [[ $output != *ai.service:* ]]
    fi
}

@test "hostile values arrive in ExecStart to the byte" {
    local hostile=('%h %%' '$X ${X} $(X)' 'a"b'\''c' 'back\slash \n' $'new\nline' '-leading' 'end\' ' x ')
    for value in "${hostile[@]}"; do
        nvbind generate systemd --gpu none --name ai -e "A=$value" localhost/img "$value" >ai.service
        mapfile -d '' -t line < <("$words" ExecStart <ai.service)
        printf '%q\n' "$value"
        [ "${line[-1]}" = "$value" ]
        [ "${line[-4]}" = "-eA=$value" ]
    done
}

@test "what a service cannot have" {
    run -2 --separate-stderr nvbind generate systemd --gpu none --attach stdin localhost/img
    [[ $stderr = *"a service cannot have '--attach'"* ]]
    run -2 --separate-stderr nvbind generate systemd --unit 'a/b' --gpu none localhost/img
    [[ $stderr = *"'a/b' is no name for a unit"* ]]
    run -2 --separate-stderr nvbind generate systemd --scope both --gpu none localhost/img
    run -2 nvbind generate systemd --gpu none
    run -2 --separate-stderr nvbind generate quadlett
    [[ $stderr = *"did you mean 'nvbind generate quadlet'"* ]]
}

@test "a service of the system's for a user: its systemd comes first, and it is somebody" {
    run -0 --separate-stderr nvbind generate systemd --scope system --service-user daemon --gpu none localhost/img
    uid=$(id -u daemon)
    for line in User=daemon "Wants=user@$uid.service" "After=user@$uid.service" WantedBy=multi-user.target; do
        grep -qxF "$line" <<<"$output" || { echo "no $line"; return 1; }
    done
    [[ $output != *--cgroups=split* ]]
    run -2 --separate-stderr nvbind generate systemd --scope system --service-user nobody-at-all --gpu none localhost/img
    [[ $stderr = *"there is no user 'nobody-at-all'"* ]]
    run -2 --separate-stderr nvbind generate systemd --scope user --service-user daemon --gpu none localhost/img
    [[ $stderr = *"--service-user is for the system's systemd"*"hint: --scope system"* ]]
}

@test "a script runs the engine with its own words behind" {
    printf '#!/bin/sh\ncase $* in *version*) echo podman version 4.3.1;; *) printf "%%s\\n" "$@";; esac\n' \
        >bin/podman
    nvbind generate shell --output run.sh --gpu 0 --capabilities utility -e 'A=b c' localhost/img cmd 2>/dev/null
    [ "$(stat -c %a run.sh)" = 700 ]
    run -0 ./run.sh more
    [ "${lines[0]}" = run ]
    grep -qxF 'A=b c' <<<"$output"
    [ "${lines[-3]} ${lines[-2]} ${lines[-1]}" = 'localhost/img cmd more' ]
    [[ $output != *hooks-dir* ]]
}

@test "udev's rules: a group, modes, and no shell" {
    run -0 nvbind generate udev --group video
    rules=$(grep -v '^#' <<<"$output")
    [[ $rules = *'GROUP="video", MODE="0660"'* ]]
    [[ $rules != *chmod* && $rules != */sh* && $rules != *0666* ]]
    [[ $output = *"NVreg_DeviceFileGID=$(getent group video | cut -d: -f3) "* ]]
    if command -v udevadm >/dev/null && udevadm verify --help >/dev/null 2>&1; then
        printf '%s\n' "$output" >70-nvidia.rules
        udevadm verify 70-nvidia.rules
    fi
    run -2 --separate-stderr nvbind generate udev --group nosuchgroup
    [[ $stderr = *"there is no group 'nosuchgroup'"* ]]
}
