"""Fault 16: a clock a day off. What landed last is told by its number, not by its time."""

import json
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR
from tests.conftest import run_elt
from tests.faults.orders import Orders, make_checkout, write_orders

Done = subprocess.CompletedProcess[str]
SEEN = (
    "select uri from raw._landings where source = 'shop' and landing_id = "
    "(select max(landing_id) from raw._landings where source = 'shop')"
)


def off_by(days: str) -> tuple[str, ...]:
    """What goes before a command, so that its clock is off; its waits take as long as ever."""
    faketime = shutil.which("faketime")
    assert faketime, "test-system needs faketime (Debian and Ubuntu: apt install faketime)"
    return ("env", "NO_FAKE_STAT=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", faketime, "-m", "-f", days)


def survived(run: Callable[[], Done]) -> Done:
    """The first run that libfaketime does not crash: it does so at times, where threads begin.

    A crash is one more kill, and what it leaves behind is mended like that of any.
    """
    for _ in range(10):
        done = run()
        if "Segmentation fault" not in done.stderr and done.returncode >= 0:
            break
    return done


@pytest.mark.parametrize("off", ["+1d", "-1d"])
def test_a_clock_a_day_off_lands_nothing_twice_and_misses_nothing(
    off: str, environment: dict[str, str], tmp_path: Path
) -> None:
    orders = Orders(make_checkout(tmp_path / "checkout"), environment)
    first = write_orders(tmp_path / "first", 600, files=2)
    second = write_orders(tmp_path / "second", 400, files=2, first=10_000)
    landed = {}
    for name, folder, clock in (
        ("off", first, off_by(off)), ("right", second, ()), ("off again", first, off_by(off)),
        ("right again", second, ()),
    ):  # fmt: skip
        done = survived(partial(orders.land, folder, *clock))
        assert done.returncode == 0, done.stderr
        record = json.loads(done.stdout)
        tables = [table for source in record["sources"] for table in source["tables"].values()]
        landed[name] = sum(table["new"]["landed"] for table in tables)
        assert {uri for (uri,) in orders.fetch(SEEN)} == {p.as_uri() for p in folder.iterdir()}
        orders.check_exact(*([first] if name == "off" else [first, second]))
    assert landed == {"off": 600, "right": 400, "off again": 0, "right again": 0}
    states = [run["state"] for run in orders.runs()]
    assert set(states) <= {"succeeded", "interrupted"}  # by a crash of libfaketime
    assert states.count("succeeded") == 4


@pytest.mark.parametrize(
    ("off", "target"),
    [
        ("-1d", "duckdb"),
        ("+1d", "postgres"),
        pytest.param("+1d", "duckdb", marks=pytest.mark.long),
        pytest.param("-1d", "postgres", marks=pytest.mark.long),
    ],
)
@pytest.mark.usefixtures("models_alone", "target")
def test_models_show_what_landed_last_whatever_the_clock_says(
    off: str, environment: dict[str, str], tmp_path: Path
) -> None:
    folders = {}
    for name in ("Before", "After"):
        folder = shutil.copytree(PROJECT_DIR / "seeds" / "lab", tmp_path / name)
        users = folder / "users.csv"
        users.write_text(users.read_text().replace("Amara", name))
        folders[name] = str(folder)
    before = {**environment, "CSV_DATA_PATH": folders["Before"]}
    landing = survived(partial(run_elt, "land", "lab", environment=before, prefix=off_by(off)))
    assert landing.returncode == 0, landing.stderr
    done = run_elt("run", "lab", environment={**environment, "CSV_DATA_PATH": folders["After"]})
    assert done.returncode == 0, done.stderr
    shown = run_elt("show", "user_features", "--format", "csv", environment=environment).stdout
    assert "After Diallo" in shown
    assert "Before" not in shown
    assert shown.count("\n") == 37
