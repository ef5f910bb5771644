# bash completion for nvbind. What there is to offer is known to "nvbind __complete" alone; this
# carries the words there and its lines back.
# shellcheck shell=bash

_nvbind() {
    local rest=${COMP_LINE:0:COMP_POINT} words=() lines=() breaks='' cut='' text word line i

    # Readline parts words at "=" and ":" as well, and nvbind reads them whole: what no blank parts
    # on the line is put together again.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        text=${rest#"${rest%%[![:space:]]*}"}
        word=${COMP_WORDS[i]}
        [ "$i" -lt "$COMP_CWORD" ] || word=$text
        if [ "$i" -gt 0 ] && [ "$text" = "$rest" ]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        rest=${text#"$word"}
    done
    words=("${words[@]/#\~\//$HOME/}")
    word=${words[${#words[@]} - 1]}

    # What is put in replaces the part behind the last of those characters, not the whole word.
    [[ $COMP_WORDBREAKS != *=* ]] || breaks+='='
    [[ $COMP_WORDBREAKS != *:* ]] || breaks+=':'
    [ -z "$breaks" ] || cut=${word%"${word##*["$breaks"]}"}

    COMPREPLY=()
    mapfile -t lines < <("${1/#\~\//$HOME/}" __complete "${words[@]:1}" 2>/dev/null)
    for line in "${lines[@]}"; do
        case $line in
            :files) compopt -o default 2>/dev/null ;;
            :folders) compopt -o dirnames 2>/dev/null ;;
            *)
                line=${line%%$'\t'*}
                COMPREPLY+=("${line#"$cut"}")
                ;;
        esac
    done
    return 0
}

complete -F _nvbind nvbind
