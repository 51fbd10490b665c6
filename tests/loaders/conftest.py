"""Builders that several files of these tests use: a small lab, and landings of it."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from loaders.batch import Batch, Column, Dialect
from loaders.catalog import FilesSource, FileTable, SourceSpec
from loaders.landing import Outcome, land_source
from loaders.settings import Settings, load_settings
from loaders.sources import Found, Ledger, NothingLanded, Search, files
from loaders.warehouse import Warehouse, kept_open, open_warehouse

# the same examples in every run, however slow the machine
hypothesis_settings.register_profile("assay", derandomize=True, deadline=None)
hypothesis_settings.load_profile("assay")

USERS = FileTable(file="users*.csv", columns=("user_id", "name", "email"), required=("user_id",))
NOTES = FileTable(file="notes.csv", columns=("note_id", "note"), required=("note_id",))

WriteFile = Callable[[str, str | bytes], Path]
BatchOf = Callable[..., Batch]


@pytest.fixture
def write(tmp_path: Path) -> WriteFile:
    """Write a file of the lab; text as UTF-8, line ends as they are."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / "lab" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.fixture
def lab(tmp_path: Path) -> FilesSource:
    """A source of one table, users, whose folder `write` fills."""
    return lab_of(tmp_path, users=USERS)


def lab_of(tmp_path: Path, **tables: FileTable) -> FilesSource:
    """A source of these tables, in the folder that `write` fills."""
    folder = tmp_path / "lab"
    folder.mkdir(exist_ok=True)
    return FilesSource(path=str(folder), tables=tables)


def search_in(
    folder: Path,
    source: str = "lab",
    run_id: str = "run-1",
    known: Ledger | None = None,
    **given: str,
) -> Search:
    """A search that works in a folder, and knows of nothing that has landed unless it is told."""
    settings = load_settings({"ELT_DATA_DIR": str(folder), **given}, folder)
    return Search(settings, source, run_id, folder / "found", known or NothingLanded())


def find(spec: FilesSource, name: str = "lab") -> Found:
    """What a source of files offers; what is compressed is unpacked beside them."""
    return files.find(spec, search_in(Path(spec.path).parent, name))


@pytest.fixture
def batch_of(tmp_path: Path) -> BatchOf:
    """A batch of a file with these bytes."""

    def make(content: bytes, **changes: Any) -> Batch:
        path = tmp_path / "batch"
        path.write_bytes(content)
        fields: dict[str, Any] = {
            "id": "b1",
            "source": "lab",
            "table": "users",
            "uri": path.as_uri(),
            "path": str(path),
            "sha256": "",
            "bytes": len(content),
            "format": "csv",
            "encoding": "utf-8",
            "dialect": Dialect(","),
            "columns": (Column("a", "a"), Column("b", "b")),
        }
        return Batch(**{**fields, **changes})

    return make


@dataclass
class Landings:
    """Lands sources in a warehouse of the test's own, a run each, and reads what it then holds."""

    settings: Settings
    warehouse: Warehouse
    _runs: "count[int]" = field(default_factory=lambda: count(1))

    def land(self, spec: SourceSpec, name: str = "lab") -> Outcome:
        """Land the source in a run of its own, with connections kept as a command keeps them."""
        with kept_open():
            return land_source(self.settings, self.warehouse, name, spec, self.next_run())

    def next_run(self) -> str:
        """The id of a run."""
        return f"run-{next(self._runs)}"

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows that a statement gives."""
        with self.warehouse.reading() as reader:
            return reader.fetch(sql).rows

    def execute(self, statement: str) -> None:
        """Change the warehouse behind the project's back."""
        if self.settings.target == "duckdb":
            import duckdb

            with duckdb.connect(str(self.settings.duckdb_path)) as connection:
                connection.execute(statement)
        else:
            import psycopg

            assert self.settings.database is not None
            with psycopg.connect(**self.settings.database) as connection:  # type: ignore[arg-type]
                connection.execute(statement)

    def value(self, sql: str) -> Any:
        """The only value that a statement gives."""
        ((value,),) = self.fetch(sql)
        return value

    def counts(self) -> Mapping[str, int]:
        """How many rows users, ledger, landings and quarantine hold."""
        tables = ("users", "_batches", "_landings", "_quarantine")
        return {table: self.value(f"select count(*) from raw.{table}") for table in tables}


@pytest.fixture
def landings(settings: Settings) -> Landings:
    """An empty warehouse, on each target in turn."""
    return Landings(settings, open_warehouse(settings))


@dataclass
class Answer:
    """What the stand-in API answers once; without a status it drops the connection."""

    body: str | bytes = "[]"
    status: int | None = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Api:
    """A strict stand-in for an API: it answers what was put under an address, and nothing else."""

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def put(self, address: str, *answers: Answer) -> None:
        """Answer these, one after another; the last one for good."""
        self.answers[address] = list(answers)

    def next_answer(self, address: str, authorization: str | None) -> Answer:
        """The answer whose turn it is; 404 where nothing was put."""
        self.requests.append((address, authorization))
        waiting = self.answers.get(address, [Answer("nothing here", 404)])
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@pytest.fixture
def api() -> Iterator[Api]:
    """The stand-in API on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = stand_in.next_answer(self.path, self.headers["Authorization"])
            if answer.status is None:
                self.close_connection = True
                return
            body = answer.body.encode() if isinstance(answer.body, str) else answer.body
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stand_in = Api(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join()
