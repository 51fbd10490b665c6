"""Who lands: the command of each, where it lands, and which rows must be there afterwards."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from benchmarks.figures import Goal
from benchmarks.grounds import DuckDBGround, Ground, PostgresGround
from benchmarks.inputs import COLUMNS
from benchmarks.peers import Peer
from loaders.settings import PROJECT_DIR
from loaders.settings.variables import VARIABLES
from loaders.warehouse import embedded_postgres

PROGRAMS = Path(__file__).parent / "programs"
ELT = str(Path(sys.executable).parent / "elt")
TEXT_TABLE = f"create table t ({', '.join(f'{name} text' for name in COLUMNS)})"
DOCUMENT_TABLE = "create table t (document text)"
NO_TELEMETRY = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "DISABLE_TELEMETRY": "true",  # ingestr
    "INGESTR_DISABLE_TELEMETRY": "true",
    "SLING_DISABLE_TELEMETRY": "true",
    "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
}


@dataclass(frozen=True)
class Contestant:
    """One way to land something.

    `setup` is SQL before each turn, outside of the timing. A rerun is timed on what its own first
    run, untimed, has landed; it is never cleared. `missing` says why it cannot take part.
    """

    name: str
    ground: Ground
    table: str
    rows: int
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    setup: str = ""
    goals: tuple[Goal, ...] = ()
    is_rerun: bool = False
    is_peer: bool = False
    missing: str = ""


def clean_environment() -> dict[str, str]:
    """The environment without a developer's own settings, and with all telemetry off."""
    ours = {variable.name for variable in VARIABLES}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | NO_TELEMETRY


def bare_copy(ground: PostgresGround, path: Path, rows: int) -> Contestant:
    r"""The limit on PostgreSQL: psql's \copy into a table that is there."""
    # not the machine's psql: Debian's is a script around it, which would flatter the others
    psql = str(embedded_postgres.binary("psql"))
    copy = rf"\copy t from '{path}' with (format csv, header)"
    flags = ("-X", "-q", "-v", "ON_ERROR_STOP=1")
    return Contestant(
        name=r"`\copy` (the limit)",
        ground=ground,
        table="t",
        rows=rows,
        command=(psql, *flags, "-c", copy, ground.url),
        setup=TEXT_TABLE,
    )


def create_table_as(ground: DuckDBGround, path: Path, rows: int) -> Contestant:
    """The limit on DuckDB."""
    command = _program("create_table_as", str(ground.path), str(path), ",".join(COLUMNS))
    return Contestant("`CREATE TABLE AS` (the limit)", ground, "t", rows, command)


def copied_records(ground: Ground, address: str, rows: int) -> Contestant:
    """The limit for records, on either warehouse."""
    if isinstance(ground, PostgresGround):
        command = _program("copy_records", ground.url, address)
        name = "requests + orjson + COPY (the limit)"
        return Contestant(name, ground, "t", rows, command, setup=DOCUMENT_TABLE)
    command = _program("create_records", database_of(ground), address)
    name = "requests + orjson + `CREATE TABLE AS` (the limit)"
    return Contestant(name, ground, "t", rows, command)


def elt_land(
    ground: Ground, path: Path, rows: int, goals: tuple[Goal, ...] = (), name: str = "`elt land`"
) -> Contestant:
    """A file, a folder or a glob, landed raw into an empty warehouse."""
    return Contestant(
        name=name,
        ground=ground,
        table="raw.bench",
        rows=rows,
        command=(ELT, "land", str(path), "--table", "bench"),
        environment=ground.elt_variables,
        goals=goals,
    )


def elt_land_api(
    ground: Ground, address: str, rows: int, goals: tuple[Goal, ...] = ()
) -> Contestant:
    """The posts of the catalog, asked from an API."""
    variables = {**ground.elt_variables, "API_URL": address}
    command = (ELT, "land", "posts")
    return Contestant("`elt land`", ground, "raw.posts", rows, command, variables, goals=goals)


