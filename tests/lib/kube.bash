# Bats helpers for nvbind kube on the command line: `load ../lib/run`, `load ../lib/kube`, and
# `kube_setup` in the setup function.
# shellcheck disable=SC2154 # calls is run.bash's; status and stderr are Bats's

kube_setup() {
    run_setup
    PS=$BATS_TEST_TMPDIR/ps
    GOT=$BATS_TEST_TMPDIR/got
    echo '[]' >"$PS"
    podman_is 5.4.2
}

# podman_is VERSION: one whose running containers are those of $PS; what it is to play goes to $GOT.
podman_is() {
    cat >"$BATS_TEST_TMPDIR/bin/podman" <<FAKE
#!/bin/bash
printf '%q ' "\$@" >>"$calls"
echo >>"$calls"
case "\$*" in
    --version) echo "podman version $1" ;;
    ps\ *) cat "$PS" ;;
    kube\ generate*) cat "$BATS_TEST_TMPDIR/made" ;;
    kube\ play*) cat >"$GOT"; exit 7 ;;
esac
FAKE
    chmod 0755 "$BATS_TEST_TMPDIR/bin/podman"
}

# running NAME GPUS [SHARED [POD]]: a container that runs.
running() {
    jq --arg n "$1" --arg g "$2" --arg s "${3:-}" --arg p "${4:-}" \
        '. + [{Names: [$n], PodName: $p, Labels: ({"nvbind.gpus": $g} + if $s == "" then {} else {"nvbind.gpus.shared": $s} end)}]' \
        "$PS" >"$PS.new"
    mv "$PS.new" "$PS"
}

# The simulated host's UUIDs, by index.
uuids() {
    local file=$BATS_FILE_TMPDIR/uuids
    [ -s "$file" ] || sim info --json | jq -r '.gpus[].uuid' >"$file"
    cat "$file"
}

uuid() {
    uuids | sed -n "$(($1 + 1))p"
}

# pod NAME LIMITS...: a pod with a container for each, c0, c1, …; "" asks for nothing.
pod() {
    local name=$1 i=0
    shift
    printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\nspec:\n  containers:\n' "$name"
    for limits; do
        printf '  - name: c%s\n    image: localhost/img\n' $((i++))
        [ -z "$limits" ] || printf '    resources:\n      limits:\n        %s\n' "$limits"
    done
}

play() {
    sim kube play --dry-run "$@"
}

# gpus FILE...: "CONTAINER INDEX" of what each container would get, by the labels.
# shellcheck disable=SC2016 # awk's own variables
gpus() {
    play "$@" | awk '
        NR == FNR { index_of[$1] = NR - 1; next }
        $1 ~ /^nvbind.gpus\// {
            sub(/.*\//, "", $1)
            sub(/:$/, "", $1)
            gsub(/"/, "", $2)
            for (i = split($2, words, ","); i > 0; i--)
                print $1, index_of[words[i]]
        }' <(uuids) - | sort | tr '\n' ' '
}

# refused PLACE TEXT HINT [WORDS...] FILE: an error, and nothing is played.
refused() {
    local place=$1 text=$2 hint=$3
    shift 3
    run --separate-stderr sim kube play "$@"
    echo "$status $stderr"
    [ "$status" -ne 0 ] && [ -z "$output" ]
    [ "$(grep -c '^nvbind: error: ' <<<"$stderr")" -eq 1 ]
    [[ $stderr = *"error: $place"*"$text"* ]]
    [[ $stderr = *"hint: "*"$hint"* ]]
    [ ! -e "$GOT" ]
}
