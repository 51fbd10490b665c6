"""The only reader of the environment: variables in, one typed `Settings` out.

Precedence: the process environment, then `.env` beside the project, then the default. An empty
value counts as unset. Relative paths in the environment are relative to the working folder; those
in `.env` are relative to the project.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from dotenv import dotenv_values

from loaders.errors import SettingsError

PROJECT_DIR = Path(__file__).resolve().parent.parent
Target = Literal["duckdb", "postgres"]
TARGETS: tuple[Target, ...] = get_args(Target)
URL_SCHEMES = ("postgresql", "postgres")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

# Who may name a server when no URL does, in order of precedence: libpq's own names, then DB_*.
DATABASE_VARIABLES: dict[str, tuple[str, ...]] = {
    "host": ("PGHOST", "DB_HOST"),
    "hostaddr": ("PGHOSTADDR",),
    "port": ("PGPORT", "DB_PORT"),
    "dbname": ("PGDATABASE", "DB_NAME"),
    "user": ("PGUSER", "DB_USER"),
    "password": ("PGPASSWORD", "DB_PASSWORD"),
    "sslmode": ("PGSSLMODE",),
    "service": ("PGSERVICE",),
}
NAMES_A_SERVER = ("host", "hostaddr", "port", "dbname", "service")


@dataclass(frozen=True)
class Variable:
    """One variable of the environment: what it is for and what it may be."""

    name: str
    purpose: str
    allowed: str
    default: str = ""
    is_secret: bool = False


VARIABLES = (
    Variable("ELT_TARGET", "which warehouse", "duckdb or postgres", "duckdb"),
    Variable(
        "DATABASE_URL",
        "the PostgreSQL server; chooses postgres where ELT_TARGET is not set",
        "postgresql://user:password@host:port/database?sslmode=… "
        "(also postgres://, postgresql+asyncpg://)",
        is_secret=True,
    ),
    Variable("CSV_DATA_PATH", "folder of the lab's CSV files", "a folder", "seeds/lab"),
    Variable(
        "API_URL",
        "the API that the posts are read from; unset: the bundled sample, served on loopback",
        "an http:// or https:// address",
    ),
    Variable("API_KEY", "sent to the API as a bearer token", "any text", is_secret=True),
    Variable("ELT_DATA_DIR", "warehouse, raw files, run records", "a folder", "data"),
    Variable("PGHOST", "server, where DATABASE_URL leaves it open", "a host or socket folder"),
    Variable("PGHOSTADDR", "its numeric address, where that is known", "an IP address"),
    Variable("PGPORT", "port, likewise", "1 to 65535"),
    Variable("PGDATABASE", "database, likewise", "a name"),
    Variable("PGUSER", "role, likewise", "a name"),
    Variable("PGPASSWORD", "password, likewise", "any text", is_secret=True),
    Variable("PGSSLMODE", "how TLS is used, likewise", ", ".join(SSL_MODES)),
    Variable("PGSERVICE", "a section of pg_service.conf that names the server", "a name"),
    Variable("DB_HOST", "as PGHOST, where that is not set", "a host"),
    Variable("DB_PORT", "as PGPORT, where that is not set", "1 to 65535"),
    Variable("DB_NAME", "as PGDATABASE, where that is not set", "a name"),
    Variable("DB_USER", "as PGUSER, where that is not set", "a name"),
    Variable("DB_PASSWORD", "as PGPASSWORD, where that is not set", "any text", is_secret=True),
)


@dataclass(frozen=True)
class Settings:
    """What the environment says, checked. Paths are absolute; they need not exist yet."""

    target: Target
    target_reason: str
    data_dir: Path
    csv_data_path: Path
    api_url: str | None
    api_key: str | None = field(repr=False)
    database: dict[str, str] | None = field(repr=False)  # libpq keywords; None: embedded
    values: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def duckdb_path(self) -> Path:
        """Where the DuckDB warehouse lies."""
        return self.data_dir / "warehouse.duckdb"

    @property
    def runs_dir(self) -> Path:
        """One folder a run: its record and dbt's artefacts."""
        return self.data_dir / "runs"


@dataclass(frozen=True)
class _Given:
    """A value as it was given, and what a relative path in it is relative to."""

    value: str
    base: Path


def load_settings(
    environ: Mapping[str, str] | None = None, project_dir: Path = PROJECT_DIR
) -> Settings:
    """Read and check every variable.

    Raises:
        SettingsError: naming the variable, what was given, and what is allowed.
    """
    given = _given(os.environ if environ is None else environ, project_dir)
    target, reason = _target(given)
    return Settings(
        target=target,
        target_reason=reason,
        data_dir=_path("ELT_DATA_DIR", given, project_dir),
        csv_data_path=_path("CSV_DATA_PATH", given, project_dir),
        api_url=_checked("API_URL", given, is_http_address),
        api_key=_text("API_KEY", given),
        database=_database(given) if target == "postgres" else None,
        values={name: item.value for name, item in given.items()},
    )


