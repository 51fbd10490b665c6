"""compose.yaml: what it starts, that all it names exists, and that it opens nothing to others."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from loaders.settings import PROJECT_DIR, load_settings
from loaders.settings.variables import VARIABLES
from orchestration.http.security import check_exposure
from tests.deploy.compose import FILE, VARIABLE, services

WHOLE = yaml.safe_load(FILE.read_text())


@pytest.mark.contract("S1-17", "S3-31")
def test_it_is_what_compose_understands() -> None:
    check = Path(sys.executable).parent / "check-jsonschema"
    schema = ("--builtin-schema", "vendor.compose-spec")
    done = subprocess.run([check, *schema, FILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.contract("S1-17")
def test_it_starts_the_database_the_raw_store_and_the_app_when_both_are_healthy() -> None:
    always = {name: each for name, each in services().items() if not each.get("profiles")}
    assert set(always) == {"postgres", "azurite", "app"}
    waits = always["app"]["depends_on"]
    assert waits == {name: {"condition": "service_healthy"} for name in ("postgres", "azurite")}
    assert all("healthcheck" in always[name] for name in waits)
    assert always["app"]["build"] == {"context": ".", "dockerfile": "deploy/Dockerfile"}


@pytest.mark.contract("S3-31")
@pytest.mark.parametrize("name", list(services()))
def test_a_service_comes_back_keeps_its_data_and_has_its_limits(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    kept = [volume.split(":")[0] for volume in service["volumes"]]
    assert set(kept) & set(WHOLE["volumes"])
    assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", list(services()))
def test_images_have_a_version_and_files_are_there(name: str) -> None:
    service = services()[name]
    if "build" in service:
        assert (PROJECT_DIR / service["build"]["dockerfile"]).is_file()
    else:
        assert re.search(r":v?\d+\.\d+", service["image"])
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        assert source in WHOLE["volumes"] or (PROJECT_DIR / source).exists()
        assert source in WHOLE["volumes"] or volume.endswith(":ro")


@pytest.mark.parametrize("name", list(services()))
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    for port in services()[name].get("ports", []):
        assert port.startswith("127.0.0.1:")
    assert services()[name].get("network_mode") is None


@pytest.mark.contract("S1-18")
def test_every_variable_is_one_that_assay_knows() -> None:
    known = {variable.name for variable in VARIABLES}
    assert set(services()["app"]["environment"]) <= known
    asked = {found["name"] for found in VARIABLE.finditer(FILE.read_text()) if found["name"]}
    assert asked <= known


def test_prometheus_asks_the_app_by_a_name_that_compose_knows_with_its_key(tmp_path: Path) -> None:
    own = services({"API_KEYS": "first-key,second-key"})
    config = yaml.safe_load((PROJECT_DIR / "deploy/prometheus/prometheus.yml").read_text())
    (scraped,) = config["scrape_configs"]
    ((target,),) = [each["targets"] for each in scraped["static_configs"]]
    (alias,) = own["app"]["networks"]["inside"]["aliases"]
    assert target == f"{alias}:8000"
    assert "inside" in own["prometheus"]["networks"]
    (begin,) = own["prometheus"]["command"]
    file = scraped["authorization"]["credentials_file"]
    begin = begin.replace(file, str(tmp_path / "key")).replace("/bin/prometheus", "true")
    subprocess.run(["sh", "-ec", begin], env=own["prometheus"]["environment"], check=True)
    assert (tmp_path / "key").read_text() == "first-key"


def settings_of(variables: dict[str, str], folder: Path) -> Any:
    own = services(variables)["app"]["environment"]
    return load_settings({**own, "ELT_DATA_DIR": str(folder)}, folder)


@pytest.mark.contract("S1-17", "S1-18")
def test_the_app_finds_the_database_and_the_raw_store_without_a_file_of_settings(
    tmp_path: Path,
) -> None:
    settings = settings_of({}, tmp_path)
    assert settings.target == "postgres"
    assert settings.database["host"] == "postgres"
    assert settings.raw_store_url == "az://assay/lake"
    check_exposure("0.0.0.0", settings.api_keys)


@pytest.mark.contract("S1-18")
def test_what_the_file_of_settings_says_goes_before(tmp_path: Path) -> None:
    own = {
        "API_KEYS": "a-key-of-my-own-0123",
        "DB_NAME": "lab",
        "DB_USER": "me",
        "DB_PASSWORD": "p@ss word's",
        "RAW_STORE_URL": "s3://bucket/lake",
        "SERVER_PORT": "9000",
    }
    settings = settings_of(own, tmp_path)
    assert settings.api_keys == ("a-key-of-my-own-0123",)
    assert settings.database["password"] == "p@ss word's"
    assert (settings.database["dbname"], settings.database["user"]) == ("lab", "me")
    assert settings.raw_store_url == "s3://bucket/lake"
    assert services(own)["app"]["ports"] == ["127.0.0.1:9000:8000"]
    assert settings.app_port == 8000  # inside, whatever it is outside


@pytest.mark.contract("S3-31")
def test_the_app_may_write_to_its_volumes_and_nowhere_else() -> None:
    app = services()["app"]
    assert app["read_only"] is True
    assert app["cap_drop"] == ["ALL"]
    assert "cap_add" not in app
    writable = [volume for volume in app["volumes"] if not volume.endswith(":ro")]
    assert writable == ["data:/data", "scratch:/tmp"]
    assert int(app["stop_grace_period"].removesuffix("s")) >= 60
