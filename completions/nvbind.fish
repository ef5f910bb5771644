# fish completion for nvbind. What there is to offer is known to "nvbind __complete" alone; this
# carries the words there and its lines back.

function __nvbind_complete
    set -l before (commandline -opc)
    set -l program $before[1]
    set -e before[1]
    set -l current (commandline -ct)
    set -l lines ($program __complete $before $current 2>/dev/null)
    switch "$lines[-1]"
        case ':files' ':folders'
            # Behind "--name=" the word goes on: its beginning belongs to every candidate.
            set -l start (string match -r '^--[^=]*=' -- $current)
            set -l path (string replace -r '^--[^=]*=' '' -- $current)
            if test "$lines[-1]" = ':files'
                for found in (__fish_complete_path $path)
                    echo "$start$found"
                end
            else
                for found in (__fish_complete_directories $path)
                    echo "$start$found"
                end
            end
        case '*'
            string join \n -- $lines
    end
end

complete -c nvbind -f -k -a '(__nvbind_complete)'
