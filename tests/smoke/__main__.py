"""Run every pipeline, from the templates beside this file, and print what came of it.

python -m tests.smoke [duckdb|postgres]…   (none: both)

What the settings name (API_URL, ELASTICSEARCH_URL, RAW_STORE_URL on S3 or Azure, DATABASE_URL) is
used; a stand-in on loopback takes the place of the rest. All runs are in the environment `test`.
Exits with 1 where a pipeline failed.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from click.testing import CliRunner

from loaders.settings import TARGETS, load_settings
from loaders.warehouse import cluster_of, embedded_postgres
from orchestration.cli import main as elt
from orchestration.formats import table
from tests.smoke.services import NOT_THERE, Variables, raw_stores, sources

TEMPLATES = sorted((Path(__file__).parent / "templates").glob("*.json"))
TITLES = ("pipeline", "raw store", "warehouse", "rows", "seconds", "ok")


class Line(NamedTuple):
    """A pipeline that was run, or why it was not; `ok` is None then."""

    pipeline: str
    store: str
    target: str
    rows: int | None = None
    seconds: float | None = None
    ok: bool | None = None
    told: str = ""


def main(targets: Sequence[str]) -> int:
    """Run all; the exit code."""
    started = time.monotonic()
    lines = []
    for line in smoke(targets or TARGETS):
        lines.append(line)
        print(f"{line.pipeline} {line.store} {line.target} …", file=sys.stderr)
    rows = [
        (
            line.pipeline,
            line.store,
            line.target,
            line.rows,
            line.seconds and f"{line.seconds:.1f}",
            {True: "ok", False: "FAILED", None: "-"}[line.ok],
        )
        for line in lines
    ]
    print(table(TITLES, rows))
    for line in lines:
        if line.told:
            print(f"{line.pipeline} on {line.store}, {line.target}: {line.told}")
    ran = sum(line.ok is not None for line in lines)
    print(f"{ran} of {len(lines)} ran, in {time.monotonic() - started:.1f} s")
    return 1 if any(line.ok is False for line in lines) else 0


def smoke(targets: Sequence[str]) -> Iterator[Line]:
    """What became of each pipeline, on each raw store and warehouse."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        real = load_settings(env="test")
        common = sources(real, stack)
        stores = raw_stores(real, stack, folder)
        for target in targets:
            place = {**common, "ELT_TARGET": target, "ELT_DATA_DIR": str(folder / target)}
            if target == "postgres":
                stack.callback(_stop, place)
            for name, variables in stores.items():
                yield from _pipelines(target, name, variables, place)


def _pipelines(
    target: str, store: str, variables: Variables | None, place: Variables
) -> Iterator[Line]:
    for template in TEMPLATES:
        runner = json.loads(template.read_bytes())["runner"]
        reads_no_store = runner == "internal_raw_to_dwh"
        if variables is None:
            if not reads_no_store:
                yield Line(runner, store, target, told=NOT_THERE)
        elif not reads_no_store:
            yield _run(template, Line(runner, store, target), {**place, **variables})
        elif store == "file":  # once: it has nothing to do with a raw store
            yield _run(template, Line(runner, "-", target), {**place, **variables})


def _run(template: Path, line: Line, variables: Variables) -> Line:
    """Run a template as `elt run --file` does."""
    started = time.monotonic()
    with patch.dict(os.environ, {**variables, "SMOKE_STORE": line.store}):
        done = CliRunner().invoke(elt, ["run", "--file", str(template)])
    seconds = time.monotonic() - started
    try:
        told = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return line._replace(seconds=seconds, ok=False, told=done.output or repr(done.exception))
    if told["status"] != "success":
        return line._replace(seconds=seconds, ok=False, told=told["message"])
    result = told["result"]
    warned = "; ".join(result["warnings"])
    # without a warning, no rows is no success: everything here is new
    is_whole = not result["rows_set_aside"] and bool(result["rows"] or warned)
    return line._replace(rows=result["rows"], seconds=seconds, ok=is_whole, told=warned)


def _stop(place: Variables) -> None:
    """Stop the embedded PostgreSQL, where it was that."""
    with patch.dict(os.environ, place):
        settings = load_settings(env="test")
    if settings.database is None:
        embedded_postgres.stop(cluster_of(settings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
