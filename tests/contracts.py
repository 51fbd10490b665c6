"""Which rows of docs/contracts.md are proved: a pytest plugin, and the report on its results.

The plugin knows ``@pytest.mark.contract("S1-04")``, refuses ids that the page does not have, and
with ``--contract-results=FILE`` writes ``{row id: {test node id: outcome}}``. The report,
``python -m tests.contracts``, sets such files beside the page; ``make contracts`` runs it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path

import pytest

PAGE = Path("docs/contracts.md")
RESULTS = Path("data/test-results")

Rows = dict[str, str]  # row id -> promise, in the order of the page
Results = dict[str, dict[str, str]]  # row id -> test node id -> outcome


class ContractError(Exception):
    """The page, a results file or an id asked for cannot be used; the message says why."""


def read_rows(page: Path) -> Rows:
    """Return ``{row id: promise}`` of the page; ContractError if it is missing or malformed."""
    if not page.is_file():
        raise ContractError(f"{page}: the page of contracts is missing")
    rows: Rows = {}
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if not re.match(r"\|\s*S\d", line):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 3 or not all(cells) or not re.fullmatch(r"S\d-\d\d", cells[0]):
            raise ContractError(f"{page}:{number}: a row is | S1-04 | promise | contract |")
        if cells[0] in rows:
            raise ContractError(f"{page}:{number}: {cells[0]} stands there twice")
        rows[cells[0]] = cells[1].replace("`", "").replace("\\|", "|")
    return rows


# The plugin


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--contract-results=FILE``."""
    # A string, not a Path: xdist sends the options to its workers and carries plain types only.
    parser.getgroup("contracts").addoption(
        "--contract-results", metavar="FILE", help="write which contract rows the tests proved"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, the check of its ids, and the recorder; UsageError on a bad page."""
    config.addinivalue_line("markers", "contract(*ids): rows of docs/contracts.md it proves")
    try:
        rows = read_rows(config.rootpath / PAGE)
    except ContractError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(Marks(rows))
    target: str | None = config.getoption("contract_results")
    # Workers run the tests, but every report reaches the controller: it alone writes the file.
    if target and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(config.invocation_params.dir / target))


class Marks:
    """Checks the ids of each collected test and hands them to its reports."""

    def __init__(self, rows: Rows) -> None:
        """Accept the ids in ``rows``, and no others."""
        self._rows = rows

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self,
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Turn a module's report into a collection error when a test in it names a wrong id."""
        report = yield
        complaints: dict[str, None] = {}
        for item in report.result or []:
            if isinstance(item, pytest.Item):
                complaints.update(dict.fromkeys(self._mark(item)))
        if complaints:
            report.outcome, report.longrepr, report.result = "failed", "\n".join(complaints), []
        return report

    def _mark(self, item: pytest.Item) -> Iterable[str]:
        """Attach the item's ids as user properties, which reports carry; yield complaints."""
        for mark in item.iter_markers("contract"):
            if not mark.args or mark.kwargs:
                yield f'{item.nodeid}: contract() takes ids of rows, as in contract("S1-04")'
            for row in mark.args:
                item.user_properties.append(("contract", row))
                if not isinstance(row, str) or row not in self._rows:
                    yield f"{item.nodeid}: contract row {row!r} is not in {PAGE}"


class Recorder:
    """Collects the outcome of each test that names rows, and writes them when the run ends."""

    def __init__(self, target: Path) -> None:
        """Write to ``target``; what an earlier run left there goes first, lest it pass for new."""
        self._target = target
        self._rows: dict[str, set[str]] = {}
        self._outcomes: dict[str, str] = {}
        target.unlink(missing_ok=True)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the rows of the report's test, and its outcome; a failure in any phase stays."""
        rows = self._rows.setdefault(report.nodeid, set())
        rows.update(str(value) for name, value in report.user_properties if name == "contract")
        if report.failed:
            self._outcomes[report.nodeid] = "failed"
        elif self._outcomes.get(report.nodeid) == "failed":
            return
        elif hasattr(report, "wasxfail"):  # expected to fail: neither outcome proves anything
            self._outcomes[report.nodeid] = "xfailed" if report.skipped else "xpassed"
        elif report.skipped or report.when == "call":
            self._outcomes[report.nodeid] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Write ``{row id: {test node id: outcome}}``, sorted, as JSON."""
        results: Results = {}
        for test, rows in sorted(self._rows.items()):
            for row in rows:
                results.setdefault(row, {})[test] = self._outcomes.get(test, "unfinished")
        self._target.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(results, indent=1, sort_keys=True, ensure_ascii=False)
        self._target.write_text(text + "\n", encoding="utf-8")


# The report


def read_results(paths: Sequence[Path], rows: Rows) -> Results:
    """Merge the files: of a test in several, failed outranks passed, and passed the rest.

    Raises ContractError: no file, one missing or malformed, or an id that the page lacks.
    """
    if not paths:
        raise ContractError(f"{RESULTS}: no contracts-*.json there; run make test first")
    rank = {"failed": 2, "passed": 1}
    merged: Results = {row: {} for row in rows}
    for path in paths:
        for row, tests in _load(path).items():
            if row not in rows:
                raise ContractError(f"{path}: {row} is not in {PAGE}; run the tests again")
            for test, outcome in tests.items():
                known = merged[row].get(test, outcome)
                merged[row][test] = max(known, outcome, key=lambda word: rank.get(word, 0))
    return merged


def _load(path: Path) -> Results:
    """Return the content of one results file; ContractError if missing or of another shape."""
    if not path.is_file():
        raise ContractError(f"{path}: no such results file; run make test first")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            row: {test: str(outcome) for test, outcome in tests.items()}
            for row, tests in content.items()
        }
    except (ValueError, AttributeError) as error:
        raise ContractError(f"{path}: not a file of --contract-results: {error}") from error


def select(rows: Rows, only: str) -> list[str]:
    """Return the ids that ``only`` names (``S0,S2-04``), all when empty; ContractError if none."""
    names = [name.strip().upper() for name in only.split(",") if name.strip()]
    known = rows.keys() | {row[:2] for row in rows}
    if unknown := [name for name in names if name not in known]:
        raise ContractError(f"ONLY: unknown {', '.join(unknown)}; allowed: S2, or a row as S2-04")
    return [row for row in rows if not names or row in names or row[:2] in names]


def state(tests: Mapping[str, str]) -> str:
    """Return ``FAILED`` when a test failed, ``proved`` when one passed, else ``open``."""
    outcomes = set(tests.values())
    return "FAILED" if "failed" in outcomes else "proved" if "passed" in outcomes else "open"


def _tests(tests: Mapping[str, str]) -> list[str]:
    """Return one line per test function and outcome; its parameters are counted, not listed."""
    groups = Counter((test.partition("[")[0], outcome) for test, outcome in tests.items())
    return [
        test + (f" x{count}" if count > 1 else "") + ("" if word == "passed" else f" ({word})")
        for (test, word), count in sorted(groups.items())
    ]


def render(rows: Rows, results: Results, shown: Sequence[str]) -> str:
    """Return the table of the rows ``shown``, and a line of counts per system."""
    width = max((len(rows[row]) for row in shown), default=0)
    lines = [f"{'id':5}  {'state':6}  {'promise':{width}}  tests"]
    tally: dict[str, Counter[str]] = {}
    for row in shown:
        verdict = state(results[row])
        tally.setdefault(row[:2], Counter())[verdict] += 1
        first, *others = _tests(results[row]) or [""]
        lines.append(f"{row:5}  {verdict:6}  {rows[row]:{width}}  {first}".rstrip())
        lines += [f"{'':{width + 15}}  {other}" for other in others]
    for system, counts in tally.items():
        words = ", ".join(f"{counts[word]} {word}" for word in ("proved", "FAILED", "open"))
        lines.append(f"{system}: {words}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the report; 0 all well, 1 a failed proof or an open row of --only, 2 no report."""
    parser = argparse.ArgumentParser(prog="python -m tests.contracts")
    parser.add_argument("--only", default="", help="systems or rows, as S0,S2-04")
    parser.add_argument("--results", type=Path, nargs="+", action="extend", metavar="FILE")
    options = parser.parse_args(argv)
    try:
        rows = read_rows(PAGE)
        chosen = select(rows, options.only)
        results = read_results(options.results or sorted(RESULTS.glob("contracts-*.json")), rows)
    except ContractError as error:
        print(error, file=sys.stderr)
        return 2
    failed = [row for row in rows if state(results[row]) == "FAILED"]
    still_open = [row for row in chosen if options.only and state(results[row]) == "open"]
    # A failed proof fails every call, so it is shown even where --only asked for others.
    print(render(rows, results, [row for row in rows if row in {*chosen, *failed}]))
    if failed:
        print(f"a proof failed: {', '.join(failed)}", file=sys.stderr)
    if still_open:
        print(f"still open: {', '.join(still_open)}", file=sys.stderr)
    return 1 if failed or still_open else 0


if __name__ == "__main__":
    sys.exit(main())
