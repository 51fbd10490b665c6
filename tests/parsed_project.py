"""dbt's parse of the project, made once and laid where a test's builds look for it.

Parsing is a third of a build. dbt takes a parse over where the project's files and the connection
are the same; tests differ in the connection only, so that is put right in the copy.
"""

import hashlib
import json
import os
import pprint
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from loaders.settings import load_settings
from loaders.warehouse import DuckDB, Postgres, open_warehouse
from orchestration import dbt
from orchestration.publishing import schemas, slots

PARSE = "partial_parse.msgpack"
SUFFIXES = {"duckdb": slots.SUFFIXES, "postgres": (schemas.NEXT,)}
# of one length with the names of the tests' databases: the parse holds names with their lengths
DATABASE = f"test_{'0' * 32}"
PROGRAM = """
import json
from dbt.adapters.factory import FACTORY
from dbt.cli.main import dbtRunner

assert dbtRunner().invoke(["--quiet", "parse"]).success
(adapter,) = FACTORY.adapters.values()
print(json.dumps(sorted(adapter.config.credentials.connection_info())))
"""


class ParsedProject:
    """The parse for each target, in a folder that the processes of a session share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lay(self, environment: Mapping[str, str]) -> None:
        """Put the parse where dbt finds it for the warehouse that the variables name."""
        settings = load_settings(environment)
        warehouse = open_warehouse(settings)
        assert isinstance(warehouse, (DuckDB, Postgres))
        parsed = self._folder / warehouse.target
        with FileLock(f"{parsed}.lock"):
            if not (parsed / "connection.json").exists():
                _parse(parsed, warehouse.target)
        connection = dict(json.loads((parsed / "connection.json").read_text()))
        changed = connection | _connection(warehouse)
        content = (parsed / PARSE).read_bytes().replace(_sha256(connection), _sha256(changed))
        if isinstance(warehouse, Postgres):
            content = content.replace(DATABASE.encode(), warehouse.database["dbname"].encode())
        parsed_for, *others = SUFFIXES[warehouse.target]
        for suffix in (parsed_for, *others):
            place = dbt.target_dir(settings, warehouse, suffix)
            place.mkdir(parents=True)
            # each of one length, as the parse holds names and the variable with their lengths
            named = re.sub(
                rb"(staging|clean|features|ops|analytics|main|ELT_BUILD_SUFFIX\xa3)"
                + parsed_for.encode(),
                rb"\g<1>" + suffix.encode(),
                content,
            )
            (place / PARSE).write_bytes(named)


def _parse(folder: Path, target: str) -> None:
    folder.mkdir()
    variables = {
        **os.environ,
        "DBT_PROJECT_DIR": str(dbt.DBT_PROJECT_DIR),
        "DBT_PROFILES_DIR": str(dbt.DBT_PROJECT_DIR.parent),
        "DBT_TARGET_PATH": str(folder),
        "DBT_LOG_PATH": str(folder),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "ELT_TARGET": target,
        dbt.SUFFIX: SUFFIXES[target][0],
        "ELT_DUCKDB_PATH": "/nowhere/warehouse.duckdb",
        "ELT_PG_DATABASE": DATABASE,
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=variables, capture_output=True, text=True, check=True
    )
    (folder / "connection.json").write_text(done.stdout)


def _connection(warehouse: DuckDB | Postgres) -> dict[str, Any]:
    if isinstance(warehouse, DuckDB):
        return {"path": str(warehouse.path)}
    named = warehouse.database
    place = {"host": named["host"], "port": int(named["port"]), "user": named["user"]}
    return {**place, "database": named["dbname"]}


def _sha256(connection: Mapping[str, Any]) -> bytes:
    """The hash under which dbt keeps a connection."""
    text = pprint.pformat(sorted(connection.items()))
    return hashlib.sha256(text.encode()).hexdigest().encode()


@pytest.fixture(scope="session")
def parsed_project(tmp_path_factory: pytest.TempPathFactory) -> ParsedProject:
    """The project, parsed when it is first asked for."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    return ParsedProject(folder)
