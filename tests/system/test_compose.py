"""What compose.yaml wires, for real: the app's image and environment, PostgreSQL 15 and Azurite.

Only the two addresses are others: there is no network of compose's own here.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from loaders.settings import PROJECT_DIR, load_settings
from loaders.storage import filesystem_of
from loaders.warehouse import embedded_postgres
from tests.deploy.compose import services
from tests.system import image
from tests.system.conftest import _packaged
from tests.system.containers import run_container
from tests.system.image import Stage
from tests.system.test_azure import azurite
from tests.system.test_image import (
    GRACE_SECONDS,
    check_needs_keys,
    check_powerless,
    opened,
    port,
    wait_until_healthy,
)

__all__ = ["azurite", "port"]  # fixtures
OWN = {
    "API_KEYS": "key-of-a-test-0123456789,another-key-of-a-test",
    "DB_NAME": "lab",
    "DB_USER": "me",
    "DB_PASSWORD": "p@ss/w:rd '15\\",
}
ACCESS = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The image, on this machine's programs and with the packages of this checkout."""
    assert os.geteuid() == 0, "as in an engine, the steps of a Dockerfile are done by root"
    folder = opened(tmp_path_factory.mktemp("image"))
    path = f"{sys.base_prefix}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    own = {"PYTHONPATH": image.BORROWED, "PIP_NO_INDEX": "1", "PATH": path}
    stage = image.build(folder, image.this_machine, {}, **own)
    # from here on after the packages of the image's own, which has another way to the project
    del stage.env["PYTHONPATH"], stage.env["PIP_NO_INDEX"]
    (packages,) = stage.inside("/opt/venv/lib").glob("python*/site-packages")
    (packages / "borrowed.pth").write_text(f"{image.BORROWED}\n")
    return stage


@pytest.fixture(scope="module")
def superuser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A new server on which deploy/postgres/init.sh has run: how its superuser gets in."""
    cluster = tmp_path_factory.mktemp("compose") / "cluster"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_postgres, "binary", _packaged)
        embedded_postgres.ensure_running(cluster, ("fsync=off",))
        embedded_postgres.stop(cluster)
        (cluster / "pg_hba.conf").write_text(ACCESS)
        server = embedded_postgres.ensure_running(cluster, ("fsync=off",))
        inside = services(OWN)["postgres"]["environment"]
        variables = {
            "PGHOST": server["host"],
            "PGPORT": server["port"],
            "PGUSER": "postgres",
            "PATH": f"{_packaged('psql').parent}:{os.environ['PATH']}",
        }
        script = PROJECT_DIR / "deploy" / "postgres" / "init.sh"
        subprocess.run([script], env={**inside, **variables}, check=True, capture_output=True)
        yield {"host": server["host"], "port": server["port"], "user": "postgres"}
        embedded_postgres.stop(cluster)


@pytest.fixture
def variables(superuser: dict[str, str], azurite: str, port: str) -> dict[str, str]:
    """The app's environment, as compose makes it; with the addresses of here."""
    wired: dict[str, str] = services(OWN)["app"]["environment"]
    there = {"DB_HOST": superuser["host"], "DB_PORT": superuser["port"]}
    quick = {"DBT_EXCLUDE_RESOURCE_TYPES": "unit_test test"}  # others run them
    return {**wired, **there, **quick, "AZURE_STORAGE_ENDPOINT_URL": azurite, "APP_PORT": port}


def script(name: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A script of scripts/, as somebody outside the containers runs it."""
    return subprocess.run(
        [PROJECT_DIR / "scripts" / name, *arguments],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.contract("S1-17", "S3-31", "S4-09", "S4-10")
def test_the_app_lands_builds_and_answers_as_compose_wires_it(
    built: Stage, variables: dict[str, str], superuser: dict[str, str], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    check_needs_keys(built, data)
    url = f"http://127.0.0.1:{variables['APP_PORT']}"
    with run_container(built, variables, data) as container:
        wait_until_healthy(container)
        check_powerless(container)
        refused = script("trigger_etl.sh", url, API_KEYS="another-key-altogether")
        assert refused.returncode == 1
        assert "wants a key" in refused.stderr
        answer = script("trigger_etl.sh", url, API_KEYS=OWN["API_KEYS"])
        assert answer.returncode == 0, answer.stdout + answer.stderr
        message = "ETL process completed successfully."
        assert json.loads(answer.stdout)["message"] == message
        shown = script("query_database.sh", "user_features", "--format", "csv", **variables)
        assert shown.stdout.startswith("user_id,user_name,"), shown.stderr
        assert len(shown.stdout.splitlines()) == 1 + 36
        begun = time.monotonic()
        os.kill(container.pid, signal.SIGTERM)
        told, _ = container.process.communicate(timeout=GRACE_SECONDS)
        assert container.process.returncode == 0, told
        assert time.monotonic() - begun < GRACE_SECONDS
    assert {path.stat().st_uid for path in data.rglob("*")} == {10001}
    azure = filesystem_of("az://", load_settings(variables, tmp_path))
    assert any(name.endswith("files/users.csv") for name in azure.find("assay/lake"))
    check_least_privilege(superuser)


def check_least_privilege(superuser: dict[str, str]) -> None:
    """The app's role is the owner of its database, and nobody on the server."""
    with psycopg.connect(**superuser, dbname="lab") as admin:  # type: ignore[arg-type]
        ((owner,),) = admin.execute(
            "select pg_get_userbyid(datdba) from pg_database where datname = 'lab'"
        ).fetchall()
        assert owner == "me"
        rights = "rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin"
        ((*powers, can_login),) = admin.execute(
            f"select {rights} from pg_roles where rolname = 'me'"
        ).fetchall()
        assert (any(powers), can_login) == (False, True)
        (stored,) = admin.execute(
            "select count(*) from pg_authid where rolname = 'postgres' and rolpassword is not null"
        ).fetchone() or (None,)
        assert stored == 0
        ((may_read, may_write),) = admin.execute(
            "select has_table_privilege('assay_reader', 'analytics.user_features', 'select'), "
            "has_table_privilege('assay_reader', 'raw.users', 'insert')"
        ).fetchall()
        assert (may_read, may_write) == (True, False)
