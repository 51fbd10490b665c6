#!/bin/sh
# Stops what quickstart.sh or scripts/run_etl.sh started; the data stays.
set -eu

folder=$(cd "$(dirname "$0")/.." && pwd)
cd "$folder"
. scripts/settings.sh
if engine=$(scripts/container_engine.sh 2>/dev/null); then
    "$engine" compose down
fi
pid_file=$(setting ELT_DATA_DIR data)/serve.pid
if [ ! -f "$pid_file" ]; then exit 0; fi
service=$(cat "$pid_file")
if is_service "$service"; then
    kill -TERM "$service"
    # a run under way has 30 s to roll back
    while is_service "$service"; do sleep 0.2; done
    echo "The service has ended." >&2
fi
rm -f "$pid_file"
