#!/bin/sh
# Has the service land all sources and build the models, and waits for the end.
#   API_KEYS=…  scripts/trigger_etl.sh [--patient] [URL]
# URL is the service's address: http://127.0.0.1:8000 unless given, with the port of APP_PORT or
# SERVER_PORT. The key is the first of API_KEYS, from the environment or .env; without any none is
# sent. --patient waits for another run that holds the warehouse, for ten minutes. Prints the answer,
# which is JSON.
# Exit codes: 0 it landed and built, 1 it did not, or nobody answers, 2 bad usage.
set -eu

usage() {
    echo "usage: scripts/trigger_etl.sh [--patient] [URL]; see the top of the file" >&2
    exit 2
}

folder=$(cd "$(dirname "$0")/.." && pwd)
. "$folder/scripts/settings.sh"
patience=0
url=""
for argument in "$@"; do
    case $argument in
    --patient) patience=600 ;;
    http://* | https://*) [ -z "$url" ] || usage; url=${argument%/} ;;
    *) usage ;;
    esac
done
url=${url:-http://127.0.0.1:$(setting APP_PORT "$(setting SERVER_PORT 8000)")}
export no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"
command -v curl >/dev/null || { echo "trigger_etl.sh needs curl" >&2; exit 2; }

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# the key goes in by standard input: a command line can be read by every user of the machine
post() {
    key_header | curl --config - --silent --show-error --request POST --data '' \
        --output "$answer" --write-out '%{http_code}' "$url/trigger_etl"
}

until=$(($(date +%s) + patience))
while :; do
    : >"$answer"
    status=$(post) || exit 1
    [ "$status" = 409 ] && [ "$(date +%s)" -lt "$until" ] || break
    sleep 1
done
cat "$answer"
echo
case $status in
2??) ;;
401) echo "the service wants a key: set API_KEYS" >&2; exit 1 ;;
409) echo "another run holds the warehouse; wait for it, or use --patient" >&2; exit 1 ;;
*) echo "the run failed: the service answered $status" >&2; exit 1 ;;
esac
