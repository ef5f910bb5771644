# Bats helper for "nvbind generate compose".

# every_option_is_said TOOL [WORDS...]: each option of the table leaves something in a file for TOOL,
# or is named in an error. Writes into the working folder; sets TAKEN to how many were taken.
every_option_is_said() {
    local tool=$1 name arity scope value
    shift
    TAKEN=0
    printf 'A=1\n' >./3
    while IFS=$'\t' read -r name _ arity _ _ scope _; do
        [[ $scope = *,run,* && ! $name =~ ^(help|gpus)$ ]] || continue
        value=
        [ "$arity" = bool ] || value="=3"
        if "$NVBIND_BIN/nvbind" generate compose --for "$tool" "$@" --gpu none "--$name$value" localhost/img \
            >one 2>said; then
            TAKEN=$((TAKEN + 1))
            # Only what Compose says itself leaves nothing behind.
            [ "$(grep -vcE '^ +(image|environment):|VISIBLE_DEVICES|^x-podman|in_pod' one)" -gt 3 ] ||
                [[ $name =~ ^(detach|rm|purge|replace|quiet|sig-proxy|disable-content-trust)$ ]] ||
                { echo "$tool: --$name is dropped"; cat one; return 1; }
        else
            grep -qE -e "--($name|runtime)|log-opt|short option" said || { echo "$tool: --$name:"; cat said; return 1; }
        fi
    done < <("$NVBIND_BUILD/tests/dump_options")
}
