"""`elt doctor`: is everything there that a run needs, and if not, what mends it."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from loaders import logs
from loaders.archive.shelf import Shelf
from loaders.catalog import (
    ElasticsearchSource,
    FilesSource,
    FileTable,
    RestApiSource,
    SourceSpec,
    load_catalog,
)
from loaders.erasure import note
from loaders.errors import AssayError, SettingsError, SourceError
from loaders.settings import PROJECT_DIR, Settings, can_be_written, load_settings
from loaders.settings.variables import DATABASE_VARIABLES, VariableError
from loaders.sources.addresses import is_loopback
from loaders.sources.files import folder_of, is_remote, is_there, unreadable
from loaders.sources.rest_api.ask import Ask, asks_of
from loaders.sources.rest_api.variables import Variables
from loaders.warehouse import Postgres, Reader, open_warehouse
from orchestration.alerts.webhooks import webhook_of

MIN_PYTHON = (3, 11)
MIN_FREE_BYTES = 1 << 30
API_SECONDS = 5
# has_schema_privilege knows no schema that is not there; dbt makes it then
PRIVILEGES = """
select
    has_database_privilege(current_database(), 'CREATE'),
    has_database_privilege(current_database(), 'TEMP'),
    coalesce(has_schema_privilege(to_regnamespace('public')::oid, 'CREATE'), true),
    quote_ident(current_database()),
    quote_ident(current_user)
