"""dbt as a subprocess: one small typed function, which returns what failed and why.

A process of its own because dbt is unsafe to run twice in one, and slow to import.
"""

import hashlib
import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from loaders.catalog import conflicts_of, load_catalog
from loaders.settings import PROJECT_DIR, Settings
from loaders.settings.variables import without_postfix
from loaders.warehouse import Postgres, Warehouse

if TYPE_CHECKING:
    import subprocess

DBT_PROJECT_DIR = PROJECT_DIR / "dbt_project"
PASSED = {"success", "pass", "warn", "no-op"}
TESTS = {"test", "unit_test"}
BUILT = {"model", "seed", "snapshot"}
IDENTIFIER = re.compile(r'[^".]+')  # of "database"."schema"."name"
PLACE = ("host", "hostaddr", "port", "dbname")
# What the command `dbt` does, in nine tenths of its time: dbt makes so many objects that Python
# looks for cycles all the time, and finds few
PROGRAM = """
import gc
gc.set_threshold(100_000, 50, 50)
from dbt.cli.main import cli
cli(prog_name="dbt")
"""
SUFFIX = "ELT_BUILD_SUFFIX"  # of the schemas in which dbt builds: see generate_schema_name.sql
SECRETS_DBT_NEEDS_NOT = ("DATABASE_URL", "API_KEY")
# every statement in its log makes a third of a megabyte a build, which a schedule keeps for good
BRIEF = {"DBT_LOG_LEVEL_FILE": "info"}


class Failure(msgspec.Struct, frozen=True):
    """A node that failed: `kind` is dbt's (model, test, …), `message` the database's or dbt's."""

    kind: str
    name: str
    message: str


class BuildOutcome(msgspec.Struct, frozen=True):
    """A build: how many models and tests passed, of how many, and what failed.

    `relations` are what it made, each as `schema.name`. `up_to_date_since` is the run whose build
    still stands, where none was due: nothing was built or tested then. `withdrawn` is the run whose
    newer build was rolled back, and is not built again from the same data.
    """

    models_passed: int = 0
    models: int = 0
    tests_passed: int = 0
    tests: int = 0
    failures: tuple[Failure, ...] = ()
    relations: tuple[str, ...] = ()
    up_to_date_since: str | None = None
    withdrawn: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether every model was built and every test passed."""
        return not self.failures


class _RunResult(msgspec.Struct):
    unique_id: str
    status: str
    message: str | None = None
    relation_name: str | None = None


class _RunResults(msgspec.Struct):
    results: list[_RunResult]


def artefacts_dir(settings: Settings, warehouse: Warehouse) -> Path:
    """Where dbt keeps what it parsed and did: a folder for each warehouse of the data folder."""
    name: str = warehouse.target
    if isinstance(warehouse, Postgres) and not warehouse.is_embedded:
        place = "\0".join(warehouse.database.get(part, "") for part in PLACE)
        name += f"-{hashlib.sha256(place.encode()).hexdigest()[:8]}"
    return settings.data_dir / "dbt" / name


def environment(settings: Settings, warehouse: Warehouse) -> dict[str, str]:
    """The variables with which dbt works from any folder on the settings' warehouse.

    `ELT_CONFLICTS` is what sources.yml says of keys, for the macro `conflict_of`.

    Raises:
        SettingsError: sources.yml cannot be read.
    """
    conflicts = conflicts_of(load_catalog(settings))
    return {
        "DBT_PROJECT_DIR": str(DBT_PROJECT_DIR),
        "DBT_PROFILES_DIR": str(PROJECT_DIR),
        "DBT_TARGET_PATH": str(artefacts_dir(settings, warehouse)),
        "DBT_LOG_PATH": str(settings.data_dir / "dbt" / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "ELT_CONFLICTS": msgspec.json.encode(conflicts, order="deterministic").decode(),
        **warehouse.environment(),
    }


def build(
    settings: Settings, warehouse: Warehouse, log_dir: Path, suffix: str = ""
) -> BuildOutcome:
    """Build and test every model, in the schemas with the suffix; `relations` are without it."""
    results_path = target_dir(settings, warehouse, suffix) / "run_results.json"
    results_path.unlink(missing_ok=True)
    output = invoke(settings, warehouse, ["build"], log_dir, suffix)
    if not results_path.exists():
        return BuildOutcome(failures=(Failure("dbt", "project", last_words(output)),))
    results = msgspec.json.decode(results_path.read_bytes(), type=_RunResults).results
    return _outcome(results, suffix)


def target_dir(settings: Settings, warehouse: Warehouse, suffix: str) -> Path:
    """Where dbt keeps what it parsed: apart for each suffix, which changes the name of each node.

    So neither a build in another place nor dbt by hand makes the next build parse all again.
    """
    place = artefacts_dir(settings, warehouse)
    return place / suffix.strip("_") if suffix else place


def invoke(
    settings: Settings,
    warehouse: Warehouse,
    arguments: list[str],
    log_dir: Path,
    suffix: str = "",
) -> "subprocess.CompletedProcess[str]":
    """Run a dbt command to its end; what it did is kept in `log_dir`."""
    import subprocess  # late, as all that only a build needs

    variables = BRIEF | os.environ | environment(settings, warehouse)
    variables["DBT_LOG_PATH"] = str(log_dir)
    variables["DBT_TARGET_PATH"] = str(target_dir(settings, warehouse, suffix))
    variables[SUFFIX] = suffix
    for name in [name for name in variables if without_postfix(name)[0] in SECRETS_DBT_NEEDS_NOT]:
        del variables[name]
    command = [sys.executable, "-P", "-c", PROGRAM, "--no-use-colors", *arguments]
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            output, _ = process.communicate()
        except BaseException:  # an interrupt of ours must not leave dbt writing
            _end(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output)


def _end(process: "subprocess.Popen[str]", patience: float = 10) -> None:
    process.terminate()
    deadline = time.monotonic() + patience
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()


def _outcome(results: list[_RunResult], suffix: str) -> BuildOutcome:
    counts: dict[str, Any] = {"models": 0, "models_passed": 0, "tests": 0, "tests_passed": 0}
    failures: list[Failure] = []
    relations: list[str] = []
    for result in results:
        kind, _, node = result.unique_id.split(".", 2)
        group = "tests" if kind in TESTS else "models"
        is_passed = result.status in PASSED
        if kind in TESTS | BUILT:
            counts[group] += 1
            counts[f"{group}_passed"] += is_passed
        if kind in BUILT and result.relation_name:
            schema, name = IDENTIFIER.findall(result.relation_name)[-2:]
            relations.append(f"{schema.removesuffix(suffix)}.{name}")
        if not is_passed and result.status != "skipped":
            failures.append(Failure(kind, _short(node), (result.message or "").strip()))
    return BuildOutcome(**counts, failures=tuple(failures), relations=tuple(relations))


def _short(name: str) -> str:
    """Test names end in a hash that says nothing to people."""
    head, _, tail = name.rpartition(".")
    return head if head and len(tail) == 10 else name


def last_words(output: "subprocess.CompletedProcess[str]") -> str:
    """What dbt said last: the error it met, without the lines about itself."""
    said = output.stdout.rpartition("Encountered an error:")[2]
    lines = [line.rstrip() for line in said.splitlines() if line.strip()]
    return "\n".join(lines[-12:]) or f"dbt ended with {output.returncode} and said nothing"
