# nvbind bench on the command line: what it takes, what it says where something cannot be measured,
# and the form of its reports. No figure is looked at but for its sense.

load ../lib/run

bats_require_minimum_version 1.5.0

setup_file() {
    run_setup_file
}

setup() {
    run_setup
    only_path=$BATS_TEST_TMPDIR/bin
}

bench() {
    PATH=$only_path "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" bench "$@"
}

# The calls that start a container: what nvbind adds may stand before the word.
runs() {
    grep -E '^(.* )?run ' "$calls"
}

row() {
    jq -e --arg key "$1" ".rows[] | select(.key == \$key) | $2" out.json
}

@test "wrong calls end with 2, one error, and nothing done" {
    local word
    for word in --runs=0 --runs=-1 --runs=10001 --runs=1e3 --runtime=crun --image= --image=-x --nope; do
        run --separate-stderr bench generate "$word"
        [ "$status" -eq 2 ]
        [ -z "$output" ]
        # shellcheck disable=SC2154 # bats sets it
        [ "$(grep -c '^nvbind: error: ' <<<"$stderr")" -eq 1 ]
    done
    run bench strat
    [ "$status" -eq 2 ]
    [[ $output = *"bench measures no 'strat'"*"did you mean 'nvbind bench start'?"* ]]
    [ ! -s "$calls" ]
}

@test "without engines, what needs none is measured and the rest says why" {
    bench --runs 3 --json >out.json
    [ "$(jq '[.rows[] | select(.measured)] | map(.key)' -c out.json)" = \
        '["generate.nothing","generate.spec","generate.memory","freshness.spec"]' ]
    [ "$(jq '[.rows[] | select(.measured | not) | select(has("median") or .why_not == null)] | length' \
        out.json)" = 0 ]
    row start.nvbind-podman '.why_not | test("podman")'
    row freshness.both '.why_not | test("engine")'
    [ "$(jq -r '.rows[] | select(.key == "start.podman" or .key == "rootless.podman").why_not' out.json |
        uniq | wc -l)" -eq 1 ]
    row rootless.root-start '.why_not | test("podman")'
    row generate.spec '.runs == 3 and .min <= .low and .low <= .median and .median <= .high and
        .high <= .max and .min > 0'
    row generate.spec '.more.than == "nothing" and .more.runs == 3'
    jq -e '.simulated and .runs == 3' out.json
}

@test "the document's figures stand in every row that it has, measured or not" {
    bench --runs 1 --json >out.json
    row start.nvbind-podman '.document_says == "1.8 s"'
    row start.nvbind-docker '.document_says == "2.3 s"'
    row memory.nvbind-podman '.document_says == "35 MB"'
    row memory.nvbind-docker '.document_says == "48 MB"'
    row rootless.nvbind '.document_says == "< 2 %"'
    row generate.spec '.document_says == null'
}

@test "the words choose, in the order of the report" {
    bench freshness generate --runs 1 --json >out.json
    [ "$(jq -r '[.rows[].key | split(".")[0]] | unique | join(" ")' out.json)" = 'freshness generate' ]
}

@test "nothing at all that could be measured is status 1" {
    run bench start --runs 1
    [ "$status" -eq 1 ]
    [[ $output = *'not measured'* ]]
    [[ $output != *' ms'* ]]
}

@test "a command that fails has no figure, and its own message is the reason" {
    fake_engine podman 4.3.1
    # shellcheck disable=SC2016 # the stand-in's own
    sed -i 's|^case|[ "$1" != import ] \&\& [ "$1" != --version ] \&\& { echo "no <room> \& \\"left\\"" >\&2; exit 3; }\ncase|' \
        "$BATS_TEST_TMPDIR/bin/podman"
    only_path=$PATH run --separate-stderr bench start memory --runtime podman --runs 2 --json --html page.html
    echo "$output" >out.json
    [ "$status" -eq 1 ]
    row start.podman '.why_not == "'"'podman'"' ended with status 3: no <room> & \"left\""'
    row start.podman '.measured == false and has("median") == false'
    grep -qF "no &lt;room&gt; &amp; &quot;left&quot;" page.html
}

