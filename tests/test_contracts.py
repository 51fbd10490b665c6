"""How contract rows are proved: what the marker, the results file and ``make contracts`` do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import contracts

pytest_plugins = ["pytester"]

ROOT = Path(contracts.__file__).parents[1]
RECORD = "contracts-test.json"
PAGE = r"""
| id | promise | contract |
|---|---|---|
| S1-01 | upload | `POST /ingest/` |
| S1-02 | runs by name | `--env dev\|test` |
| S2-01 | small interfaces | one protocol each |
"""
TWO_PROOFS = """
import pytest

@pytest.mark.contract("S1-01", "S2-01")
def test_both(): pass

def test_unmarked(): pass

@pytest.mark.contract("S1-01")
@pytest.mark.parametrize("n", range(3))
def test_each(n): pass
"""
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Make the current directory the root of a project with a page of its own."""
    pytester.makeini("[pytest]")
    write(contracts.PAGE, PAGE)
    return pytester


@pytest.fixture
def run(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs pytest with the plugin in the project, and with no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # each of its processes loads them

    def run_pytest(*options: str, start: Run = project.runpytest) -> pytest.RunResult:
        target = contracts.RESULTS / RECORD
        return start(
            "-p",
            "xdist",
            "-p",
            "tests.contracts",
            f"--contract-results={target}",
            "--strict-markers",
            *options,
        )

    return run_pytest


def write(path: Path, text: str) -> None:
    """Write a file of the project under test, whose root is the current directory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def recorded() -> contracts.Results:
    """Return what a run recorded: ``{row id: {test node id: outcome}}``."""
    results: contracts.Results = json.loads((contracts.RESULTS / RECORD).read_text("utf-8"))
    return results


def record(results: contracts.Results, name: str = RECORD) -> None:
    """Put down a results file as a run would have."""
    write(contracts.RESULTS / name, json.dumps(results))


# The marker and the results file


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_each_marked_test_is_recorded_under_each_of_its_rows(
    pytester: pytest.Pytester, run: Run, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile(test_it=TWO_PROOFS)
    run(*workers).assert_outcomes(passed=5)
    each = {f"test_it.py::test_each[{n}]": "passed" for n in range(3)}
    both = {"test_it.py::test_both": "passed"}
    assert recorded() == {"S1-01": {**each, **both}, "S2-01": both}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_what_is_recorded_is_how_the_test_ended(
    pytester: pytest.Pytester, run: Run, workers: tuple[str, ...]
) -> None:
    pytester.makepyfile(
        test_it="""
        import pytest
        pytestmark = pytest.mark.contract("S1-01")

        @pytest.fixture
        def broken_before(): raise OSError
        @pytest.fixture
        def broken_after():
            yield
            raise OSError

        @pytest.fixture
        def skipped_after():
            yield
            pytest.skip("too late")

        def test_passed(): pass
        def test_failed(): assert False
        def test_failed_first(skipped_after): assert False
        def test_error_before(broken_before): pass
        def test_error_after(broken_after): pass
        @pytest.mark.skipif(True, reason="no engine")
        def test_skipped(): pass
        @pytest.mark.xfail
        def test_xfailed(): assert False
        @pytest.mark.xfail
        def test_xpassed(): pass
        """
    )
    run(*workers)
    assert recorded() == {
        "S1-01": {
            "test_it.py::test_passed": "passed",
            "test_it.py::test_failed": "failed",
            "test_it.py::test_failed_first": "failed",
            "test_it.py::test_error_before": "failed",
            "test_it.py::test_error_after": "failed",
            "test_it.py::test_skipped": "skipped",
            "test_it.py::test_xfailed": "xfailed",
            "test_it.py::test_xpassed": "xpassed",
        }
    }


def test_a_proof_that_kills_its_worker_has_failed(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_it="""
        import os, pytest

        @pytest.mark.contract("S1-01")
        def test_crash(): os._exit(9)
        """
    )
    run("-n", "1")
    assert recorded() == {"S1-01": {"test_it.py::test_crash": "failed"}}


@pytest.mark.parametrize("mark", ['"S9-99"', '"S1-1"', "101", "", 'row="S1-01"'])
def test_an_id_that_the_page_lacks_stops_the_collection(
    pytester: pytest.Pytester, run: Run, mark: str
) -> None:
    pytester.makepyfile(
        test_it=f"""
        import pytest

        class TestIt:
            @pytest.mark.contract({mark})
            def test_it(self): pass
        """
    )
    result = run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*test_it.py::TestIt::test_it: contract*"])


def test_under_xdist_an_unknown_id_fails_the_run(pytester: pytest.Pytester, run: Run) -> None:
    bad = 'import pytest\n@pytest.mark.contract("S9-99")\ndef test_bad(): pass'
    pytester.makepyfile(test_bad=bad, test_good="def test_good(): pass")
    result = run("-n", "2")
    # xdist runs what it could collect, as it does after any collection error.
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["*test_bad: contract row 'S9-99' is not in docs/contracts.md"])


def test_a_broken_page_stops_the_run(run: Run) -> None:
    write(contracts.PAGE, PAGE + "| S1-01 | again | twice |\n")
    result = run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*docs/contracts.md:7: S1-01 stands there twice"])


def test_results_of_an_earlier_run_do_not_outlive_a_run_that_was_killed(
    pytester: pytest.Pytester, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    record({"S1-01": {"test_old.py::test_it": "passed"}})
    pytester.makepyfile(test_it="import os\ndef test_it(): os._exit(9)")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    run(start=pytester.runpytest_subprocess)
    assert not (contracts.RESULTS / RECORD).exists()


# The report


def test_a_row_is_proved_failed_or_open(
    pytester: pytest.Pytester, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    pytester.makepyfile(test_it=TWO_PROOFS)
    pytester.makepyfile(
        test_bad='import pytest\n@pytest.mark.contract("S2-01")\ndef test_bad(): assert False'
    )
    run()
    capsys.readouterr()
    assert contracts.main([]) == 1
    report, errors = capsys.readouterr()
    assert report.splitlines() == [
        "id     state   promise           tests",
        "S1-01  proved  upload            test_it.py::test_both",
        "                                 test_it.py::test_each x3",
        "S1-02  open    runs by name",
        "S2-01  FAILED  small interfaces  test_bad.py::test_bad (failed)",
        "                                 test_it.py::test_both",
        "S1: 1 proved, 0 FAILED, 1 open",
        "S2: 0 proved, 1 FAILED, 0 open",
    ]
    assert errors == "a proof failed: S2-01\n"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("only", "code", "shown"),
    [
        ("", 0, ["S1-01", "S1-02", "S2-01"]),
        ("S2", 0, ["S2-01"]),
        ("s2, S1-01", 0, ["S1-01", "S2-01"]),
        ("S1", 1, ["S1-01", "S1-02"]),
        ("S1-02", 1, ["S1-02"]),
    ],
)
def test_an_open_row_fails_the_report_only_when_asked_for(
    capsys: pytest.CaptureFixture[str], only: str, code: int, shown: list[str]
) -> None:
    tests = {"test_it.py::test_it": "passed"}
    record({"S1-01": tests, "S1-02": {"test_it.py::test_skip": "skipped"}, "S2-01": tests})
    assert contracts.main(["--only", only]) == code
    report, errors = capsys.readouterr()
    assert [line[:5] for line in report.splitlines() if line[2:3] == "-"] == shown
    assert errors == ("still open: S1-02\n" if code else "")


@pytest.mark.usefixtures("project")
def test_a_failed_proof_fails_the_report_whichever_rows_are_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record({"S1-01": {"t.py::t": "failed"}, "S2-01": {"t.py::t": "passed"}})
    assert contracts.main(["--only", "S2"]) == 1
    assert "S1-01  FAILED" in capsys.readouterr().out


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("here", "there", "code"),
    [("skipped", "passed", 0), ("xfailed", "skipped", 1), ("failed", "passed", 1)],
)
def test_several_results_files_count_as_one(here: str, there: str, code: int) -> None:
    for name, outcome in ((RECORD, here), ("contracts-system.json", there)):
        record({"S1-01": {"t.py::t": outcome}}, name)
    assert contracts.main(["--only", "S1-01"]) == code
    files = [str(contracts.RESULTS / f"contracts-{name}.json") for name in ("system", "test")]
    assert contracts.main(["--only", "S1-01", "--results", *files]) == code


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "S7,S1-99"], "ONLY: unknown S7, S1-99; allowed: S2, or a row as S2-04"),
        (["--results", "no.json"], "no.json: no such results file; run make test first"),
        ([], "data/test-results: no contracts-*.json there; run make test first"),
        (["--results", "list.json"], "list.json: not a file of --contract-results: "),
        (["--results", "text.json"], "text.json: not a file of --contract-results: "),
        (["--results", "old.json"], "old.json: S9-99 is not in docs/contracts.md; run the tests"),
    ],
)
def test_a_report_that_cannot_be_made_says_why(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    write(Path("list.json"), "[]")
    write(Path("text.json"), "{")
    write(Path("old.json"), '{"S9-99": {"t.py::t": "passed"}}')
    assert contracts.main(arguments) == 2
    report, errors = capsys.readouterr()
    assert not report
    assert errors.startswith(message)


# The project's own page


def test_the_page_has_every_row_of_the_five_systems() -> None:
    numbers = {
        "S0": [*range(1, 17)],
        "S1": [*range(1, 20), 21],
        "S2": [*range(1, 15), *range(16, 24), 25, 26, 27],
        "S3": [*range(1, 16), *range(17, 35), 37, 39, 41, 43, 44, 45],
        "S4": [*range(1, 11), 12, 14, 15],
    }
    ids = [f"{system}-{number:02}" for system, rows in numbers.items() for number in rows]
    assert list(contracts.read_rows(ROOT / contracts.PAGE)) == ids
