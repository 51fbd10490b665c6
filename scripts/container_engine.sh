#!/bin/sh
# Prints the container engine that works here with compose: docker or podman; ENGINE names one.
# Exit code 2, and why, where there is none.
set -u

why=""
for engine in ${ENGINE:-docker podman}; do
    if ! command -v "$engine" >/dev/null 2>&1; then
        why="$why
  $engine is not installed"
    elif ! told=$("$engine" info 2>&1 >/dev/null); then
        why="$why
  $engine is installed and does not work: $(printf '%s\n' "$told" | grep -v '^$' | tail -n 1)"
    elif ! "$engine" compose version >/dev/null 2>&1; then
        why="$why
  $engine has no 'compose': install its compose plugin"
    else
        echo "$engine"
        exit 0
    fi
done
cat >&2 <<TOLD
There is no container engine that works here:$why
Install Docker (with its compose plugin) or Podman and start it, or do without containers: make elt, make serve
TOLD
exit 2
