# What `make install` puts where, as meson plans it: nothing is installed here.

setup_file() {
    command -v meson >/dev/null || skip "meson is not installed"
    BATS_PLAN=$(meson introspect --installed "${NVBIND_BUILD:?}" 2>/dev/null) ||
        skip "$NVBIND_BUILD is no build folder of meson's"
    export BATS_PLAN
}

installed() { jq -r --arg tail "/$1" 'to_entries[] | select(.key | endswith($tail)) | .value' <<<"$BATS_PLAN"; }

@test "the hook's file for folders of hooks names the hook where it is installed" {
    [[ $(installed bin/nvbind-hook.json) = */share/containers/oci/hooks.d/nvbind-hook.json ]]
    [ "$(jq -r .hook.path "$NVBIND_BIN/nvbind-hook.json")" = "$(installed bin/nvbind-hook)" ]
}

@test "it matches one annotation alone, and takes its arguments from a file of root's" {
    run jq -c '[.stages, .when, .hook.args, .hook.env]' "$NVBIND_BIN/nvbind-hook.json"
    [ "$output" = '[["createContainer"],{"annotations":{"^nvbind\\.hook$":"^system$"}},["nvbind-hook","create","--arguments=/run/cdi/nvbind-hook.args"],["LC_ALL=C"]]' ]
}