"""


class Finding(msgspec.Struct, frozen=True):
    """One check: `mend` says what to do, and is None where all is well."""

    check: str
    state: str
    mend: str | None = None


class _Check(NamedTuple):
    """A check, and the variables without which it would look at something else."""

    name: str
    find: Callable[[Settings], Iterator[Finding]]
    needs: frozenset[str] = frozenset()


def examine(
    environ: Mapping[str, str] | None = None, project_dir: Path = PROJECT_DIR
) -> Iterator[Finding]:
    """Every check in turn: none stops the others, a bad setting only those that need it."""
    yield _python()
    settings, refused = _load(environ, project_dir)
    if settings is None:
        yield from _refusals(refused)
        return
    secrets = logs.secrets_of(settings)
    for check in _checks(refused):
        if check.needs.isdisjoint(refused):
            for finding in _found(check, settings):
                mend = finding.mend and logs.hide(finding.mend, secrets)
                yield Finding(finding.check, logs.hide(finding.state, secrets), mend)


def _load(
    environ: Mapping[str, str] | None, project_dir: Path
) -> tuple[Settings | None, dict[str, str]]:
    """The settings without the variables that are refused, and why those are.

    None where `.env` itself cannot be read: nobody knows then what it sets.
    """
    refused: dict[str, str] = {}
    while True:
        try:
            return load_settings(environ, project_dir, refused), refused
        except VariableError as error:
            refused[error.variable] = str(error)
        except SettingsError as error:
            return None, {".env": str(error)}


def _checks(refused: Mapping[str, str]) -> tuple[_Check, ...]:
    server = frozenset(chain(["DATABASE_URL"], *DATABASE_VARIABLES.values()))
    return (
        _Check("disk", _disk, frozenset({"ELT_DATA_DIR"})),
        _Check("logs", _logs, frozenset({"ELT_DATA_DIR", "ELT_LOG_DIR"})),
        _Check("settings", lambda settings: _refusals(refused) if refused else _target(settings)),
        _Check("alerts", _alerts, frozenset({"ALERT_WEBHOOK_URL", "ALERT_WEBHOOK_SECRET"})),
        _Check("archive", _backlog, frozenset({"ELT_DATA_DIR", "RAW_STORE_URL"})),
        _Check("erasure", _erasure, frozenset({"ELT_DATA_DIR"})),
        _Check("warehouse", _warehouse, server | {"ELT_TARGET", "ELT_DATA_DIR"}),
        _Check("sources", _sources),
        _Check("files", _files, frozenset({"CSV_DATA_PATH"})),
        _Check("api", _apis, frozenset({"API_URL"})),
        _Check("index", _indexes),
    )


def _found(check: _Check, settings: Settings) -> Iterator[Finding]:
    try:
        yield from check.find(settings)
    except (AssayError, OSError, RuntimeError, ValueError) as error:  # ~nobody, an odd pattern
        yield Finding(check.name, "not usable", str(error))


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    mend = None if sys.version_info >= MIN_PYTHON else "install Python 3.11 or newer"
    return Finding("python", f"{version} at {sys.executable}", mend)


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    mend = None
    if free < MIN_FREE_BYTES:
        mend = f"make room under {folder}, or set ELT_DATA_DIR to a larger disk"
    if not can_be_written(settings.data_dir):
        mend = f"{folder} cannot be written: set ELT_DATA_DIR to a folder that can"
    yield Finding("disk", f"{free / (1 << 30):.1f} GiB free under {folder}", mend)


def _logs(settings: Settings) -> Iterator[Finding]:
    """Of logs that can be written there is nothing to say."""
    if not can_be_written(settings.log_dir):
        mend = f"let {settings.log_dir} be written, or set ELT_LOG_DIR to a folder that can"
        yield Finding("logs", f"nothing can be logged to {settings.log_dir}", mend)


def _refusals(refused: Mapping[str, str]) -> Iterator[Finding]:
    for name, message in refused.items():
        yield Finding("settings", f"{name} is not usable", message)


def _target(settings: Settings) -> Iterator[Finding]:
    yield Finding("settings", f"target {settings.target}: {settings.target_reason}")


def _backlog(settings: Settings) -> Iterator[Finding]:
    """What waits for the raw store, which is asked nothing."""
    shelf = Shelf(settings)
    if waiting := shelf.waiting():
        yield Finding(
            "archive",
            f"{waiting} objects wait in {shelf.backlog} for {settings.raw_store_url}",
            "see that RAW_STORE_URL and its credentials are right; the next `elt land` archives "
            "them",
        )


def _erasure(settings: Settings) -> Iterator[Finding]:
    """An erasure that was not finished."""
    if (settings.data_dir / note.NAME).exists():
        yield Finding(
            "erasure", "an erasure is not finished; `elt erase` goes on with it", "run `elt erase`"
        )


def _alerts(settings: Settings) -> Iterator[Finding]:
    """Where a failed run is told; nothing is sent, `elt alert test` does that."""
    webhook = webhook_of(settings)
    if webhook is None and "ALERT_WEBHOOK_SECRET" in settings.values:
        mend = "set ALERT_WEBHOOK_URL too, or take ALERT_WEBHOOK_SECRET away"
        yield Finding("alerts", "runs that fail are told nowhere", mend)
    elif webhook is not None:
        signed = "signed" if webhook.secret else "not signed: ALERT_WEBHOOK_SECRET is not set"
        yield Finding("alerts", f"runs that fail are told to {webhook.place}, {signed}")


def _warehouse(settings: Settings) -> Iterator[Finding]:
    warehouse = open_warehouse(settings)
    with warehouse.reading() as reader:
        count = reader.fetch(
            "select count(*) from information_schema.tables where table_schema = 'raw'"
        ).rows[0][0]
        state = f"{warehouse.place}: {count} raw tables" if count else f"{warehouse.place}: empty"
        if not isinstance(warehouse, Postgres):
            yield Finding("warehouse", state)
            return
        is_super = reader.fetch("select current_setting('is_superuser')").rows[0][0] == "on"
        if is_super:
            state += "; connected as a superuser, a role of its own would be safer"
        yield Finding("warehouse", state)
        yield _privileges(reader)


def _privileges(reader: Reader) -> Finding:
    """A run makes schemas in the database, views and functions in public, a temporary sequence."""
    on_database, temporary, on_public, database, role = reader.fetch(PRIVILEGES).rows[0]
    grants = []
    if not on_database:
        grants.append(f"grant create on database {database} to {role};")
    if not temporary:
        grants.append(f"grant temporary on database {database} to {role};")
    if not on_public:
        grants.append(f"grant create on schema public to {role};")
    if grants:
        state = f"{role} lacks privileges that a run needs"
        return Finding("privileges", state, f"let the owner run: {' '.join(grants)}")
    return Finding("privileges", f"{role} may create in database {database} and schema public")


def _sources(settings: Settings) -> Iterator[Finding]:
    catalog = load_catalog(settings)
    missing = [
        (name, spec)
        for name, spec in catalog.items()
        if isinstance(spec, FilesSource) and not is_there(spec)
    ]
    for name, spec in missing:
        yield Finding(
            "sources",
            f"{name}: there is no folder {folder_of(spec)}",
            "set CSV_DATA_PATH (make's CSV) to the folder of your CSV files"
            if folder_of(spec) == settings.csv_data_path
            else f"make the folder, or mend the path of '{name}' in sources.yml",
        )
    if not missing:
        yield Finding("sources", ", ".join(catalog))


def _files(settings: Settings) -> Iterator[Finding]:
    for name, spec in _catalog(settings).items():
        if isinstance(spec, FilesSource) and is_remote(spec.path):
            problems = unreadable(spec, settings)
            mend = f"mend the path of '{name}' or its credentials" if problems else None
            state = "; ".join(problems) or "a file for each table"
            yield Finding("files", f"{name}: {state}", mend)
        elif isinstance(spec, FilesSource) and folder_of(spec).is_dir():
            yield from _files_of(name, spec)


def _files_of(name: str, spec: FilesSource) -> Iterator[Finding]:
    folder = folder_of(spec)
    missing = [table for table in spec.tables.values() if not _matches(folder, table)]
    for table in missing:
        header = f"; expected header {','.join(table.columns)}" if table.columns else ""
        yield Finding(
            "files",
            f"{name}: {table.file} is missing",
            f"put {table.file} into {folder}{header}",
        )
    if not missing:
        yield Finding("files", f"{name}: a file for each of {len(spec.tables)} tables in {folder}")


def _matches(folder: Path, table: FileTable) -> bool:
    return any(path.is_file() for path in folder.glob(table.file))


def _apis(settings: Settings) -> Iterator[Finding]:
    for name, spec in _catalog(settings).items():
        if isinstance(spec, RestApiSource) and not spec.is_sample:
            try:
                asks = asks_of(spec, spec.url or "", Variables(name, settings.values))
            except SettingsError as error:
                yield Finding("api", f"{name}: it cannot be asked", str(error))
                continue
            for ask in {each.url: each for each in asks.values()}.values():
                yield _api(name, ask, "auth" if spec.auth else "bearer_token")


def _api(name: str, ask: Ask, credentials: str) -> Finding:
    place = f"{name}: {ask.place}"
    try:
        status = _status(ask)
    except (OSError, ValueError) as error:  # requests' own are both; a token may not be a header
        return Finding(
            "api",
            f"{place} does not answer ({type(error).__name__})",
            f"start it, or mend the url of '{name}' (API_URL for the posts)",
        )
    mend = None
    if status in (401, 403):
        mend = f"mend the {credentials} of '{name}' (API_KEY for the posts)"
    elif status >= 400:
        mend = f"mend the url of '{name}' (API_URL for the posts), or ask who runs the API"
    return Finding("api", f"{place} answers {status}", mend)


def _status(ask: Ask) -> int:
    """The status of an answer whose body is not read."""
    import requests

    with requests.Session() as session:
        session.trust_env = not is_loopback(ask.url)
        prepared = session.prepare_request(ask.request({}))
        given = session.merge_environment_settings(
            prepared.url, {}, stream=True, verify=None, cert=None
        )
        with session.send(prepared, timeout=API_SECONDS, **given) as response:
            return response.status_code


def _indexes(settings: Settings) -> Iterator[Finding]:
    for name, spec in _catalog(settings).items():
        if isinstance(spec, ElasticsearchSource):
            yield _index(name, spec)


def _index(name: str, spec: ElasticsearchSource) -> Finding:
    from loaders.sources.elasticsearch.client import connect

    try:
        with connect(name, spec, API_SECONDS, attempts=1) as connection:
            return Finding("index", f"{name}: {connection.where} is {connection.server.name}")
    except SettingsError as error:
        return Finding("index", f"{name}: no address", str(error))
    except SourceError as error:
        mend = f"start it, or mend what '{name}' says of it in sources.yml (ELASTICSEARCH_…)"
        return Finding("index", f"{name}: {error}", mend)


def _catalog(settings: Settings) -> Mapping[str, SourceSpec]:
    """The sources; none where sources.yml is not sound, which the check `sources` says."""
    try:
        return load_catalog(settings)
    except SettingsError:
        return {}
