"""Disaster recovery, as a user meets it: the raw store is all that is left."""

import json
import shutil
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR
from tests.conftest import Elt

PUBLISHED = ("user_features", "compound_usage", "rejected_records", "processed_data", "raw_data")
STORE = ("files", "raw", "batches", "replays", "landings", "processed")


@pytest.mark.contract("S3-43", "S3-12")
@pytest.mark.parametrize("target", ["duckdb"])
@pytest.mark.usefixtures("models_alone")
@pytest.mark.long
def test_the_raw_store_alone_gives_equal_tables(elt: Elt, tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    shutil.copytree(PROJECT_DIR / "seeds" / "lab_messy", lab)
    assert elt("run", CSV_DATA_PATH=str(lab)).returncode == 3
    before = [elt("show", table, "--format", "csv").stdout for table in PUBLISHED]
    (processed,) = (tmp_path / "data" / "processed").iterdir()
    assert json.loads(processed.read_text())["total_records"] == 100

    refused = elt("rebuild")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "`elt reset` empties it" in refused.stderr
    assert elt("reset", "--yes").returncode == 0
    for path in (tmp_path / "data").iterdir():
        if path.name not in (*STORE, "dbt") and path.is_dir():
            shutil.rmtree(path)
    shutil.rmtree(lab)

    done = elt("rebuild", "--json")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)["rebuild"]
    assert (told["landings"], told["batches"]) == (4, 7)
    assert min(told["bytes"], told["seconds"], told["bytes_per_second"]) > 0
    assert elt("transform").returncode == 3
    assert [elt("show", table, "--format", "csv").stdout for table in PUBLISHED] == before
