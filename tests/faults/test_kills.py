"""Fault 1: kill -9 at a random instant of a landing, whatever it lands and wherever to.

The short form kills a few times; `make faults` twenty times a warehouse and input, and tells what
the kills hit.
"""

import json
import random
import shutil
import signal
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from orchestration.registry import UNDER_WAY
from tests.faults.orders import Killed, Orders, check_books, make_checkout, write_orders
from tests.faults.tally import Tally

OLD_ROWS = 5_000


@dataclass(frozen=True)
class Input:
    """What is landed, and how often that is killed."""

    name: str
    rows: int
    files: int
    kills: int


SHORT = (Input("a file of 100 k rows", 100_000, 1, 2), Input("50 files", 5_000, 50, 2))
LONG = (Input("a file of 1 M rows", 1_000_000, 1, 20), Input("300 files", 30_000, 300, 20))


@dataclass
class Ground:
    """A warehouse with an older set, and as many copies of it as there are kills."""

    base: Orders
    old: Path
    copies: int = 0

    def copy(self) -> Orders:
        """The project on a warehouse of its own, which holds the older set."""
        self.copies += 1
        data_dir = self.base.data_dir.with_name(f"data_{self.copies}")
        shutil.copytree(self.base.data_dir, data_dir)
        variables = {**self.base.environment, "ELT_DATA_DIR": str(data_dir)}
        if "DATABASE_URL" in variables:
            url = variables["DATABASE_URL"]
            server, _, name = url.rpartition("/")
            copied = f"{name}_{self.copies}"
            with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
                admin.execute(f"create database {copied} template {name}")
            variables["DATABASE_URL"] = f"{server}/{copied}"
        return Orders(self.base.checkout, variables)

    def drop(self, copy: Orders) -> None:
        """Give back the room of a copy."""
        shutil.rmtree(copy.data_dir)
        if "DATABASE_URL" in copy.environment:
            server, _, name = copy.environment["DATABASE_URL"].rpartition("/")
            with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
                admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def ground(environment: dict[str, str], tmp_path: Path) -> Ground:
    """An older set has landed."""
    base = Orders(make_checkout(tmp_path / "checkout"), environment)
    old = write_orders(tmp_path / "old", OLD_ROWS, first=500_000_000)
    done = base.land(old)
    assert done.returncode == 0, done.stderr
    return Ground(base, old)


def seconds_of(act: Callable[[], object]) -> float:
    started = time.monotonic()
    act()
    return time.monotonic() - started


@pytest.mark.parametrize(
    "tried", [*SHORT, *(pytest.param(each, marks=pytest.mark.long) for each in LONG)],
    ids=lambda tried: tried.name,
)  # fmt: skip
def test_a_landing_killed_at_any_instant_is_whole_or_absent_and_one_more_run_is_exact(
    tried: Input, ground: Ground, target: str, tmp_path: Path, tally: Tally
) -> None:
    seed = time.time_ns()
    chance = random.Random(seed)
    new = write_orders(tmp_path / "new", tried.rows, tried.files)
    undisturbed = ground.copy()
    duration = seconds_of(lambda: undisturbed.land(new))
    ground.drop(undisturbed)
    told = tally(warehouse=target, input=tried.name, seed=seed)
    for number in range(tried.kills):
        # spread over the whole of it, and a little past its end
        delay = (number + chance.random()) / tried.kills * duration * 1.05
        orders = ground.copy()
        try:
            killed = orders.kill(new, delay)
            seen = whole_or_absent(orders, ground.base.batches().keys(), tried.files)
            told.count("kills", f"hit {killed.phase}", f"{seen} seen")
            rerun_is_exact(orders, ground.old, new, tried.rows if seen == "old" else 0)
            told.count("exact")
        except BaseException as error:
            error.add_note(f"seed {seed}, kill {number + 1} after {delay:.3f} s of {duration:.3f}")
            raise
        ground.drop(orders)


def whole_or_absent(orders: Orders, old: AbstractSet[str], files: int) -> str:
    """Readers see the older set, or the older set and all of the new one; which."""
    seen = orders.batches()
    added = seen.keys() - old
    assert old <= seen.keys()
    assert len(added) in {0, files}
    landings = {number for (number,) in orders.fetch("select landing_id from raw._landings")}
    assert landings == ({1, 2} if added else {1})
    return "new" if added else "old"


def rerun_is_exact(orders: Orders, old: Path, new: Path, expected_new: int) -> None:
    """One more run ends well, with every row there once, and clears up."""
    done = orders.land(new)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    check_books(record, new=expected_new)
    orders.check_exact(old, new)
    states = {run["run_id"]: run["state"] for run in orders.runs()}
    assert states.pop(record["run_id"]) == "succeeded"
    assert set(states.values()) <= {"succeeded", "interrupted"}
    check_nothing_is_left(orders)


def check_nothing_is_left(orders: Orders) -> None:
    """Of a run its record and its log stay, of the warehouse one file, and the raw store.

    Nothing waits to be archived, or to be confirmed there.
    """
    runs = orders.data_dir / "runs"
    assert not list((runs / UNDER_WAY).iterdir())
    for run in runs.glob("[!.]*"):
        assert {path.name for path in run.iterdir()} <= {"run.json", "run.log"}, run
    kept = {path.name for path in orders.data_dir.iterdir()}
    kept_by_all = {".histories", "files", "landings", "logs"}
    assert kept <= {"runs", "runs.sqlite", "warehouse.duckdb", "warehouse.lock"} | kept_by_all


def test_sigterm_ends_a_landing_at_once_with_all_of_it_or_nothing(
    ground: Ground, tmp_path: Path
) -> None:
    new = write_orders(tmp_path / "new", 150_000)
    orders = ground.copy()
    with orders.start(new) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Landing"):
                break
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert time.monotonic() - started < 30
    assert process.returncode == 1
    seen = whole_or_absent(orders, ground.base.batches().keys(), files=1)
    *_, record = orders.runs()
    assert record["state"] == "interrupted"
    assert "SIGTERM" in record["errors"][0]
    if "DATABASE_URL" not in orders.environment:
        assert not (orders.data_dir / "warehouse.run").exists()  # nobody holds the lock
    rerun_is_exact(orders, ground.old, new, 150_000 if seen == "old" else 0)
    ground.drop(orders)


def test_after_a_kill_other_files_land_first(ground: Ground, tmp_path: Path) -> None:
    new = write_orders(tmp_path / "new", 100_000)
    orders = ground.copy()
    killed = kill_while_landing(orders, new)
    assert killed.exit_code == -signal.SIGKILL
    orders.check_clean_file_lands(tmp_path / "clean")
    assert orders.land(new).returncode == 0
    orders.check_exact(ground.old, new, tmp_path / "clean")
    ground.drop(orders)


def kill_while_landing(orders: Orders, folder: Path) -> Killed:
    with orders.start(folder) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Landing"):
                break
        time.sleep(0.7)
        process.kill()
        process.communicate()
    return Killed(process.returncode, "")
