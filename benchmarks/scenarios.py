"""What is measured: which contestants meet on which input, and which goals are set for them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from benchmarks import contestants as who
from benchmarks import inputs, servers
from benchmarks.contestants import Contestant
from benchmarks.figures import Goal
from benchmarks.grounds import DuckDBGround, Ground, PostgresGround
from benchmarks.peers import PeerError, install, peer
from benchmarks.rounds import Scenario

Warehouse = Literal["postgres", "duckdb"]
WAREHOUSES: tuple[Warehouse, ...] = ("postgres", "duckdb")
NAMES = {"postgres": "PostgreSQL", "duckdb": "DuckDB"}
PEAK = {"postgres": Goal("peak_mb", 150), "duckdb": Goal("peak_mb", 600)}
CAREFUL_PART = 2  # a file on the careful path has half of the rows


@dataclass(frozen=True)
class Sizes:
    """How much lands: rows, records and files. Goals of speed are for the defaults."""

    rows: int = 1_000_000
    large: int = 5_000_000
    small: int = 100_000  # for peers that are tens of times slower
    records: int = 200_000
    few: int = 20_000  # records, for peers
    files: int = 1_000


@dataclass
class Bench:
    """The means of one run; servers, inputs and peers are made when they are asked for."""

    stack: ExitStack
    scratch: Path
    peers_dir: Path
    sizes: Sizes
    has_peers: bool = True
    _csvs: dict[int, Path] = field(default_factory=dict)
    _apis: dict[int, str] = field(default_factory=dict)
    _grounds: int = 0

    @cached_property
    def server(self) -> dict[str, str]:
        """The PostgreSQL of the run."""
        return self.stack.enter_context(servers.postgres(self.scratch / "postgres"))

    def ground(self, warehouse: Warehouse) -> Ground:
        """A place to land that nobody else uses."""
        return self.postgres() if warehouse == "postgres" else self.duckdb()

    def postgres(self) -> PostgresGround:
        """A database of its own."""
        self._grounds += 1
        name = f"bench_{self._grounds}"
        return PostgresGround(self.server, name, self.scratch / name)

    def duckdb(self) -> DuckDBGround:
        """A DuckDB file of its own."""
        self._grounds += 1
        return DuckDBGround(self.scratch / f"bench_{self._grounds}")

    def csv(self, rows: int) -> Path:
        """A plain CSV of so many rows."""
        if rows not in self._csvs:
            self._csvs[rows] = inputs.write_csv(self.scratch / f"rows_{rows}.csv", rows)
        return self._csvs[rows]

    def api(self, records: int) -> str:
        """The address of an API with so many records."""
        if records not in self._apis:
            self._apis[records] = self.stack.enter_context(servers.api(records))
        return self._apis[records]

    def rival(self, name: str, ground: Ground, make: Callable[[str], Contestant]) -> Contestant:
        """A peer as a contestant; where it does not install, one that says so."""
        known = peer(name)
        try:
            made = make(str(install(known, self.peers_dir)))
        except PeerError as error:
            return who.missing(known, ground, str(error))
        return replace(made, name=f"{known.name} {known.version}", is_peer=True)


def _csv(
    bench: Bench,
    warehouse: Warehouse,
    rows: int,
    goals: tuple[Goal, ...],
    peers: Iterable[Contestant] = (),
) -> Scenario:
    path = bench.csv(rows)
    return Scenario(
        f"CSV → {NAMES[warehouse]}, {rows:,} rows",
        (
            _limit(bench, warehouse, path, rows),
            who.elt_land(bench.ground(warehouse), path, rows, (*goals, PEAK[warehouse])),
            *peers,
        ),
    )


def _limit(bench: Bench, warehouse: Warehouse, path: Path, rows: int) -> Contestant:
    if warehouse == "postgres":
        return who.bare_copy(bench.postgres(), path, rows)
    return who.create_table_as(bench.duckdb(), path, rows)


def csv_postgres(bench: Bench) -> Scenario:
    """One million rows into PostgreSQL, also by the one peer that does not take minutes."""
    rows, place = bench.sizes.rows, bench.postgres()
    goals = _timed(bench, "rows", Goal("times", 2.8))
    path = bench.csv(rows)
    peers = []
    if bench.has_peers:
        peers.append(bench.rival("sling", place, lambda it: who.sling(place, path, rows, it)))
    return _csv(bench, "postgres", rows, goals, peers)


def csv_postgres_large(bench: Bench) -> Scenario:
    """Five million."""
    return _csv(bench, "postgres", bench.sizes.large, _timed(bench, "large", Goal("times", 1.6)))


def csv_duckdb(bench: Bench) -> Scenario:
    """One million rows into DuckDB, also by way of a frame."""
    rows = bench.sizes.rows
    goals = _timed(bench, "rows", Goal("times", 1.6))
    frame = replace(who.pandas_to_duckdb(bench.duckdb(), bench.csv(rows), rows), is_peer=True)
    return _csv(bench, "duckdb", rows, goals, [frame] if bench.has_peers else ())


def csv_duckdb_large(bench: Bench) -> Scenario:
    """Five million."""
    return _csv(bench, "duckdb", bench.sizes.large, _timed(bench, "large", Goal("times", 1.2)))


def peers_postgres(bench: Bench) -> Scenario:
    """Peers, on a tenth of the rows."""
    return _against_peers(bench, "postgres", _postgres_peers)


def peers_duckdb(bench: Bench) -> Scenario:
    """Peers, on a tenth of the rows."""
    return _against_peers(bench, "duckdb", _duckdb_peers)


def _against_peers(
    bench: Bench,
    warehouse: Warehouse,
    peers: Callable[[Bench, Path, int], Iterator[Contestant]],
) -> Scenario:
    rows = bench.sizes.small
    path = bench.csv(rows)
    ground = bench.ground(warehouse)
    dlt = replace(who.dlt_default(ground, "dlt_csv", str(path), rows), is_peer=True)
    others = peers(bench, path, rows) if bench.has_peers else ()
    return Scenario(
        f"Peers: CSV → {NAMES[warehouse]}, {rows:,} rows",
        (
            _limit(bench, warehouse, path, rows),
            who.elt_land(bench.ground(warehouse), path, rows),
            dlt,
            *others,
        ),
    )


def _postgres_peers(bench: Bench, path: Path, rows: int) -> Iterator[Contestant]:
    messages = inputs.write_singer(path, bench.scratch / "singer.jsonl")
    places = [bench.postgres() for _ in range(4)]
    yield bench.rival("pandas", places[0], lambda it: who.pandas_to_sql(places[0], path, rows, it))
    yield bench.rival("sling", places[1], lambda it: who.sling(places[1], path, rows, it))
    yield bench.rival("ingestr", places[2], lambda it: who.ingestr(places[2], path, rows, it))
    yield bench.rival(
        "target-postgres",
        places[3],
        lambda it: who.target_postgres(places[3], messages, rows, it),
    )


def _duckdb_peers(bench: Bench, path: Path, rows: int) -> Iterator[Contestant]:
    places = [bench.duckdb() for _ in range(3)]
    yield replace(who.pandas_to_duckdb(places[0], path, rows), is_peer=True)
    yield bench.rival("sling", places[1], lambda it: who.sling(places[1], path, rows, it))
    yield bench.rival("ingestr", places[2], lambda it: who.ingestr(places[2], path, rows, it))


def peers_json_postgres(bench: Bench) -> Scenario:
    """The REST source of dlt, on a tenth of the records."""
    return _json_against_dlt(bench, "postgres")


def peers_json_duckdb(bench: Bench) -> Scenario:
    """The REST source of dlt, on a tenth of the records."""
    return _json_against_dlt(bench, "duckdb")


def _json_against_dlt(bench: Bench, warehouse: Warehouse) -> Scenario:
    count = bench.sizes.few
    address = bench.api(count)
    dlt = who.dlt_default(bench.ground(warehouse), "dlt_api", address, count)
    return Scenario(
        f"Peers: JSON records over HTTP → {NAMES[warehouse]}, {count:,} records",
        (
            who.copied_records(bench.ground(warehouse), address, count),
            who.elt_land_api(bench.ground(warehouse), address, count),
            replace(dlt, is_peer=True),
        ),
    )


def _json(bench: Bench, warehouse: Warehouse, goals: tuple[Goal, ...]) -> Scenario:
    count = bench.sizes.records
    address = bench.api(count)
    return Scenario(
        f"JSON records over HTTP → {NAMES[warehouse]}, {count:,} records",
        (
            who.copied_records(bench.ground(warehouse), address, count),
            who.elt_land_api(bench.ground(warehouse), address, count, (*goals, PEAK[warehouse])),
        ),
    )


def json_postgres(bench: Bench) -> Scenario:
    """Records of an API into PostgreSQL."""
    return _json(bench, "postgres", _timed(bench, "records", Goal("times", 2.0)))


def json_duckdb(bench: Bench) -> Scenario:
    """Records of an API into DuckDB."""
    return _json(bench, "duckdb", ())


def _files(bench: Bench, warehouse: Warehouse) -> Scenario:
    sizes = bench.sizes
    each = sizes.rows // sizes.files
    rows = each * sizes.files
    folder = bench.scratch / f"files_{sizes.files}"
    if not folder.exists():
        inputs.write_folder(folder, sizes.files, each)
    goals = _timed(bench, "files", Goal("times", 1.5))
    many = f"`elt land`, {sizes.files:,} files of {each:,} rows"
    return Scenario(
        f"Many files → {NAMES[warehouse]}, {rows:,} rows",
        (
            who.elt_land(
                bench.ground(warehouse), bench.csv(rows), rows, name="`elt land`, one file"
            ),
            who.elt_land(
                bench.ground(warehouse), folder, rows, (*goals, PEAK[warehouse]), name=many
            ),
        ),
    )


def files_postgres(bench: Bench) -> Scenario:
    """A thousand files against one, into PostgreSQL."""
    return _files(bench, "postgres")


def files_duckdb(bench: Bench) -> Scenario:
    """A thousand files against one, into DuckDB."""
    return _files(bench, "duckdb")


def _careful(bench: Bench, warehouse: Warehouse) -> Scenario:
    rows = bench.sizes.rows // CAREFUL_PART
    goals = _timed(bench, "rows", Goal("rows_per_second", 100_000))
    entrants = [
        who.elt_land(
            bench.ground(warehouse), bench.csv(rows), rows, name="`elt land`, RFC 4180 throughout"
        )
    ]
    for place, (name, line) in enumerate(inputs.CAREFUL.items()):
        path = bench.scratch / f"careful_{place}_{rows}.csv"
        if not path.exists():
            inputs.write_csv(path, rows, line=line)
        told = f"`elt land`, {name}"
        entrants.append(
            who.elt_land(bench.ground(warehouse), path, rows, (*goals, PEAK[warehouse]), name=told)
        )
    return Scenario(
        f"Files that the strict check refuses → {NAMES[warehouse]}, {rows:,} rows",
        entrants,
    )


def careful_postgres(bench: Bench) -> Scenario:
    """Files on the careful path, into PostgreSQL."""
    return _careful(bench, "postgres")


def careful_duckdb(bench: Bench) -> Scenario:
    """Files on the careful path, into DuckDB."""
    return _careful(bench, "duckdb")


def _again(bench: Bench, warehouse: Warehouse) -> Scenario:
    runs = (
        ("lab", "user_experiments", 420, Goal("seconds", 0.3)),
        ("posts", "posts", 100, Goal("seconds", 1.2)),
    )
    return Scenario(
        f"A run that finds nothing new, {NAMES[warehouse]}",
        [
            who.elt_run_again(bench.ground(warehouse), source, table, rows, (goal,))
            for source, table, rows, goal in runs
        ],
        has_limit=False,
    )


def again_postgres(bench: Bench) -> Scenario:
    """Runs that find nothing new, on PostgreSQL."""
    return _again(bench, "postgres")


def again_duckdb(bench: Bench) -> Scenario:
    """Runs that find nothing new, on DuckDB."""
    return _again(bench, "duckdb")


def _timed(bench: Bench, size: str, goal: Goal) -> tuple[Goal, ...]:
    """A goal of speed, where the size is the one that it is set for."""
    return (goal,) if getattr(bench.sizes, size) == getattr(Sizes(), size) else ()


SCENARIOS: dict[str, Callable[[Bench], Scenario]] = {
    "csv-postgres": csv_postgres,
    "csv-postgres-large": csv_postgres_large,
    "csv-duckdb": csv_duckdb,
    "csv-duckdb-large": csv_duckdb_large,
    "json-postgres": json_postgres,
    "json-duckdb": json_duckdb,
    "files-postgres": files_postgres,
    "files-duckdb": files_duckdb,
    "careful-postgres": careful_postgres,
    "careful-duckdb": careful_duckdb,
    "again-postgres": again_postgres,
    "again-duckdb": again_duckdb,
    "peers-postgres": peers_postgres,
    "peers-duckdb": peers_duckdb,
    "peers-json-postgres": peers_json_postgres,
    "peers-json-duckdb": peers_json_duckdb,
}
