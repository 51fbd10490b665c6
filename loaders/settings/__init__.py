"""The only reader of the environment: variables in, one typed `Settings` out.

Precedence: the process environment, then `.env` beside the project, then the default. An empty
value counts as unset. Relative paths in the environment are relative to the working folder; those
in `.env` are relative to the project. In the environment dev, `NAME__DEV` goes before `NAME`,
wherever either is given; so it is with test and prod.
"""

import errno
import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from loaders.settings.database_url import is_allowed, is_port, parse_url
from loaders.settings.env_file import read_env_file
from loaders.settings.environments import database_of, environment_named, part_of, within
from loaders.settings.signing import is_signing_secret
from loaders.settings.variables import (
    DATABASE_VARIABLES,
    LOG_FORMATS,
    LOG_LEVELS,
    NAMES_A_SERVER,
    refuse,
    variable,
)

log = logging.getLogger("assay.settings")
PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
Target = Literal["duckdb", "postgres"]
TARGETS: tuple[Target, ...] = get_args(Target)
Part = Literal["ingestion", "loading", "transformation"]  # of the service
PARTS: tuple[Part, ...] = get_args(Part)
MIN_KEY_LENGTH = 16


@dataclass(frozen=True)
class Settings:
    """What the environment says, checked. Paths are absolute; they need not exist yet."""

    target: Target
    target_reason: str
    data_dir: Path
    log_dir: Path
    csv_data_path: Path
    api_url: str | None
    api_key: str | None = field(repr=False)
    database: dict[str, str] | None = field(repr=False)  # libpq keywords; None: embedded
    app_host: str
    app_port: int
    fetch_interval: int  # seconds
    max_unpacked_bytes: int
    max_upload_bytes: int
    raw_store_url: str  # of files, S3 or Azure, without a slash at its end
    api_keys: tuple[str, ...] = field(repr=False, default=())
    ingest_allowed_hosts: tuple[str, ...] = ()  # `host` or `host:port`, in small letters
    part_urls: Mapping[str, str] = field(default_factory=dict)  # of parts of the service elsewhere
    env: str | None = None
    log_level: str = "INFO"
    log_format: str = "text"  # of the service and the schedule, on standard error
    values: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def part(self) -> str:
        """The environment, where it is kept apart from what there is without one; else ""."""
        return part_of(self.env)

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
    env: str | None = None,
) -> Settings:
    """Read and check every variable; those `ignored` count as unset.

    `env` is the environment to work in; None means that of the variable `ELT_ENV`.

    Raises:
        VariableError: naming the variable, what was given, and what is allowed.
        SettingsError: `.env` cannot be read, naming the line.
    """
    given = _given(os.environ if environ is None else environ, project_dir)
    given = {name: item for name, item in given.items() if name not in ignored}
    env = environment_named(env or _text("ELT_ENV", given))
    given, own = within(given, env)
    given |= {"ELT_ENV": _Given(env, Path.cwd())} if env else {}
    target, reason = _target(given)
    part = part_of(env)
    _checked("ALERT_WEBHOOK_URL", given, is_http_address)
    _checked("ALERT_WEBHOOK_SECRET", given, is_signing_secret)
    data_dir = _data_dir(given, project_dir, part if "ELT_DATA_DIR" not in own else "")
    return Settings(
        target=target,
        target_reason=reason,
        data_dir=data_dir,
        log_dir=_log_dir(given, data_dir, project_dir, part if "ELT_LOG_DIR" not in own else ""),
        csv_data_path=_path("CSV_DATA_PATH", given, project_dir),
        api_url=_checked("API_URL", given, is_http_address),
        api_key=_text("API_KEY", given),
        database=database_of(part, _database(given), own) if target == "postgres" else None,
        app_host=_text("APP_HOST", given) or variable("APP_HOST").default,
        app_port=_port(given),
        fetch_interval=_fetch_interval(given),
        max_unpacked_bytes=_bytes("ELT_MAX_UNPACKED_BYTES", given),
        max_upload_bytes=_bytes("MAX_UPLOAD_BYTES", given),
        raw_store_url=_raw_store_url(given, data_dir, part if "RAW_STORE_URL" not in own else ""),
        api_keys=_api_keys(given),
        ingest_allowed_hosts=_ingest_allowed_hosts(given),
        part_urls=_part_urls(given),
        env=env,
        log_level=_one_of("ELT_LOG_LEVEL", given, LOG_LEVELS, str.upper),
        log_format=_one_of("ELT_LOG_FORMAT", given, LOG_FORMATS, str.lower),
        values={name: item.value for name, item in given.items()},
    )


def _given(environ: Mapping[str, str], project_dir: Path) -> dict[str, _Given]:
    from_file = read_env_file(project_dir / ".env")
    given = {name: _Given(value, project_dir) for name, value in from_file.items() if value}
    given |= {name: _Given(value, Path.cwd()) for name, value in environ.items() if value}
    return given


def _text(name: str, given: Mapping[str, _Given]) -> str | None:
    return given[name].value if name in given else None


def _checked(
    name: str, given: Mapping[str, _Given], is_allowed: Callable[[str], bool]
) -> str | None:
    value = _text(name, given)
    if value is not None and not is_allowed(value):
        raise refuse(name, value)
    return value


