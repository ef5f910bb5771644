# The units and the rule that keep the machine's CDI specification as it should be.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR" || return
}

# lay FOLDER: the units with a program that is there.
lay() {
    mkdir -p "$1/system" "$1/user"
    sed "s|@nvbind@|$NVBIND_BIN/nvbind|" "$NVB_SOURCE/packaging/nvbind-cdi-refresh.service.in" \
        >"$1/system/nvbind-cdi-refresh.service"
    sed "s|@nvbind@|$NVBIND_BIN/nvbind|" "$NVB_SOURCE/packaging/nvbind-cdi-refresh-user.service.in" \
        >"$1/user/nvbind-cdi-refresh.service"
    cp "$NVB_SOURCE/packaging/nvbind-cdi-refresh.path" "$1/system/"
}

@test "systemd finds no fault in the units" {
    command -v systemd-analyze >/dev/null || skip "systemd-analyze is not installed"
    lay units
    export SYSTEMD_LOG_LEVEL=info
    run systemd-analyze verify --man=no "$PWD/units/system/nvbind-cdi-refresh.service" \
        "$PWD/units/system/nvbind-cdi-refresh.path"
    echo "$output"
    [ "$status" = 0 ]
    run ! grep nvbind <<<"$output"
    mkdir -m 0700 runtime
    run env XDG_RUNTIME_DIR="$PWD/runtime" systemd-analyze --user verify --man=no \
        "$PWD/units/user/nvbind-cdi-refresh.service"
    echo "$output"
    [ "$status" = 0 ]
    # That it finds any at all.
    sed -i 's/^Type=oneshot/Type=nonsense/' units/system/nvbind-cdi-refresh.service
    run systemd-analyze verify --man=no "$PWD/units/system/nvbind-cdi-refresh.service"
    [[ $output = *nonsense* ]]
}

@test "the service's command and what the path unit watches are what they say" {
    lay units
    words=$(sed -n 's/^ExecStart=//p' units/system/nvbind-cdi-refresh.service)
    run $words --help
    [ "$status" = 0 ]
    # The rule writes what the path unit watches, and nothing else is run by it.
    file=$(sed -n 's|.*RUN+="/usr/bin/touch \(.*\)"|\1|p' "$NVB_SOURCE/packaging/72-nvbind-cdi.rules" | sort -u)
    grep -qxF "PathChanged=$file" units/system/nvbind-cdi-refresh.path
    # What every user may open for writing is no change: closing it would start the service.
    run -1 grep -E '^Path.*=/dev/nvidia($|[0-9]|ctl|-uvm|-modeset)' units/system/nvbind-cdi-refresh.path
    run -1 grep -v -e '^#' -e 'RUN+="/usr/bin/touch ' "$NVB_SOURCE/packaging/72-nvbind-cdi.rules"
    if command -v udevadm >/dev/null && udevadm verify --help >/dev/null 2>&1; then
        udevadm verify "$NVB_SOURCE/packaging/72-nvbind-cdi.rules"
    fi
}

@test "make install lays them where systemd and udev look" {
    command -v meson >/dev/null || skip "meson is not installed"
    DESTDIR=$PWD/to meson install -C "$NVBIND_BUILD" --no-rebuild >/dev/null
    run -0 find to -type f -name '*nvbind-cdi*' -path '*/lib/*'
    [[ $output = */lib/systemd/system/nvbind-cdi-refresh.service* ]]
    [[ $output = */lib/systemd/system/nvbind-cdi-refresh.path* ]]
    [[ $output = */lib/systemd/user/nvbind-cdi-refresh.service* ]]
    [[ $output = */lib/udev/rules.d/72-nvbind-cdi.rules* ]]
    unit=$(find to -path '*system/nvbind-cdi-refresh.service')
    program=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p;T;q' "$unit")
    [ -x "to$program" ]
}
