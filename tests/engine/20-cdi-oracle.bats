# What nvbind writes and what its validate says, held against the CDI project's own parser (0.8),
# which is what engines are built with.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    HOST=$(shared_folder)/host
    "$NVBIND_BIN/nvbind" simulate "$HOST" --gpus 2 >/dev/null
    export HOST
}

setup() {
    need_part cdi-oracle
    oracle=$(part_path cdi-oracle)
    cd "$BATS_TEST_TMPDIR" || return
}

nvbind() {
    "$NVBIND_BIN/nvbind" "$@"
}

@test "the parser takes every specification that generate writes" {
    local n=0 words
    while read -ra words; do
        for format in json yaml; do
            n=$((n + 1))
            nvbind --host-root "$HOST" cdi generate --output "$n.$format" "${words[@]}"
        done
    done <<'WORDS'

--hookless
--device-name-strategy type-index
--device-name-strategy index,uuid,type-index --vendor example.com --class gpu.x
--capabilities utility --hookless
--disable-hook all
--cdi-version 0.8
WORDS
    run -0 "$oracle" ./*.json ./*.yaml
    [ "${#lines[@]}" -eq "$((n))" ]
}

# A specification with every field that version 0.7 has.
write_full() {
    nvbind --host-root "$HOST" cdi generate --format json | jq -c '.cdiVersion = "0.7.0" |
        .annotations = {a: "b"} | .devices |= .[0:2] | .devices[0].annotations = {c: ""} |
        .containerEdits.mounts |= .[0:2] | .containerEdits.mounts[0].type = "bind" |
        .containerEdits.hooks[0].args |= .[0:2] | .containerEdits.hooks[0].timeout = 3 |
        .containerEdits.deviceNodes = [{path: "/dev/null", hostPath: "/dev/zero", type: "c",
            major: 1, minor: 3, fileMode: 438, permissions: "rw", uid: 0, gid: 0}] |
        .containerEdits.additionalGids = [1] |
        .containerEdits.intelRdt = {closID: "x", l3CacheSchema: "y", enableCMT: true}' >full.json
}

# Each value of the full specification in turn is another one, and each is left out in turn. What
# validate takes the parser must take; what the parser refuses validate must refuse, and does by the
# same rules, plus some of its own. Thousands of cases; none may fall outside.
@test "validate takes nothing that the parser refuses" {
    local taken
    write_full
    run -0 nvbind cdi validate full.json
    mkdir cases
    jq -c '. as $spec | paths as $p | (($spec | delpaths([$p])),
        ("", null, 0, -1, 8589934592, 1.5, "x", "/x", "a=b", "a-", "-a", "A1", "yes", true, [], {},
         ["x"], [null], {a: "b"}, {a: 1}, "none", "rwm", "c", "createContainer", "0.5.0", "9.9.9",
         "v0.7.0", "a/b", "aa/b.b", "..", "/") as $value | $spec | setpath($p; $value))' \
        full.json | split -l 1 -a 5 -d --additional-suffix=.json - cases/
    [ "$(find cases -name '*.json' | wc -l)" -gt 2000 ]
    find cases -name '*.json' -print0 | xargs -0 "$oracle" | sed -n 's/: valid$//p' | sort >parser
    find cases -name '*.json' -print0 | xargs -0 "$NVBIND_BIN/nvbind" cdi validate |
        sed -n 's/: valid$//p' | sort >ours || true
    taken=$(comm -13 parser ours | head -n 5)
    for file in $taken; do
        "$oracle" "$file" || true
    done
    [ -z "$taken" ]
    # Neither says yes or no to everything.
    [ "$(wc -l <ours)" -gt 100 ]
    [ "$(wc -l <parser)" -lt "$(find cases -name '*.json' | wc -l)" ]
}

# Why validate is stricter: these no engine can use although its parser takes them.
@test "what validate alone refuses is told apart" {
    write_full
    while IFS='|' read -r change reason; do
        jq -c "$change" full.json >case.json
        run -0 "$oracle" case.json
        run -1 nvbind cdi validate case.json
        [[ $output = *"$reason"* ]]
    done <<'CASES'
.containerEdits.deviceNodes[0].path = "dev/null"|must be an absolute path
.containerEdits.mounts[0].containerPath = "x"|must be an absolute path
.containerEdits.mounts[0].hostPath = 7|must be a string, not a whole number
.containerEdits.mounts[0].options = [null]|must be a string, not null
.devices = []|there is no device
CASES
}

@test "YAML means the same to both" {
    while read -r name; do
        printf 'cdiVersion: 0.7.0\nkind: vendor.com/gpu\ndevices:\n- name: %s\n' "$name" >case.yaml
        printf '  containerEdits: {env: [A=b]}\n' >>case.yaml
        nvbind cdi validate case.yaml >ours || true
        "$oracle" case.yaml >parser || true
        # Taken here, it is taken there.
        if grep -q ': valid$' ours; then grep -q ': valid$' parser; fi
    done <<'NAMES'
"0"
0
1
gpu0
'yes'
0:1
"~"
[a]
{a: b}
*a
!!str 0
NAMES
    # A bare number stays what was written; what Go would change on the way is refused.
    printf 'cdiVersion: 0.7.0\nkind: vendor.com/gpu\ndevices:\n- name: 007\n' >case.yaml
    printf '  containerEdits: {env: [A=b]}\n' >>case.yaml
    run -1 nvbind cdi validate case.yaml
    [[ $output = *'put it in quotes: "007"'* ]]
}

# The registry, too: which devices are in force in two folders with shadowing, conflicts, links,
# broken and foreign files is what the project's own cache says.
@test "list says what the parser's cache says" {
    local i kind name n
    mkdir -p etc/cdi var/run/cdi elsewhere
    RANDOM=7
    for i in {1..60}; do
        folder=$([ $((RANDOM % 2)) = 0 ] && echo etc/cdi || echo var/run/cdi)
        kind=v$((RANDOM % 6)).com/gpu
        name=$((RANDOM % 8))
        jq -n --arg kind "$kind" --arg name "$name" '{cdiVersion: "0.5.0", kind: $kind,
            devices: [$name, "all" + $name | {name: ., containerEdits: {env: ["A=b"]}}]}' \
            >"$folder/$i.json"
    done
    echo '{"kind": "v1.com/gpu", "device": []}' >etc/cdi/broken.json
    echo 'nonsense' >var/run/cdi/other.txt
    mkdir etc/cdi/folder.yaml
    cp etc/cdi/broken.json etc/cdi/folder.yaml/x.json
    jq '.kind = "linked.com/gpu"' "$(ls etc/cdi/[0-9]*.json | head -n 1)" >elsewhere/linked.json
    ln -s ../../elsewhere/linked.json etc/cdi/linked.json
    ln -s /nowhere.json var/run/cdi/gone.json
    compare() {
        "$oracle" --folders "$PWD/etc/cdi" "$PWD/var/run/cdi" | sed -n "s|^device \(.*\) $PWD|\1 |p" |
            LC_ALL=C sort >parser
        nvbind --host-root "$PWD" cdi list --json 2>/dev/null |
            jq -r '.devices[] | select(.state == "in force") | "\(.name) \(.file)"' |
            LC_ALL=C sort >ours
        diff parser ours
    }
    compare
    grep -q '^linked.com/gpu=' ours
    [ "$(wc -l <ours)" -gt 20 ]
    # A folder that is a link.
    mv var/run/cdi elsewhere/cdi
    ln -s ../../elsewhere/cdi var/run/cdi
    compare
    # Files that are named as wrong are the same, but for conflicts, which the cache counts to them.
    nvbind --host-root "$PWD" cdi list --json 2>/dev/null |
        jq -r '.files[] | select(.error) | .path' >ours
    "$oracle" --folders "$PWD/etc/cdi" >parser
    while read -r file; do grep -qxF "wrong $PWD$file" parser; done <ours
    [ -s ours ]
}

@test "the parser takes what refresh writes, with its comments" {
    cp -a "$HOST" host
    sleep 0.1
    nvbind --host-root host cdi refresh
    grep -q '^# nvbind: facts' host/var/run/cdi/nvidia.com-gpu.yaml
    run -0 "$oracle" host/var/run/cdi/nvidia.com-gpu.yaml
    run -0 "$oracle" --folders "$PWD/host/etc/cdi" "$PWD/host/var/run/cdi"
    [[ $output = *"device nvidia.com/gpu=all "* && $output != *wrong* ]]
}

@test "the parser takes what --for cuts, and show and diff read what it takes" {
    local engines
    for engines in podman@4.2 podman@4.3,docker@27 containerd@1.7.13,crio@1.35; do
        nvbind --host-root "$HOST" cdi generate --for "$engines" --device-name-strategy type-index \
            --output "${engines%%@*}.json"
    done
    nvbind --host-root "$HOST" cdi show --json podman.json >shown.json
    run -0 "$oracle" ./*.json
    nvbind cdi diff podman.json shown.json
}

@test "the specification of every recorded host is accepted" {
    local file count=0
    for file in "$NVB_SOURCE"/tests/hosts/*/spec.yaml; do
        # Those of which there is none hold the error alone.
        grep -q '^kind: ' "$file" || continue
        run -0 "$oracle" "$file"
        count=$((count + 1))
    done
    [ "$count" -ge 14 ]
}