def _path(name: str, given: Mapping[str, _Given], project_dir: Path) -> Path:
    item = given.get(name, _Given(variable(name).default, project_dir))
    try:
        expanded = Path(item.value).expanduser()
    except RuntimeError:  # ~nobody: there is no such user
        raise refuse(name, item.value) from None
    if "\0" in item.value:
        raise refuse(name, item.value)
    return (item.base / expanded).absolute()


def _data_dir(given: Mapping[str, _Given], project_dir: Path, part: str) -> Path:
    """The data folder; dev and test have one of their own in it, so that nothing is shared."""
    folder = _path("ELT_DATA_DIR", given, project_dir) / part
    if "ELT_DATA_DIR" in given and not can_be_written(folder):
        raise refuse("ELT_DATA_DIR", given["ELT_DATA_DIR"].value)
    return folder


def _log_dir(given: Mapping[str, _Given], data_dir: Path, project_dir: Path, part: str) -> Path:
    """Where all parts log. That it cannot be written stops nothing: whoever logs says so."""
    if "ELT_LOG_DIR" not in given and "ELT_DATA_DIR" in given:
        return data_dir / variable("ELT_LOG_DIR").default
    return _path("ELT_LOG_DIR", given, project_dir) / part


def _one_of(
    name: str, given: Mapping[str, _Given], allowed: Sequence[str], written: Callable[[str], str]
) -> str:
    value = _text(name, given)
    if value is not None and written(value) not in allowed:
        raise refuse(name, value)
    return written(value or variable(name).default)


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
    raise refuse("ELT_TARGET", named)


def _database(given: Mapping[str, _Given]) -> dict[str, str] | None:
    """Libpq keywords from the URL, then PG*, then DB_*; None when none of them names a server."""
    url = _text("DATABASE_URL", given)
    database = parse_url(url) if url else {}
    names_a_server = bool(url)
    for keyword, names in DATABASE_VARIABLES.items():
        name = next((name for name in names if name in given), None)
        if name is None or keyword in database:
            continue
        database[keyword] = given[name].value
        names_a_server |= keyword in NAMES_A_SERVER
        if not is_allowed(keyword, database[keyword]):
            raise refuse(name, database[keyword])
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
        port = _checked(name, given, is_port)
        if port is not None:
            return int(port)
    return int(variable("APP_PORT").default)


def _fetch_interval(given: Mapping[str, _Given]) -> int:
    """An interval that makes no sense must not stop a schedule: the default, with a warning."""
    value = _text("FETCH_INTERVAL", given)
    if value and value.isascii() and value.isdigit() and int(value) > 0:
        return int(value)
    default = int(variable("FETCH_INTERVAL").default)
    if value:
        log.warning("FETCH_INTERVAL is %r; %d seconds are used", value, default)
    return default


def _api_keys(given: Mapping[str, _Given]) -> tuple[str, ...]:
    keys = [key.strip() for key in (_text("API_KEYS", given) or "").split(",") if key.strip()]
    if "API_KEYS" in given and not (keys and all(is_long_enough(key) for key in keys)):
        raise refuse("API_KEYS", given["API_KEYS"].value)
    return tuple(keys)


def is_long_enough(key: str) -> bool:
    """Whether a key can be sent in a header, and is not to be guessed."""
    return len(key) >= MIN_KEY_LENGTH and key.isascii() and key.isprintable() and " " not in key


def _ingest_allowed_hosts(given: Mapping[str, _Given]) -> tuple[str, ...]:
    name = "INGEST_ALLOWED_HOSTS"
    value = _text(name, given) or ""
    hosts = [host.strip().lower() for host in value.split(",") if host.strip()]
    if any(mark in host for host in hosts for mark in "/@ *"):  # an address, or a pattern
        raise refuse(name, value)
    return tuple(hosts)


def _part_urls(given: Mapping[str, _Given]) -> dict[str, str]:
    urls = {part: _checked(f"{part.upper()}_URL", given, is_http_address) for part in PARTS}
    return {part: url.rstrip("/") for part, url in urls.items() if url}


def _bytes(name: str, given: Mapping[str, _Given]) -> int:
    value = _checked(
        name, given, lambda text: text.isdecimal() and text.isascii() and int(text) > 0
    )
    return int(value or variable(name).default)


def _raw_store_url(given: Mapping[str, _Given], data_dir: Path, part: str) -> str:
    """The address of the raw store; dev and test have a prefix of their own in it."""
    url = _checked("RAW_STORE_URL", given, is_store_address)
    for name in ("AWS_ENDPOINT_URL", "AZURE_STORAGE_ENDPOINT_URL"):
        _checked(name, given, is_http_address)
    if url is None:
        return data_dir.as_uri()
    return f"{url.rstrip('/')}/{part}".rstrip("/")


def is_store_address(value: str) -> bool:
    """Whether it is a URL that a raw store can have: a folder, a bucket or a container."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
        has_extras = "@" in parts.netloc or parts.query or parts.fragment
    except ValueError:
        return False
    if has_extras or ".." in parts.path.split("/"):
        return False
    if parts.scheme == "file":
        return parts.netloc in ("", "localhost") and len(parts.path) > 1
    return parts.scheme in ("s3", "az") and bool(parts.netloc)
