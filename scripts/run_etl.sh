#!/bin/sh
# Builds, runs and triggers: afterwards the service answers, and its warehouse is loaded.
#   scripts/run_etl.sh [--containers|--no-containers]
# With a container engine that works it is compose.yaml; else, or with --no-containers, the virtual
# environment of the checkout, with the service in the background. To run it again starts what is
# not running, and lands what is new. scripts/stop_etl.sh ends it.
# Exit codes: 0 loaded and served, 1 not, 2 bad usage or settings, or something is missing.
set -eu

folder=$(cd "$(dirname "$0")/.." && pwd)
cd "$folder"
. scripts/settings.sh
kind=any
for argument in "$@"; do
    case $argument in
    --containers) kind=containers ;;
    --no-containers) kind=venv ;;
    *) echo "usage: scripts/run_etl.sh [--containers|--no-containers]" >&2; exit 2 ;;
    esac
done
url=http://127.0.0.1:$(setting APP_PORT "$(setting SERVER_PORT 8000)")
data=$(setting ELT_DATA_DIR data)
command -v curl >/dev/null || { echo "run_etl.sh needs curl" >&2; exit 2; }

is_ready() {
    curl --silent --fail --noproxy '*' --max-time 3 --output /dev/null "$url/ready"
}

wait_until_ready() {
    until=$(($(date +%s) + 60))
    while ! is_ready; do
        if [ -n "${service:-}" ] && ! kill -0 "$service" 2>/dev/null; then
            echo "The service ended at once. It said:" >&2
            tail -n 5 "$data/serve.out" >&2
            exit 1
        fi
        if [ "$(date +%s)" -ge "$until" ]; then
            echo "The service does not answer on $url within a minute; see $1" >&2
            exit 1
        fi
        sleep 0.2
    done
}

# A secret of this machine's own in .env, which only its owner reads.
keep_secret() {
    if [ -n "$(setting "$1" '')" ]; then return; fi
    [ -e .env ] || (umask 077 && sed "/^$1=\$/d" .env.example >.env)
    # a file may end without the end of its last line
    [ -z "$(tail -c 1 .env)" ] || echo >>.env
    printf '# Made by %s\n%s=%s\n' "$0" "$1" "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" >>.env
    echo "Wrote $1 into .env" >&2
}

serve_in_containers() {
    keep_secret API_KEYS
    echo "Building the image and starting the containers with $engine …" >&2
    "$engine" compose up --detach --build
    wait_until_ready "$engine compose logs app"
}

serve_from_venv() {
    make --no-print-directory build
    mkdir -p "$data"
    if [ -f "$data/serve.pid" ] && is_service "$(cat "$data/serve.pid")" && is_ready; then
        echo "The service is running already." >&2
        return
    fi
    if curl --silent --noproxy '*' --max-time 3 --output /dev/null "$url/"; then
        echo "Something else answers on $url: end it, or set APP_PORT" >&2
        exit 2
    fi
    # in a session of its own, so that it stays when this terminal goes
    if command -v setsid >/dev/null; then detached=setsid; else detached="nohup"; fi
    $detached .venv/bin/elt serve >"$data/serve.out" 2>&1 </dev/null &
    service=$!
    echo "$service" >"$data/serve.pid"
    wait_until_ready "$data/serve.out"
}

if [ "$kind" != venv ] && engine=$(scripts/container_engine.sh 2>&1); then
    serve_in_containers
elif [ "$kind" = containers ]; then
    echo "$engine" >&2 # why there is none
    exit 2
else
    serve_from_venv
fi
echo "Landing the sources and building the models …" >&2
scripts/trigger_etl.sh --patient "$url"
