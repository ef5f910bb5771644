# PyRLab's lab in a real browser: the printed address, refused without its token, a notebook with a
# plot, what is saved belongs to the host's user, kernel and terminal. Pictures: $NVBIND_TEST_CACHE/pictures.
# R's lab goes the same way with "make check-engines", which the next line names no engine for; its
# kernel runs a notebook in 83-pyrlab-images.
# more engines:

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

# walk KERNEL PICTURES: the whole way, in the lab that was started; then what it left on this machine.
walk() {
    local pictures=$NVBIND_T_CACHE/pictures/$2 file
    rm -rf "$pictures"
    mkdir -p "$pictures"
    chown "$NVBIND_T_UID" "$pictures"
    rm -f "$NOTES"/{made.txt,terminal.txt,Untitled.ipynb}
    run as_user timeout 400 /usr/bin/python3 "$NVBIND_T_SRC/tests/browser/lab.py" "$ADDRESS" "$pictures" "$1"
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

@test "JupyterLab, as a person uses it" {
    lab_make pylab
    [ "$status" -eq 0 ]
    walk "Python 3" pylab
}

@test "R's lab, the same way" {
    [ "${NVBIND_TEST_ENGINES:-}" = all ] || skip "make check-engines runs it"
    need_part pyrlab-more
    lab_make rlab
    [ "$status" -eq 0 ]
    walk R rlab
}
