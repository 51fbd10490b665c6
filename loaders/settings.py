"""The only reader of the environment: variables in, one typed `Settings` out.

Precedence: the process environment, then `.env` beside the project, then the default. An empty
value counts as unset. Relative paths in the environment are relative to the working folder; those
in `.env` are relative to the project.
"""

import errno
import logging
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, get_args

from dotenv.parser import Binding, parse_stream

from loaders.errors import SettingsError
from loaders.variables import DATABASE_VARIABLES, NAMES_A_SERVER, SSL_MODES, VARIABLES, Variable

log = logging.getLogger("assay.settings")
PROJECT_DIR = Path(__file__).resolve().parent.parent
Target = Literal["duckdb", "postgres"]
TARGETS: tuple[Target, ...] = get_args(Target)
URL_SCHEMES = ("postgresql", "postgres")
OURS = "ELT_"  # how the variables begin that nobody else has


class VariableError(SettingsError):
    """One variable has a value that is not allowed; the others may be sound."""

    def __init__(self, variable: str, message: str) -> None:
        super().__init__(message)
        self.variable = variable


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
    app_host: str
    app_port: int
    fetch_interval: int  # seconds
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
    environ: Mapping[str, str] | None = None,
    project_dir: Path = PROJECT_DIR,
    ignored: Collection[str] = (),
) -> Settings:
    """Read and check every variable; those `ignored` count as unset.

    Raises:
        VariableError: naming the variable, what was given, and what is allowed.
        SettingsError: `.env` cannot be read, naming the line.
    """
    given = _given(os.environ if environ is None else environ, project_dir)
    given = {name: item for name, item in given.items() if name not in ignored}
    target, reason = _target(given)
    return Settings(
        target=target,
        target_reason=reason,
        data_dir=_data_dir(given, project_dir),
        csv_data_path=_path("CSV_DATA_PATH", given, project_dir),
        api_url=_checked("API_URL", given, is_http_address),
        api_key=_text("API_KEY", given),
        database=_database(given) if target == "postgres" else None,
        app_host=_text("APP_HOST", given) or _variable("APP_HOST").default,
        app_port=_port(given),
        fetch_interval=_fetch_interval(given),
        values={name: item.value for name, item in given.items()},
    )


def _given(environ: Mapping[str, str], project_dir: Path) -> dict[str, _Given]:
    from_file = _env_file(project_dir / ".env")
    given = {name: _Given(value, project_dir) for name, value in from_file.items() if value}
    given |= {name: _Given(value, Path.cwd()) for name, value in environ.items() if value}
    return given


