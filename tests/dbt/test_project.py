"""The dbt project agrees with the catalogue, and describes everything it makes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from loaders.catalog import load_catalog, modelled_tables_of
from loaders.destinations.tables import OURS
from loaders.settings import PROJECT_DIR, load_settings
from loaders.warehouse import open_warehouse
from loaders.warehouse.postgres.naming import LIBPQ_VARIABLES
from orchestration import dbt

MAX_LINES = 150
LAYERS = ("staging", "clean", "features", "ops", "published")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What dbt knows of the project."""
    data_dir = tmp_path_factory.mktemp("manifest")
    settings = load_settings({"ELT_DATA_DIR": str(data_dir)})
    done = dbt.invoke(settings, open_warehouse(settings), ["parse"], data_dir / "logs")
    assert done.returncode == 0, done.stdout
    assert "WARN" not in done.stdout.upper(), done.stdout
    return json.loads((data_dir / "dbt" / "duckdb" / "manifest.json").read_text())


def models(manifest: Any) -> list[Any]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def test_every_modelled_table_is_a_source_of_dbt_and_every_source_such_a_table(
    manifest: Any,
) -> None:
    declared = {(node["source_name"], node["name"]) for node in manifest["sources"].values()}
    ledger = {("ledger", table) for table in OURS}
    assert declared == set(modelled_tables_of(load_catalog(load_settings({})))) | ledger
    assert {node["schema"] for node in manifest["sources"].values()} == {"raw"}


def test_every_source_has_freshness(manifest: Any) -> None:
    landed = [node for node in manifest["sources"].values() if node["source_name"] != "ledger"]
    assert landed
    assert all(node["freshness"]["warn_after"]["count"] for node in landed)


def test_every_model_and_column_is_described_the_grain_first(manifest: Any) -> None:
    for model in models(manifest):
        assert model["description"].startswith(("One row per", "One row ")), model["name"]
        assert model["columns"], model["name"]
        for name, column in model["columns"].items():
            assert column["description"], f"{model['name']}.{name}"


def test_clean_models_and_features_have_a_tested_key(manifest: Any) -> None:
    tested = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") in {"unique", "is_key"}
    }
    for model in models(manifest):
        if model["name"].startswith("clean_") or model["fqn"][1] == "features":
            assert model["unique_id"] in tested, model["name"]


def test_features_are_under_contract(manifest: Any) -> None:
    features = [model for model in models(manifest) if model["fqn"][1] == "features"]
    assert {model["name"] for model in features} == {
        "user_features",
        "compound_usage",
        "experiment_counts",
        "daily_events",
    }
    assert all(model["config"]["contract"]["enforced"] for model in features)


def test_models_are_named_by_their_layer_and_short(manifest: Any) -> None:
    for model in models(manifest):
        layer, path = model["fqn"][1], Path(model["original_file_path"])
        assert layer in LAYERS
        if layer == "staging":
            assert path.stem.startswith(f"stg_{model['fqn'][2]}__")
        assert model["raw_code"].count("\n") <= MAX_LINES, path


def test_exposures_name_who_uses_the_tables(manifest: Any) -> None:
    assert manifest["exposures"]


def test_every_dispatched_macro_has_its_reason_in_the_decision() -> None:
    macros = (PROJECT_DIR / "dbt_project" / "macros").glob("*.sql")
    dispatched = {path.stem for path in macros if "adapter.dispatch(" in path.read_text()}
    decision = (PROJECT_DIR / "docs" / "adr" / "0003-two-warehouses-one-sql.md").read_text()
    table = decision.partition("| macro |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == dispatched


def test_the_readme_names_the_libpq_options_that_reach_dbt() -> None:
    readme = (PROJECT_DIR / "README.md").read_text()
    named = re.search(r"dbt gets (.*?), and no other", readme, re.DOTALL)
    assert named
    assert set(re.findall(r"`(\w+)`", named[1])) == set(LIBPQ_VARIABLES)
