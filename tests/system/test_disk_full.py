"""Fault 4: the disk of the working folder, or of the DuckDB file, is full: a small tmpfs."""

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.orders import Orders, check_books, make_checkout, write_orders

OLD_ROWS, ROWS = 1_000, 200_000
MOUNT = "mount -t tmpfs -o size={size} none {place} && echo mounted && cat"


@dataclass
class SmallDisk:
    """A tmpfs that only programs with the `prefix` before them see."""

    place: Path
    prefix: tuple[str, ...]

    def run(self, script: str) -> None:
        """Run a shell script there."""
        subprocess.run([*self.prefix, "sh", "-ec", script], check=True, capture_output=True)

    def fill(self) -> None:
        """Leave not one byte."""
        self.run(f"cat /dev/zero > {self.place}/filler || true")

    def make_room(self) -> None:
        """As much as anything here needs."""
        self.run(f"rm -f {self.place}/filler; mount -o remount,size=200m {self.place}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 4 MB in a namespace of its own, which ends with the test."""
    place = tmp_path / "disk"
    place.mkdir()
    is_root = os.geteuid() == 0
    command = ["unshare", "-m" if is_root else "-rm", "sh", "-ec"]
    with subprocess.Popen(
        [*command, MOUNT.format(size="4m", place=place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "mounted\n"
        who = () if is_root else ("-U", "--preserve-credentials")
        yield SmallDisk(place, ("nsenter", "-t", str(holder.pid), "-m", "--wd=.", *who))
        holder.communicate("")


@pytest.fixture
def orders(environment: dict[str, str], disk: SmallDisk, tmp_path: Path) -> Orders:
    """The project with its working folder on that disk; an older set has landed."""
    variables = {**environment, "ELT_DATA_DIR": str(disk.place / "data")}
    project = Orders(make_checkout(tmp_path / "checkout"), variables)
    done = project.land(write_orders(tmp_path / "old", OLD_ROWS, first=500_000_000), *disk.prefix)
    assert done.returncode == 0, done.stderr
    return project


def count(orders: Orders, disk: SmallDisk) -> int:
    """How many orders a reader sees."""
    sql = "select count(*) as n from raw.orders"
    done = orders.elt("query", sql, "--json", prefix=disk.prefix)
    ((number,),) = [row.values() for row in json.loads(done.stdout)]
    return int(number)


def check_failed(done: subprocess.CompletedProcess[str], disk: SmallDisk) -> None:
    """Exit 1, and in one line the disk by a folder that is on it."""
    assert done.returncode == 1
    told = done.stdout + done.stderr
    assert f"the disk of {disk.place}/" in told
    assert "is full; make room there and run again" in told
    assert "Traceback" not in told
    assert "Errno" not in told


def check_recovers(orders: Orders, disk: SmallDisk, folder: Path, tmp_path: Path) -> None:
    """Nothing changed; once there is room, other files land, then these, and all is exact."""
    assert count(orders, disk) == OLD_ROWS
    disk.make_room()
    clean = write_orders(tmp_path / "clean", 7, first=900_000_000)
    for landed, rows in ((clean, 7), (folder, ROWS)):
        done = orders.land(landed, *disk.prefix)
        assert done.returncode == 0, done.stderr
        check_books(json.loads(done.stdout), new=rows)
    seen = orders
    if "DATABASE_URL" not in orders.environment:  # this process does not see that disk
        copied = tmp_path / "copied"
        copied.mkdir()
        source = disk.place / "data" / "warehouse.duckdb"
        read = subprocess.run([*disk.prefix, "cat", str(source)], check=True, capture_output=True)
        (copied / "warehouse.duckdb").write_bytes(read.stdout)
        seen = Orders(orders.checkout, {**orders.environment, "ELT_DATA_DIR": str(copied)})
    assert seen.check_exact(tmp_path / "old", tmp_path / "new", clean) == OLD_ROWS + ROWS + 7


@pytest.mark.parametrize("target", ["duckdb"])
def test_a_disk_that_fills_under_the_warehouse_fails_the_run_and_changes_nothing(
    orders: Orders, disk: SmallDisk, tmp_path: Path
) -> None:
    new = write_orders(tmp_path / "new", ROWS)
    check_failed(orders.land(new, *disk.prefix), disk)
    check_recovers(orders, disk, new, tmp_path)


def test_a_disk_that_fills_while_a_file_is_unpacked_fails_the_run_and_changes_nothing(
    orders: Orders, disk: SmallDisk, tmp_path: Path
) -> None:
    new = write_orders(tmp_path / "new", ROWS)
    packed = tmp_path / "packed"
    packed.mkdir()
    (plain,) = new.iterdir()
    (packed / "orders.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    check_failed(orders.land(packed, *disk.prefix), disk)
    check_recovers(orders, disk, packed, tmp_path)


def test_a_disk_that_is_full_already_fails_the_run_and_changes_nothing(
    orders: Orders, disk: SmallDisk, tmp_path: Path
) -> None:
    new = write_orders(tmp_path / "new", ROWS)
    disk.fill()
    check_failed(orders.land(new, *disk.prefix), disk)
    check_recovers(orders, disk, new, tmp_path)