@test "with an engine that ends at once, every row of Podman's has its figure" {
    fake_engine podman 4.3.1
    only_path=$PATH bench start memory passthrough freshness --runtime podman --runs 2 --json >out.json
    row start.nvbind-podman '.measured and .runs == 2 and .more.than == "podman"'
    row passthrough.before '.measured'
    row memory.nvbind '.measured and (.median > 500)'
    row passthrough.podman '.measured'
    row freshness.both '.measured and .median > 0'
    row start.docker '.why_not == "--runtime is podman"'
    # 1 that does not count, 2 that do: with GPUs and without, in turn.
    [ "$(runs | wc -l)" -eq 6 ]
    runs | awk '{ gpu = /nvidia/ } NR % 2 == gpu { exit 1 }'
    # What was imported goes again, and so does the folder.
    [ "$(grep -c '^import ' "$calls")" -eq 1 ]
    [ "$(grep '^import ' "$calls" | awk '{ print $3 }')" = \
        "$(grep '^image rm --force ' "$calls" | awk '{ print $4 }')" ]
    [ -z "$(find "$HOME/.cache/nvbind" -name 'selftest-*')" ]
}

@test "--image is started as it is: nothing is imported, pulled or removed" {
    fake_engine podman 4.3.1
    only_path=$PATH bench start --runtime podman --image lab/img:1 --runs 1 --json >out.json
    row start.podman '.measured'
    ! grep -qE '^(import|image|pull) ' "$calls" || false
    [ "$(runs | grep -c -- '--pull=never -- lab/img:1 true')" -eq 4 ]
}

@test "--html is one file that loads nothing and is well formed" {
    bench --runs 1 --html page.html >/dev/null
    ! grep -qiE '<script|https?:|src=|@import|url\(|<link|<img' page.html || false
    grep -q "default-src 'none'" page.html
    [ "$(grep -c '<svg' page.html)" -eq 7 ]
    grep -q 'A simulated host' page.html
    grep -q 'the document: 1.8 s' page.html
    sed -E '1d; s|<(meta[^>]*)>|<\1/>|' page.html >page.xml
    if command -v xmllint >/dev/null; then
        xmllint --noout page.xml
    else
        python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' page.xml
    fi
}

@test "a file that cannot be written is told before anything is measured" {
    fake_engine podman 4.3.1
    only_path=$PATH run bench start --runs 1 --html nowhere/page.html
    [ "$status" -ne 0 ]
    [[ $output = *"nowhere/page.html"* ]]
    [ ! -s "$calls" ]
}

@test "interrupted, it clears up and reports nothing" {
    fake_engine podman 4.3.1
    # shellcheck disable=SC2016 # the stand-in's own
    sed -i 's|^case|[ "$1" != run ] \|\| exec sleep 20\ncase|' "$BATS_TEST_TMPDIR/bin/podman"
    only_path=$PATH bench start --runtime podman --runs 1 >out 2>err &
    local pid=$! i
    for ((i = 0; i < 200; i++)); do
        ! grep -q '^run ' "$calls" || break
        sleep 0.05
    done
    pkill -TERM -P "$pid" || kill -TERM "$pid"
    wait "$pid" && false
    grep -q 'interrupted' err
    [ ! -s out ]
    [ -z "$(find "$HOME/.cache/nvbind" -name 'selftest-*')" ]
    grep -q '^image rm --force ' "$calls"
}

@test "no engine is started in the real-time class" {
    chrt -f 1 true 2>/dev/null || skip "the real-time class is closed to this user"
    fake_engine podman 4.3.1
    # The 41st field of its stat is the class: 0 is the ordinary one.
    # shellcheck disable=SC2016 # the stand-in's own
    sed -i "2i awk '{ sub(/.*\\) /, \"\"); print \$39 }' /proc/self/stat >>'$BATS_TEST_TMPDIR/classes'" \
        "$BATS_TEST_TMPDIR/bin/podman"
    PATH=$PATH chrt -f 1 "$NVBIND_BIN/nvbind" --host-root "$RUN_HOST" bench start --runtime podman \
        --image lab/img:1 --runs 1 >out
    grep -q 'the real-time class was left' out
    # Its version may have been asked before; no container was made so.
    [ "$(tail -n 4 classes | sort -u)" = 0 ]
}

@test "completion and help know it" {
    nvbind help bench | grep -q -- '--html FILE'
    [ "$(nvbind __complete bench fr | cut -f1)" = freshness ]
}
