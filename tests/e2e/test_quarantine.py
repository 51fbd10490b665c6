"""From a file with bad rows to models that have them: the whole circle, as a user walks it."""

import csv
import json
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR
from tests.conftest import SECOND_AT_LENGTH, Elt
from tests.e2e.conftest import rows_of
from tests.e2e.labs import random_lab

MESSY_LAB = PROJECT_DIR / "seeds" / "lab_messy"
MENDED = {
    "285": {"operator": "", "user_id": "1", "experiment_id": "285"},
    "312": {"_surplus_1": ""},
}
SEEN = (
    "select experiment_id from staging.stg_lab__user_experiments "
    "where experiment_id in ('285', '312') order by 1"
)


def mend(path: Path) -> None:
    """Mend the experiments of a sheet, and save it as a German spreadsheet does."""
    rows = rows_of(path.read_text(encoding="utf-8-sig"))
    with path.open("w", encoding="utf-16", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows({**row, **MENDED[row["_row"]]} for row in rows)


def seen(elt: Elt) -> list[str]:
    """Which of the mended experiments the models see."""
    return elt("query", SEEN, "--format", "csv").stdout.splitlines()[1:]


@pytest.mark.parametrize("target", SECOND_AT_LENGTH)
def test_rows_that_could_not_land_are_mended_and_the_models_see_them_for_good(
    elt: Elt, tmp_path: Path
) -> None:
    first = elt("land", "lab", CSV_DATA_PATH=str(MESSY_LAB))
    assert "2 could not land" in first.stdout
    assert "quarantine list" in first.stdout

    sheet = tmp_path / "to_mend.csv"
    exported = elt("quarantine", "export", "--table", "user_experiments", "-o", str(sheet))
    assert exported.returncode == 0, exported.stderr
    mend(sheet)
    replayed = elt("quarantine", "replay", str(sheet))
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert json.loads(elt("quarantine", "list", "--json").stdout) == []
    again = elt("quarantine", "replay", str(sheet))
    assert (again.returncode, "Nothing was new" in again.stdout) == (0, True)

    same = elt("land", "lab", CSV_DATA_PATH=str(MESSY_LAB))
    assert same.returncode == 0
    assert "Nothing was new" in same.stdout
    assert "Mended and replayed since: 2 of the rows set aside" in same.stdout

    other = random_lab(5).write(tmp_path / "other")
    assert elt("land", "lab", CSV_DATA_PATH=str(other)).returncode == 0
    assert elt("run", "lab", CSV_DATA_PATH=str(MESSY_LAB)).returncode == 3
    assert seen(elt) == ["285", "312"]
    features = elt("show", "user_features", "--format", "csv").stdout
    experiments = sum(int(row["total_experiments"]) for row in rows_of(features))
    assert experiments == 414 + 2
