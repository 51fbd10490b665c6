"""`python -m benchmarks.health`: how soon `/health` answers while a run keeps the machine busy.

The service of each warehouse is asked at a steady pace over one connection: first while nothing
runs, then while a large file lands and the models are built.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import report
from benchmarks.scenarios import NAMES, WAREHOUSES, Bench, Sizes
from loaders.settings import PROJECT_DIR

PLACE = PROJECT_DIR / "data" / "bench"
ELT = Path(sys.executable).parent / "elt"
BETWEEN_SECONDS = 0.01
IDLE_SECONDS = 5.0
GOAL_MS = 50
HEAD = ("warehouse", "meanwhile", "answers", "p50 ms", "p99 ms", "slowest ms", f"p99 < {GOAL_MS}")


def main() -> int:
    """Measure both warehouses and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.health", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    rows = parser.parse_args().rows
    PLACE.mkdir(parents=True, exist_ok=True)
    lines: list[tuple[str, ...]] = []
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=PLACE)))
        bench = Bench(stack, scratch, PLACE / "peers", Sizes(), has_peers=False)
        for warehouse in WAREHOUSES:
            ground = bench.ground(warehouse)
            ground.clear()
            variables = {**os.environ, **ground.elt_variables}
            csv = bench.csv(rows)
            with _service(variables) as url:
                for meanwhile, seconds in _turns(url, variables, csv, rows):
                    report.tell(f"{NAMES[warehouse]}, {meanwhile}: {len(seconds)} answers")
                    lines.append((NAMES[warehouse], meanwhile, *_figures(seconds)))
    print(_table(lines))
    return 0


def _turns(
    url: str, variables: dict[str, str], csv: Path, rows: int
) -> Iterator[tuple[str, list[float]]]:
    ends = time.monotonic() + IDLE_SECONDS
    yield "nothing runs", _ask(url, lambda: time.monotonic() < ends)
    for told, command in (
        (f"{rows:,} rows land", ["land", str(csv)]),
        ("all sources, models", ["run"]),
    ):
        with subprocess.Popen(
            [ELT, *command], env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as run:
            yield told, _ask(url, lambda run=run: run.poll() is None)  # type: ignore[misc]
        if run.returncode not in (0, 3):
            raise RuntimeError(f"elt {command[0]} exited with {run.returncode}")


@contextmanager
def _service(variables: dict[str, str]) -> Iterator[str]:
    with subprocess.Popen(
        [ELT, "serve", "--port", "0", "--json"], env=variables, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def _ask(url: str, goes_on: Callable[[], bool]) -> list[float]:
    """The seconds that each answer took, over one connection."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", "/health")
    connection.getresponse().read()
    seconds = []
    while goes_on():
        started = time.perf_counter()
        connection.request("GET", "/health")
        answer = connection.getresponse()
        answer.read()
        seconds.append(time.perf_counter() - started)
        if answer.status != http.client.OK:
            raise RuntimeError(f"/health answered {answer.status}")
        time.sleep(BETWEEN_SECONDS)
    connection.close()
    return seconds


def _figures(seconds: Sequence[float]) -> tuple[str, ...]:
    ordered = sorted(seconds)
    p50, p99 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99))
    is_reached = "yes" if p99 < GOAL_MS else "**no**"
    slowest = ordered[-1] * 1000
    return (str(len(ordered)), f"{p50:.1f}", f"{p99:.1f}", f"{slowest:.1f}", is_reached)


def _table(lines: Sequence[Sequence[str]]) -> str:
    rule = [":--", ":--", "--:", "--:", "--:", "--:", ":--"]
    return "\n".join(f"| {' | '.join(line)} |" for line in (HEAD, rule, *lines))


if __name__ == "__main__":
    sys.exit(main())
