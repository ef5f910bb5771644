# Bats helpers that speak the Container Runtime Interface (k8s.io/cri-api, runtime.v1) to containerd:
# gRPC by curl over its socket. Messages are written by hand, as protocol buffers want it, in hex.
#
#   field_text N TEXT          a string
#   field_number N NUMBER      a number or an enumerator
#   field_message N HEX...     a message made of the fields HEX
#   cri SERVICE/METHOD HEX...  calls it; prints the answer's message in hex; fails with its error
#   text_of N HEX              the string that is field N of the message

# Seven bits a byte, the lowest first.
varint() {
    local n=$1 byte
    while :; do
        byte=$((n & 127))
        n=$((n >> 7))
        [ "$n" -eq 0 ] && break
        printf '%02x' $((byte | 128))
    done
    printf '%02x' "$byte"
}

to_hex() { od -An -v -tx1 | tr -d ' \n'; }
# shellcheck disable=SC2001 # a pattern of two characters, which a substitution of bash has not
from_hex() { printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"; }

field_number() { varint $(($1 << 3)); varint "$2"; }

field_message() {
    local number=$1 all
    shift
    all=$(printf '%s' "$@")
    varint $((number << 3 | 2))
    varint $((${#all} / 2))
    printf '%s' "$all"
}

field_text() { field_message "$1" "$(printf '%s' "$2" | to_hex)"; }

cri() {
    local method=$1 message dir answer
    shift
    message=$(printf '%s' "$@")
    dir=$(mktemp -d "$NVBIND_T_DIR/tmp/cri.XXXXXX")
    # A gRPC message: not compressed, its length, itself.
    from_hex "00$(printf '%08x' $((${#message} / 2)))$message" >"$dir/request"
    curl -sS --http2-prior-knowledge --unix-socket "${CRI_SOCKET:?}" -X POST --max-time 120 \
        -H 'content-type: application/grpc' -H 'te: trailers' --data-binary "@$dir/request" \
        -D "$dir/headers" -o "$dir/answer" "http://localhost/runtime.v1.$method" || return 1
    if ! grep -qi '^grpc-status: 0' "$dir/headers"; then
        printf '%s: %s\n' "$method" "$(grep -i '^grpc-' "$dir/headers" | tr -d '\r' | tr '\n' ' ')" >&2
        return 1
    fi
    answer=$(to_hex <"$dir/answer")
    printf '%s\n' "${answer:10}"
}

# Reads a number at $at of $hex into $value, and moves on.
read_varint() {
    local shift=0 byte
    value=0
    while :; do
        byte=$((16#${hex:at:2}))
        at=$((at + 2))
        value=$((value | (byte & 127) << shift))
        [ $((byte & 128)) -ne 0 ] || return 0
        shift=$((shift + 7))
    done
}

# find_field N HEX: what field N holds: a number, or the bytes in hex.
find_field() {
    local wanted=$1 hex=$2 at=0 value tag len
    while [ "$at" -lt "${#hex}" ]; do
        read_varint
        tag=$value
        read_varint
        case $((tag & 7)) in
            0) [ $((tag >> 3)) -ne "$wanted" ] || { echo "$value"; return; } ;;
            2)
                len=$((value * 2))
                [ $((tag >> 3)) -ne "$wanted" ] || { echo "${hex:at:len}"; return; }
                at=$((at + len))
                ;;
            *) return 1 ;;
        esac
    done
}

text_of() { from_hex "$(find_field "$1" "$2")"; }
