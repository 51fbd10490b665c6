"""Figures → the tables of benchmarks/README.md, with versions, machine and goals."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.figures import Figures, Goal
from benchmarks.rounds import Result, Scenario, figures_by_contestant
from loaders.settings import PROJECT_DIR
from loaders.warehouse.embedded_postgres import binary

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
PACKAGES = ("duckdb", "dlt", "dbt-core", "psycopg2-binary", "pyarrow", "requests", "orjson")
HEAD = (
    "contestant",
    "seconds",
    "from … to",
    "ratio",
    "rows/s",
    "CPU s",
    "peak MB",
    "goal",
    "reached",
)
UNITS = {"times": " x", "seconds": " s", "peak_mb": " MB", "rows_per_second": " rows/s"}


def section_of(scenario: Scenario, results: Sequence[Result]) -> str:
    """The table of a scenario, under its title."""
    counted = figures_by_contestant(results, has_limit=scenario.has_limit)
    rows = [_row(result, figures) for result, figures in counted]
    return f"### {scenario.title}\n\n{table_of(rows)}\n"


def table_of(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; figures stand to the right, texts to the left."""
    rule = [":--" if name in ("contestant", "goal", "reached") else "--:" for name in HEAD]
    return "\n".join(f"| {' | '.join(row)} |" for row in (HEAD, rule, *rows))


def _row(result: Result, figures: Figures | None) -> tuple[str, ...]:
    contestant = result.contestant
    goals = ", ".join(_told(goal) for goal in contestant.goals)
    if figures is None:
        problem = (result.problem or "took no turn").replace("|", "\\|")
        return (contestant.name, *("",) * 6, goals, f"**{problem}**")
    return (
        contestant.name,
        f"{figures.seconds:.2f}",
        f"{figures.fastest:.2f} … {figures.slowest:.2f}",
        f"{figures.times:.2f}" if figures.times else "",
        "" if contestant.is_rerun else f"{figures.rows_per_second:,.0f}",
        f"{figures.cpu_seconds:.2f}",
        f"{figures.peak_mb:.0f}",
        goals,
        reached(contestant.goals, figures),
    )


def reached(goals: Sequence[Goal], figures: Figures) -> str:
    """Whether all goals are reached; if not, by which figures."""
    missed = []
    for goal in goals:
        value = figures.value_of(goal.measure)
        if value is None or not goal.is_reached(value):
            shown = "not measured" if value is None else _amount(goal, value)
            missed.append(shown)
    return ("yes" if goals else "") if not missed else f"**no: {', '.join(missed)}**"


def _told(goal: Goal) -> str:
    return f"{'≥' if goal.measure == 'rows_per_second' else '≤'} {_amount(goal, goal.bound)}"


def _amount(goal: Goal, value: float) -> str:
    digits = {"rows_per_second": 0, "peak_mb": 0, "seconds": 2, "times": 2}[goal.measure]
    number = f"{value:,.{digits}f}"
    return (number.rstrip("0").rstrip(".") if digits else number) + UNITS[goal.measure]


def preamble(rounds: int, peer_rounds: int) -> str:
    """When, on what and with which versions."""
    versions = "; ".join(f"{name} {number}" for name, number in _versions())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {rounds} interleaved rounds ({peer_rounds} for peers), "
        f"medians. {_machine()}. {versions}.\n"
    )


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GB of memory, "
        f"{_system()}, Python {platform.python_version()}"
    )


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return f"{platform.system()} {platform.release()}"


def _versions() -> Iterator[tuple[str, str]]:
    yield "Assay", _first_line("git", "-C", str(PROJECT_DIR), "describe", "--always", "--dirty")
    server = _first_line(str(binary("postgres")), "--version").split()[-1]
    yield "PostgreSQL and psql", f"{server} (fsync on)"
    for package in PACKAGES:
        yield package, version(package)


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return next(iter(done.stdout.splitlines()), "unknown")


def write(figures: str, path: Path = README) -> None:
    """Put the figures between the markers of a page.

    Raises:
        ValueError: the page does not have both markers, once each and in order.
    """
    path.write_text(placed(path.read_text(encoding="utf-8"), figures), encoding="utf-8")


def placed(page: str, figures: str) -> str:
    """The page with other text between its markers.

    Raises:
        ValueError: it does not have both, once each and in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before + after:
        raise ValueError(f"the page needs {BEGIN} and then {END}, once each")
    return f"{before}{BEGIN}\n\n{figures.strip()}\n\n{END}{after}"


def tell(line: str) -> None:
    """Say how far the run is."""
    print(line, file=sys.stderr, flush=True)
