"""What the tests of faults share: a folder of any files, and what raw and its books hold of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loaders.batch import Books
from loaders.catalog import FilesSource, FileTable
from loaders.landing import Outcome
from tests.loaders.conftest import Landings, landings

__all__ = ["Landings", "landings"]

LINEAGE = {"_batch_id", "_row", "_dlt_load_id"}


@dataclass(frozen=True)
class Aside:
    """A quarantined row."""

    uri: str
    row: int
    line: int
    raw: bytes
    text: str
    reason: str


@dataclass
class Shop:
    """A folder of files with one table for each name; what has landed of it."""

    folder: Path
    landings: Landings

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file; text as UTF-8, line ends as they are."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def land(self, *tables: str, **options: Any) -> Outcome:
        """Land the files whose names begin with a table's name; options are of every table."""
        entries = {name: FileTable(file=f"{name}*", **options) for name in tables}
        return self.landings.land(FilesSource(path=str(self.folder), tables=entries), "shop")

    def ledger(self, path: Path) -> dict[str, Any]:
        """The ledger's row of the batch that landed last of a file."""
        rows = self._ledger_rows(f"= '{path.as_uri()}'")
        assert rows, f"the ledger has nothing of {path.name}"
        return rows[-1]

    def members(self, path: Path) -> list[dict[str, Any]]:
        """The ledger's rows of the batches that an archive holds, in their order."""
        return self._ledger_rows(f"like '{path.as_uri()}%'")

    def _ledger_rows(self, where: str) -> list[dict[str, Any]]:
        names = (
            "_batch_id", "uri", "format", "compression", "encoding", "dialect", "layout", "header",
            "rows_read", "rows_landed", "rows_quarantined", "reason",
        )  # fmt: skip
        rows = self.landings.fetch(
            f"select {', '.join(names)} from raw._batches where uri {where} order by uri, landed_at"
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def header(self, path: Path) -> dict[str, str]:
        """The ledger's mapping of a file: column → header, in their order."""
        mapping = json.loads(self.ledger(path)["header"])
        assert isinstance(mapping, dict)
        return mapping

    def changes(self, path: Path) -> list[str]:
        """What is recorded of the columns of a file's last batch: `+new`, `-missing`, `~again`."""
        signs = {"added": "+", "missing": "-", "returned": "~"}
        rows = self.landings.fetch(
            "select change, column_name from raw._schema_changes "
            f"where _batch_id = '{self.ledger(path)['_batch_id']}'"
        )
        return sorted(signs[change] + column for change, column in rows)

    def rows(self, table: str, *columns: str, batch: str | None = None) -> list[tuple[Any, ...]]:
        """Rows of a raw table in their order, of one batch or of all."""
        named = ", ".join('"' + column.replace('"', '""') + '"' for column in columns)
        where = f"where _batch_id = '{batch}'" if batch else ""
        return self.landings.fetch(f'select {named} from raw."{table}" {where} order by _row')

    def values(self, table: str, path: Path) -> list[list[str | None]]:
        """The rows of a file, each value looked up under the column the ledger names.

        A column that the warehouse cannot hold is a key of the JSON object in `_extra`.
        """
        columns = list(self.header(path))
        held = self.columns(table)
        real = [column for column in columns if column in held]
        batch = self.ledger(path)["_batch_id"]
        extra = "_extra" in held
        rows = self.rows(table, *real, *["_extra"] * extra, batch=batch)
        found = []
        for row in rows:
            surplus = (json.loads(row[-1]) if row[-1] else {}) if extra else {}
            assert isinstance(surplus, dict)
            under = dict(zip(real, row, strict=False))
            for column, value in surplus.items():
                assert under.get(column) is None, f"{column} has two values"
                under[column] = value
            found.append([under.get(column) for column in columns])
        return found

    def columns(self, table: str) -> set[str]:
        """The columns that a raw table has."""
        rows = self.landings.fetch(
            "select column_name from information_schema.columns "
            f"where table_schema = 'raw' and table_name = '{table}'"
        )
        return {name for (name,) in rows}

    def aside(self, table: str) -> list[Aside]:
        """What of a table was quarantined, in order."""
        rows = self.landings.fetch(
            "select uri, _row, line, raw_bytes, raw_text, reason from raw._quarantine "
            f"where table_name = '{table}' order by uri, line, _row"
        )
        return [
            Aside(uri, row, line, bytes(raw), text, reason)
            for uri, row, line, raw, text, reason in rows
        ]

    def check_books(self) -> Books:
        """Every batch's books balance and agree with what the tables hold; their sum."""
        batches = self.landings.fetch(
            "select _batch_id, table_name, rows_read, rows_landed, rows_quarantined "
            "from raw._batches"
        )
        total = Books()
        for batch, table, *books in batches:
            landed = self.landings.value(
                f"select count(*) from raw.\"{table}\" where _batch_id = '{batch}'"
            )
            aside = self.landings.value(
                f"select count(*) from raw._quarantine where _batch_id = '{batch}'"
            )
            assert books == [landed + aside, landed, aside], (table, batch)
            total += Books(*books)
        return total

    def lands_clean(self, *tables: str, columns: Sequence[str] = ("a", "b")) -> None:
        """A clean file of each table, alone in the folder, lands in the next run."""
        for path in self.folder.iterdir():
            path.unlink()
        marks = [f"clean {table}" for table in tables]
        for table, mark in zip(tables, marks, strict=True):
            fields = [mark, *["x"] * (len(columns) - 1)]
            self.write(f"{table}.csv", f"{','.join(columns)}\n{','.join(fields)}\n")
        outcome = self.land(*tables)
        assert outcome.problems == ()
        assert outcome.new == Books(len(tables), len(tables), 0)
        for table, mark in zip(tables, marks, strict=True):
            path = self.folder / f"{table}.csv"
            ((value, *_),) = self.values(table, path)
            assert value == mark


@pytest.fixture
def shop(tmp_path: Path, landings: Landings) -> Shop:
    """An empty folder, and an empty warehouse, on each target in turn."""
    folder = tmp_path / "shop"
    folder.mkdir()
    return Shop(folder, landings)
