"""A run that finds nothing new builds nothing, says so, and still tells all that a run tells."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR
from tests.conftest import SECOND_AT_LENGTH, Elt

MESSY_LAB = str(PROJECT_DIR / "seeds" / "lab_messy")
NOT_NEEDED = ("dlt", "dbt", "pandas", "pyarrow", "numpy", "requests", "chardet")
# A finder that stands before all others, and refuses what such a run has no use for
WITHOUT = """
import sys
class Refusal:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {needless!r}:
            raise ImportError(f"{{name}} is not needed")
sys.meta_path.insert(0, Refusal)
from orchestration.cli import main
main({arguments!r})
"""


def elt_without(
    needless: tuple[str, ...], *arguments: str, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """`elt` in a process that cannot import some packages."""
    program = WITHOUT.format(needless=needless, arguments=list(arguments))
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


@pytest.mark.usefixtures("models_alone")
@pytest.mark.parametrize("target", SECOND_AT_LENGTH)
def test_without_anything_new_neither_dlt_nor_dbt_is_imported(
    elt: Elt, environment: dict[str, str], tmp_path: Path
) -> None:
    environment["CSV_DATA_PATH"] = MESSY_LAB
    first = elt("run", "--json", **environment)
    assert first.returncode == 3, first.stderr
    built = json.loads(first.stdout)
    assert built["transform"]["up_to_date_since"] is None
    assert built["transform"]["models_passed"] == built["transform"]["models"] > 0

    of_files = elt_without(NOT_NEEDED, "run", "lab", "--json", environment=environment)
    assert of_files.returncode == 3, of_files.stderr
    record = json.loads(of_files.stdout)
    assert record["transform"]["up_to_date_since"] == built["run_id"]
    assert record["rejections"] == built["rejections"]
    assert [table["new"]["read"] for table in record["sources"][0]["tables"].values()] == [0, 0, 0]

    of_all = elt_without(("dbt", "pandas"), "run", environment=environment)  # dlt asks the API
    assert of_all.returncode == 3, of_all.stderr
    assert "Nothing was new" in of_all.stdout
    assert f"Models      up to date since run {built['run_id']}." in of_all.stdout
    assert "Set aside   7 rows" in of_all.stdout
    assert "user_features, its first 5 rows" in of_all.stdout
    runs = sorted((tmp_path / "data" / "runs").glob("2*"))
    assert [(run / "dbt").exists() for run in runs] == [True, False, False]
    shown = elt("runs", "show", runs[1].name, **environment).stdout
    assert f"Models      up to date since run {built['run_id']}." in shown
