#!/bin/sh
# Prints the features, or another table, from whichever warehouse the settings name.
#   scripts/query_database.sh [TABLE [OPTION…]]      options are those of `elt show`: --format csv
# It asks the warehouse of the checkout (.venv), or, where compose runs the service, that one's.
# Exit codes: those of elt.
set -eu

folder=$(cd "$(dirname "$0")/.." && pwd)
[ $# -gt 0 ] || set -- user_features
cd "$folder"
if engine=$(scripts/container_engine.sh 2>/dev/null) &&
    [ -n "$("$engine" compose ps --quiet --status running app 2>/dev/null)" ]; then
    exec "$engine" compose exec -T app elt show "$@"
fi
if [ ! -x .venv/bin/elt ]; then
    echo "Nothing is set up: ./quickstart.sh, or make elt" >&2
    exit 2
fi
exec .venv/bin/elt show "$@"
