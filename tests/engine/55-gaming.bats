# The profile gaming with a real X server (Xvfb) and a real OpenGL program from Debian, which draws
# through Mesa's software driver. The server lets in who shows its cookie and nobody else, and the
# picture is read from the server's own frame buffer.

load ../lib/engine
bats_require_minimum_version 1.5.0

setup_file() {
    engine_setup_file
    simulate_host --gpus 1
}

# field TEXT: as a file of cookies has it, two bytes of length in front.
field() {
    printf '%b%s' "\\x00\\x$(printf %02x "${#1}")" "$1"
}

setup() {
    command -v Xvfb >/dev/null || skip "Xvfb is not installed (scripts/setup check)"
    need_part gl-trixie
    use_runtime runc
    session=$(shared_folder)
    image=$(import_image rootless gl-trixie)
    # Only root could make it as X servers want it.
    made=
    [ -d /tmp/.X11-unix ] || { mkdir -m 1777 /tmp/.X11-unix && made=1; }
    start_server
}

teardown() {
    as_user podman rm -f -t 0 gears >/dev/null 2>&1 || true
    # The server's own lock has its number; it takes lock and socket away itself.
    if [ -n "${display:-}" ] && [ -e "/tmp/.X${display#:}-lock" ]; then
        kill "$(tr -d ' ' <"/tmp/.X${display#:}-lock")" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    [ -z "${made:-}" ] || rmdir /tmp/.X11-unix
}

# Sets $server and $display.
start_server() {
    local number i
    number=$((700 + RANDOM % 200))
    display=:$number
    {
        printf '\x01\x00'
        field "$(uname -n)"
        field "$number"
        field MIT-MAGIC-COOKIE-1
        field 0123456789abcdef
    } >"$session/auth"
    mkdir "$session/screen"
    chown -R "$NVBIND_T_USER" "$session" 2>/dev/null || true
    chmod 0700 "$session"
    as_user Xvfb "$display" -auth "$session/auth" -fbdir "$session/screen" -screen 0 320x320x24 \
        -nolisten tcp >"$BATS_TEST_TMPDIR/server.log" 2>&1 3>&- &
    server=$!
    for ((i = 0; i < 100; i++)); do
        [ ! -S "/tmp/.X11-unix/X$number" ] || return 0
        sleep 0.1
    done
    cat "$BATS_TEST_TMPDIR/server.log"
    return 1
}

# gears WORD...: a container of the profile that draws, by a user of the image's own.
gears() {
    as_user env "DISPLAY=$display" "XAUTHORITY=$session/auth" "XDG_RUNTIME_DIR=$session" \
        "$NVBIND_BIN/nvbind" --host-root "$HOST" run --profile gaming --gpu 0 --network=none \
        --user 1234:1234 -e LIBGL_ALWAYS_SOFTWARE=1 "$@"
}

# Prints how many pixels are rather red, green and blue. The screen is an XWD file: its header's
# length and the number of colours, 12 bytes each, stand in it with the highest byte first.
count_colours() {
    local file=$session/screen/Xvfb_screen0 header colours
    header=$(od -An -tu1 -N4 "$file" | awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 }')
    colours=$(od -An -tu1 -j76 -N4 "$file" | awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 }')
    od -An -v -tu1 -w4 -j$((header + colours * 12)) "$file" | awk '
        $3 > $2 + 60 && $3 > $1 + 60 { red++ }
        $2 > $3 + 60 && $2 > $1 + 60 { green++ }
        $1 > $3 + 60 && $1 > $2 + 60 { blue++ }
        END { print red + 0, green + 0, blue + 0 }'
}

@test "an OpenGL program draws its three gears on the session's X server" {
    local i red=0 green=0 blue=0
    [ "$(count_colours)" = "0 0 0" ]
    gears -d --replace --name gears "$image" glxgears -info
    for ((i = 0; i < 60; i++)); do
        read -r red green blue < <(count_colours)
        [ "$red" -le 1000 ] || [ "$green" -le 1000 ] || [ "$blue" -le 1000 ] || break
        sleep 0.5
    done
    as_user podman logs gears >"$BATS_TEST_TMPDIR/log" 2>&1
    cat "$BATS_TEST_TMPDIR/log"
    echo "red $red, green $green, blue $blue"
    [ "$red" -gt 1000 ]
    [ "$green" -gt 1000 ]
    [ "$blue" -gt 1000 ]
    # It was no other driver than Mesa's, and the picture was drawn, not copied from anywhere.
    grep -q 'GL_RENDERER *= *llvmpipe' "$BATS_TEST_TMPDIR/log"
}

@test "without the cookie the X server lets no container in" {
    run gears --rm -e XAUTHORITY=/nowhere "$image" timeout 20 glxgears
    [ "$status" -ne 0 ]
    [[ $output == *"couldn't open display $display"* ]]
}
