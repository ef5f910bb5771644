# engines: podman5
#
# The ground of the CDI path: this Podman takes a specification from a folder that is the user's own.

load ../lib/engine

setup_file() {
    engine_setup_file
}

@test "--cdi-spec-dir takes a specification from a user's own folder" {
    local dir image runtime
    need_part busybox
    dir=$(shared_folder)
    cat >"$dir/vendor.json" <<'SPEC'
{ "cdiVersion": "0.5.0", "kind": "vendor.example/thing",
  "devices": [ { "name": "one", "containerEdits": { "env": [ "THING=one" ] } } ] }
SPEC
    image=$(import_image rootless busybox)
    for runtime in runc crun; do
        use_runtime "$runtime"
        run podman_rootless --cdi-spec-dir "$dir" run --rm --network=none \
            --device vendor.example/thing=one "$image" /bin/sh -c 'echo "thing $THING"'
        echo "$output"
        [ "$status" -eq 0 ]
        [ "$output" = "thing one" ]
    done
}