def _env_file(file: Path) -> dict[str, str | None]:
    """What `.env` says, word for word; a folder of that name is somebody's virtual environment."""
    try:
        if not file.exists() or file.is_dir():
            return {}
        with file.open(encoding="utf-8-sig") as lines:
            bindings = list(parse_stream(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from None
    for binding in bindings:
        problem = _problem_of(binding)
        if problem:
            raise SettingsError(f"{file}, line {_line(binding)}: {problem}")
    return {binding.key: binding.value for binding in bindings if binding.key}


def _problem_of(binding: Binding) -> str | None:
    """Why a line of `.env` says nothing; the line is not shown, for it may hold a secret."""
    name = binding.key or ""
    is_word_alone = binding.value is None and bool(name) and not name.isidentifier()
    if binding.error or is_word_alone:
        return "is not of the form NAME=value (quotes must close)"
    names = [variable.name for variable in VARIABLES]
    if name.upper().startswith(OURS) and name not in names:
        nearest = get_close_matches(name.upper(), names, n=1, cutoff=0)[0]
        return f"{name} is no variable; the nearest is {nearest}"
    return None


def _line(binding: Binding) -> int:
    """Where the line begins: blank ones before it belong to the binding too."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _variable(name: str) -> Variable:
    return next(variable for variable in VARIABLES if variable.name == name)


def _refuse(name: str, value: str, why: str = "") -> VariableError:
    """The refusal of a value; `why` names the part that is wrong where the value is not shown."""
    variable = _variable(name)
    is_shown = not variable.is_secret and "@" not in value  # a URL with a password
    shown = repr(value) if is_shown else "a value that is not shown"
    part = f", in which {why}" if why else ""
    return VariableError(name, f"{name} is {shown}{part}; allowed: {variable.allowed}")


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


def _data_dir(given: Mapping[str, _Given], project_dir: Path) -> Path:
    folder = _path("ELT_DATA_DIR", given, project_dir)
    if "ELT_DATA_DIR" in given and not can_be_written(folder):
        raise _refuse("ELT_DATA_DIR", given["ELT_DATA_DIR"].value)
    return folder


def can_be_written(folder: Path) -> bool:
    """Whether it is a folder that takes files, or one that can be made where it is missing."""
    while not os.path.lexists(folder):  # not exists: a link to nowhere is no folder
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return False
    from tempfile import TemporaryFile

    try:
        with TemporaryFile(dir=folder):  # root may write anywhere, says access; not so in /proc
            return True
    except OSError as error:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)  # what is there can still be read


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


def _port(given: Mapping[str, _Given]) -> int:
    for name in ("APP_PORT", "SERVER_PORT"):
        port = _checked(name, given, _is_port)
        if port is not None:
            return int(port)
    return int(_variable("APP_PORT").default)


def _fetch_interval(given: Mapping[str, _Given]) -> int:
    """An interval that makes no sense must not stop a schedule: the default, with a warning."""
    value = _text("FETCH_INTERVAL", given)
    if value and value.isascii() and value.isdigit() and int(value) > 0:
        return int(value)
    default = int(_variable("FETCH_INTERVAL").default)
    if value:
        log.warning("FETCH_INTERVAL is %r; %d seconds are used", value, default)
    return default


def _is_port(value: str) -> bool:
    return value.isascii() and value.isdigit() and 0 < int(value) < 65536


def _is_allowed(keyword: str, value: str) -> bool:
    if keyword == "port":
        return _is_port(value)
    return keyword != "sslmode" or value in SSL_MODES


def _parse_url(url: str) -> dict[str, str]:
    """Libpq's own reading of a URL; `+driver` behind the scheme is what SQLAlchemy users write."""
    scheme, separator, rest = url.partition("://")
    name, _, driver = scheme.partition("+")
    if not separator or name not in URL_SCHEMES:
        raise _refuse("DATABASE_URL", url, "the scheme is another one")
    if driver == "asyncpg":
        rest = _with_sslmode(rest)
    import psycopg2
    from psycopg2.extensions import parse_dsn

    try:
        parsed = parse_dsn(f"postgresql://{rest}")
    except psycopg2.ProgrammingError as error:
        raise _refuse("DATABASE_URL", url, _unreadable_part(str(error))) from None
    named = {keyword: str(value) for keyword, value in parsed.items()}
    wrong = _wrong_part(named)
    if wrong:
        raise _refuse("DATABASE_URL", url, wrong)
    return named


def _unreadable_part(message: str) -> str:
    """What libpq could not read; its message would quote the URL, and with it the password."""
    parts = {
        "URI query parameter": "an option behind the ? is none that libpq knows",
        "percent-encoded": "a % is not followed by two hexadecimal digits; a % itself is %25",
        "IPv6": "the [ ] around an IPv6 address do not close, or hold nothing",
    }
    found = (part for words, part in parts.items() if words in message)
    return next(found, "a part cannot be read; / ? # @ and : in a name or a password are encoded")


def _wrong_part(named: Mapping[str, str]) -> str | None:
    if any("," in named.get(keyword, "") for keyword in ("host", "hostaddr")):
        return "there are several hosts; name one"
    if not _is_allowed("port", named.get("port", "1")):
        return "the port is none from 1 to 65535"
    if not _is_allowed("sslmode", named.get("sslmode", SSL_MODES[0])):
        return f"sslmode is none of {', '.join(SSL_MODES)}"
    return None


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