def elt_run_again(
    ground: Ground, source: str, table: str, rows: int, goals: tuple[Goal, ...]
) -> Contestant:
    """A run of a bundled source that finds nothing new."""
    lab = {"CSV_DATA_PATH": str(PROJECT_DIR / "seeds" / "lab")}
    return Contestant(
        name=f"`elt run {source}`, again",
        ground=ground,
        table=f"raw.{table}",
        rows=rows,
        command=(ELT, "run", source),
        environment={**ground.elt_variables, **lab},
        goals=goals,
        is_rerun=True,
    )


def dlt_default(ground: Ground, program: str, origin: str, rows: int) -> Contestant:
    """A plain dlt pipeline: `dlt_csv` of a file, `dlt_api` of an address."""
    kind = "postgres" if isinstance(ground, PostgresGround) else "duckdb"
    return Contestant(
        name=f"dlt {version('dlt')}, default path",
        ground=ground,
        table="dlt_default.t",
        rows=rows,
        command=_program(program, kind, database_of(ground), origin),
        environment={"DLT_DATA_DIR": str(ground.folder / "dlt")},
    )


def pandas_to_sql(ground: PostgresGround, path: Path, rows: int, python: str) -> Contestant:
    """SQLAlchemy under pandas, in the environment of a peer."""
    database = ground.url.replace("postgresql:", "postgresql+psycopg2:")
    command = (python, str(PROGRAMS / "pandas_to_sql.py"), database, str(path))
    return Contestant("", ground, "t", rows, command)


def pandas_to_duckdb(ground: DuckDBGround, path: Path, rows: int) -> Contestant:
    """A frame of pandas that DuckDB reads."""
    command = _program("pandas_to_duckdb", str(ground.path), str(path))
    return Contestant(f"pandas {version('pandas')}, a frame", ground, "t", rows, command)


def ingestr(ground: Ground, path: Path, rows: int, program: str) -> Contestant:
    """The command line over dlt."""
    database = database_of(ground)
    address = database if isinstance(ground, PostgresGround) else f"duckdb:///{database}"
    schema = "public" if isinstance(ground, PostgresGround) else "main"
    options = {
        "--source-uri": f"csv://{path}",
        "--source-table": "t",
        "--dest-uri": address,
        "--dest-table": f"{schema}.t",
        "--progress": "log",
    }
    words = [word for option in options.items() for word in option]
    return Contestant("", ground, f"{schema}.t", rows, (program, "ingest", *words, "--yes"))


def sling(ground: Ground, path: Path, rows: int, program: str) -> Contestant:
    """Sling's command line."""
    database = database_of(ground)
    is_postgres = isinstance(ground, PostgresGround)
    address = f"{database}?sslmode=disable" if is_postgres else f"duckdb://{database}"
    table = "public.t" if is_postgres else "main.t"
    command = (program, "run", "--src-stream", f"file://{path}", "--tgt-conn", "BENCH")
    return Contestant(
        name="",
        ground=ground,
        table=table,
        rows=rows,
        command=(*command, "--tgt-object", table, "--mode", "full-refresh"),
        environment={"BENCH": address, "SLING_HOME_DIR": str(ground.folder / "sling")},
    )


def target_postgres(ground: PostgresGround, path: Path, rows: int, program: str) -> Contestant:
    """A Singer target, fed with messages that are made already."""
    variables = {
        "TARGET_POSTGRES_SQLALCHEMY_URL": ground.url.replace("postgresql:", "postgresql+psycopg:"),
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": "singer",
    }
    command = (program, "--config", "ENV", "--input", str(path))
    return Contestant("", ground, "singer.t", rows, command, variables)


def missing(peer: Peer, ground: Ground, reason: str) -> Contestant:
    """A peer that cannot take part, and why: it is shown all the same."""
    return Contestant(f"{peer.name} {peer.version}", ground, "", 0, is_peer=True, missing=reason)


def database_of(ground: Ground) -> str:
    """A URL or a path."""
    if isinstance(ground, PostgresGround):
        return ground.url
    assert isinstance(ground, DuckDBGround)
    return str(ground.path)


def _program(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(PROGRAMS / f"{name}.py"), *arguments)