def _given(environ: Mapping[str, str], project_dir: Path) -> dict[str, _Given]:
    file = project_dir / ".env"
    try:
        from_file = dotenv_values(file, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from None
    given = {name: _Given(value, project_dir) for name, value in from_file.items() if value}
    given |= {name: _Given(value, Path.cwd()) for name, value in environ.items() if value}
    return given


def _variable(name: str) -> Variable:
    return next(variable for variable in VARIABLES if variable.name == name)


def _refuse(name: str, value: str) -> SettingsError:
    variable = _variable(name)
    is_shown = not variable.is_secret and "@" not in value  # a URL with a password
    shown = repr(value) if is_shown else "a value that is not shown"
    return SettingsError(f"{name} is {shown}; allowed: {variable.allowed}")


def _text(name: str, given: Mapping[str, _Given]) -> str | None:
    return given[name].value if name in given else None


def _checked(
    name: str, given: Mapping[str, _Given], is_allowed: Callable[[str], bool]
) -> str | None:
    value = _text(name, given)
    if value is not None and not is_allowed(value):
        raise _refuse(name, value)
    return value


def _path(name: str, given: Mapping[str, _Given], project_dir: Path) -> Path:
    item = given.get(name, _Given(_variable(name).default, project_dir))
    try:
        expanded = Path(item.value).expanduser()
    except RuntimeError:  # ~nobody: there is no such user
        raise _refuse(name, item.value) from None
    if "\0" in item.value:
        raise _refuse(name, item.value)
    return (item.base / expanded).absolute()


def is_http_address(value: str) -> bool:
    """Whether it is a URL that an API can be read from."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _target(given: Mapping[str, _Given]) -> tuple[Target, str]:
    named = _text("ELT_TARGET", given)
    if named is None:
        if "DATABASE_URL" in given:
            return "postgres", "DATABASE_URL is set"
        return "duckdb", "the default; ELT_TARGET=postgres chooses PostgreSQL"
    for target in TARGETS:
        if named == target:
            return target, f"ELT_TARGET={target}"
    raise _refuse("ELT_TARGET", named)


def _database(given: Mapping[str, _Given]) -> dict[str, str] | None:
    """Libpq keywords from the URL, then PG*, then DB_*; None when none of them names a server."""
    url = _text("DATABASE_URL", given)
    database = _parse_url(url) if url else {}
    names_a_server = bool(url)
    for keyword, names in DATABASE_VARIABLES.items():
        name = next((name for name in names if name in given), None)
        if name is None or keyword in database:
            continue
        database[keyword] = given[name].value
        names_a_server |= keyword in NAMES_A_SERVER
        if not _is_allowed(keyword, database[keyword]):
            raise _refuse(name, database[keyword])
    if not names_a_server:
        return None
    if "service" not in database:
        database.setdefault("host", "localhost")
        database.setdefault("port", "5432")
        database.setdefault("user", given["USER"].value if "USER" in given else "postgres")
        database.setdefault("dbname", database["user"])
    return database


def _is_allowed(keyword: str, value: str) -> bool:
    if keyword == "port":
        return value.isascii() and value.isdigit() and 0 < int(value) < 65536
    return keyword != "sslmode" or value in SSL_MODES


def _parse_url(url: str) -> dict[str, str]:
    """Libpq's own reading of a URL; `+driver` behind the scheme is what SQLAlchemy users write."""
    scheme, separator, rest = url.partition("://")
    name, _, driver = scheme.partition("+")
    if not separator or name not in URL_SCHEMES:
        raise _refuse("DATABASE_URL", url)
    if driver == "asyncpg":
        rest = _with_sslmode(rest)
    import psycopg2
    from psycopg2.extensions import parse_dsn

    try:
        parsed = parse_dsn(f"postgresql://{rest}")
    except psycopg2.ProgrammingError:  # its message would quote the URL, and with it the password
        raise _refuse("DATABASE_URL", url) from None
    if not all(_is_allowed(keyword, str(value)) for keyword, value in parsed.items()):
        raise _refuse("DATABASE_URL", url)
    return {keyword: str(value) for keyword, value in parsed.items()}


def _with_sslmode(rest: str) -> str:
    """Asyncpg's name for sslmode is ssl; a password may hold `?` and `&` too."""
    place, mark, query = rest.rpartition("?")
    parameters = [
        f"sslmode={parameter[4:]}"
        if parameter[:4] == "ssl=" and parameter != "ssl=true"
        else parameter
        for parameter in query.split("&")
    ]
    return place + mark + "&".join(parameters) if mark else rest
