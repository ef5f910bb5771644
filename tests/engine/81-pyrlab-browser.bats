# PyRLab's lab in a real browser: the printed address, refused without its token, a notebook with a
# plot, what is saved belongs to the host's user, kernel and terminal. Pictures: $NVBIND_TEST_CACHE/pictures.

load ../lib/engine
load ../lib/lab
bats_require_minimum_version 1.5.0

setup_file() {
    [ -x /usr/bin/chromium ] && [ -x /usr/bin/chromedriver ] ||
        skip "chromium is not installed (scripts/setup lab)"
    /usr/bin/python3 -c 'import selenium' 2>/dev/null ||
        skip "python3-selenium is not installed (scripts/setup lab)"
    lab_setup_file
}

teardown() {
    [ -z "${LAB:-}" ] || podman_rootless rm -fa -t 0 >/dev/null 2>&1 || true
}

@test "JupyterLab, as a person uses it" {
    local pictures=$NVBIND_T_CACHE/pictures/pylab
    rm -rf "$pictures"
    mkdir -p "$pictures"
    chown "$NVBIND_T_UID" "$pictures"
    lab_make pylab
    [ "$status" -eq 0 ]
    run as_user timeout 400 /usr/bin/python3 "$NVBIND_T_SRC/tests/browser/lab.py" "$ADDRESS" "$pictures"
    echo "$output"
    [ "$status" -eq 0 ]
    ls -ln "$NOTES"
    [ "$(cat "$NOTES/made.txt")" = "by a cell" ]
    [ "$(cat "$NOTES/terminal.txt")" = "by a terminal 42" ]
    [[ $(cat "$NOTES/Untitled.ipynb") = *image/png*"answer is 42"* ]]
    for file in made.txt terminal.txt Untitled.ipynb; do
        [ "$(stat -c %u "$NOTES/$file")" = "$NVBIND_T_UID" ]
    done
    [ "$(find "$pictures" -name '*.png' -size +1k | wc -l)" -ge 9 ]
}
