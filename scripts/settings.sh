# shellcheck shell=sh disable=SC2154 # $folder is the caller's
# For the scripts beside it: settings from the environment, else from .env of the project, whose
# folder is $folder; and which process is the service.

# The value of a variable, or a default.
setting() {
    value=$(printenv "$1" || true)
    if [ -z "$value" ] && [ -f "$folder/.env" ]; then
        value=$(sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$1=//p" "$folder/.env" |
            tail -n 1 | sed "s/[[:space:]]*\$//; s/^'\(.*\)'\$/\1/; s/^\"\(.*\)\"\$/\1/")
    fi
    printf '%s\n' "${value:-$2}"
}

# The first of the service's keys, as a line of curl's configuration; nothing where there is none.
key_header() {
    key=$(setting API_KEYS '' | cut -d, -f1 | tr -d '[:space:]')
    [ -z "$key" ] || printf 'header = "X-API-Key: %s"\n' "$(printf '%s' "$key" | sed 's/[\\"]/\\&/g')"
}

# Whether a process is the service: after a restart of the machine another may have its number.
is_service() {
    if [ -r "/proc/$1/cmdline" ]; then
        told=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" || true)
    else
        told=$(ps -o args= -p "$1" 2>/dev/null || true)
    fi
    case $told in *"elt serve"*) return 0 ;; *) return 1 ;; esac
}
