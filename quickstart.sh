#!/bin/sh
# From a clone to a served, loaded warehouse: ./quickstart.sh
# With Docker or Podman it is compose.yaml (PostgreSQL, a raw store, the service); else, or with
# --no-containers, Python 3.11 and make are enough (DuckDB). Run it again as often as you like.
# Exit codes: 0 loaded and served, 1 not, 2 bad usage or settings, or something is missing.
set -eu

cd "$(dirname "$0")"
folder=$(pwd)
. scripts/settings.sh

scripts/run_etl.sh "$@"

url=http://127.0.0.1:$(setting APP_PORT "$(setting SERVER_PORT 8000)")
cat <<TOLD

Assay is loaded and answers on $url/ ($url/docs shows every operation).

  scripts/query_database.sh                     the features
  scripts/query_database.sh daily_events        another table
  scripts/trigger_etl.sh                        land what is new, and build
  scripts/stop_etl.sh                           stop; the data stays
TOLD
if [ -n "$(setting API_KEYS '')" ]; then
    echo "
It wants a key, API_KEYS in .env: curl -H \"X-API-Key: …\" $url/runs"
else
    echo "
It answers this machine alone, without a key: curl $url/runs"
fi
