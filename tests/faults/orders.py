"""A project whose only source is a folder of orders, run as a user runs it: as a process.

Faults are tried on it from outside, so nothing of the tests' own process is in the way.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from loaders.settings import PROJECT_DIR, load_settings
from loaders.warehouse import DuckDB, open_warehouse

COLUMNS = "order_id, customer, amount, note"
SOURCES = """
sources:
  shop:
    kind: files
    path: ${CSV_DATA_PATH}
    tables:
      orders: {file: "orders*", required: [order_id], modelled: false}
"""
# one statement is one snapshot: what the ledger says of each batch, and what the table holds
BATCHES = (
    "select _batch_id, rows_landed, n from raw._batches full outer join "
    "(select _batch_id, count(*) as n from raw.orders group by 1) as held using (_batch_id)"
)


def write_orders(folder: Path, rows: int, files: int = 1, first: int = 0) -> Path:
    """Orders from number `first` on, spread over some files."""
    folder.mkdir(parents=True, exist_ok=True)
    each = rows // files
    for file in range(files):
        start = first + file * each
        lines = [
            f'{n},customer {n % 977},{n / 7:.2f},"note {n}, as taken"\n'
            for n in range(start, start + each)
        ]
        path = folder / f"orders_{file:04}.csv"
        path.write_text("order_id,customer,amount,note\n" + "".join(lines))
    return folder


def make_checkout(folder: Path) -> Path:
    """A copy of the project with the one source."""
    folder.mkdir()
    for name in ("loaders", "orchestration"):
        shutil.copytree(
            PROJECT_DIR / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    (folder / "sources.yml").write_text(SOURCES)
    return folder


@dataclass
class Killed:
    """A run that was ended from outside: `exit_code` is negative where a signal ended it."""

    exit_code: int
    stderr: str

    @property
    def phase(self) -> str:
        """How far it had come."""
        if self.exit_code == 0:
            return "after"
        return "during" if "Landing shop" in self.stderr else "before"


@dataclass
class Orders:
    """The project on one warehouse; `folder` is what its source reads."""

    checkout: Path
    environment: dict[str, str]

    @property
    def data_dir(self) -> Path:
        """The working folder."""
        return Path(self.environment["ELT_DATA_DIR"])

    def start(self, folder: Path, source: str = "shop") -> subprocess.Popen[str]:
        """A landing, of the folder or another source, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", "land", source],
            cwd=self.checkout,
            env=self._variables(folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def land(self, folder: Path, *prefix: str) -> subprocess.CompletedProcess[str]:
        """Land the folder to the end; the record is the standard output."""
        return self.elt("land", "shop", "--json", folder=folder, prefix=prefix)

    def elt(
        self, *arguments: str, folder: Path | None = None, prefix: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*prefix, sys.executable, "-m", "orchestration.cli", *arguments],
            cwd=self.checkout,
            env=self._variables(folder),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def kill(self, folder: Path, seconds: float, number: int = signal.SIGKILL) -> Killed:
        """Land the folder and end the whole process group after so many seconds."""
        with self.start(folder) as process:
            time.sleep(seconds)
            if process.poll() is None:
                os.killpg(process.pid, number)
            _, told = process.communicate(timeout=30)
        return Killed(process.returncode, told)

    def runs(self) -> list[dict[str, Any]]:
        """The records as `elt runs` tells them, the oldest first."""
        listed = json.loads(self.elt("runs", "list", "--json").stdout)
        shown = [self.elt("runs", "show", run["run_id"], "--json") for run in reversed(listed)]
        return [json.loads(run.stdout) for run in shown]

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """What a reader is given now."""
        with self._connection() as connection:
            return list(connection.execute(sql).fetchall())

    def batches(self) -> dict[str, int]:
        """How many rows of each batch a reader sees: all that the ledger says, or it fails."""
        seen = self.fetch(BATCHES)
        assert all(landed == held for _, landed, held in seen), seen
        return {batch: held for batch, _, held in seen}

    def check_exact(self, *folders: Path) -> int:
        """Raw holds every order of these folders once, and nothing else; how many."""
        paths = [path for folder in folders for path in sorted(folder.glob("*.csv"))]
        with self._connection() as connection:
            self._read_source(connection, paths)
            ((expected, landed, keys, missing, surplus),) = connection.execute(
                f"select (select count(*) from source_orders), count(*), count(distinct order_id), "
                f"(select count(*) from (select {COLUMNS} from source_orders except all "
                f"select {COLUMNS} from raw.orders) as missing), "
                f"(select count(*) from (select {COLUMNS} from raw.orders except all "
                f"select {COLUMNS} from source_orders) as surplus) from raw.orders"
            ).fetchall()
        assert (landed, keys, missing, surplus) == (expected, expected, 0, 0)
        return int(expected)

    def check_clean_file_lands(self, folder: Path) -> None:
        """A clean file that was not there before lands in the next run."""
        clean = write_orders(folder, 7, first=900_000_000)
        before = self._count_clean()
        done = self.land(clean)
        assert (done.returncode, before) == (0, 0), done.stderr
        assert self._count_clean() == 7
        check_books(json.loads(done.stdout), new=7)

    def _count_clean(self) -> int:
        tables = self.fetch("select 1 from information_schema.tables where table_name = 'orders'")
        if not tables:
            return 0
        ((count,),) = self.fetch("select count(*) from raw.orders where order_id like '9000000%'")
        return int(count)

    def _read_source(self, connection: Any, paths: list[Path]) -> None:
        if "DATABASE_URL" not in self.environment:
            names = [str(path) for path in paths]
            source = f"read_csv({names}, all_varchar = true, header = true, delim = ',')"
            connection.execute(f"create temp table source_orders as select * from {source}")
            return
        columns = COLUMNS.replace(",", " text,")
        connection.execute(f"create temp table source_orders ({columns} text)")
        for path in paths:
            with connection.cursor().copy(
                "copy source_orders from stdin (format csv, header)"
            ) as copy:
                copy.write(path.read_bytes())

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        warehouse = open_warehouse(load_settings(self.environment))
        if isinstance(warehouse, DuckDB):
            if not warehouse.path.exists():
                yield duckdb.connect()
                return
            with closing(duckdb.connect(str(warehouse.path), read_only=True)) as connection:
                yield connection
            return
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            yield connection

    def _variables(self, folder: Path | None) -> dict[str, str]:
        named = {} if folder is None else {"CSV_DATA_PATH": str(folder)}
        return {**os.environ, **self.environment, **named}


def check_books(record: dict[str, Any], new: int) -> None:
    """The books of a run balance, and it landed so many rows."""
    landed = 0
    for source in record["sources"]:
        for table in source["tables"].values():
            for books in (table["books"], table["new"]):
                assert books["read"] == books["landed"] + books["quarantined"]
            landed += table["new"]["landed"]
    assert landed == new
