"""Any lab's features are those of the contract, to the last digit, on every warehouse."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from loaders.settings import load_settings
from loaders.warehouse import open_warehouse
from orchestration.reading import show
from orchestration.run import run
from tests.conftest import SECOND_AT_LENGTH
from tests.e2e.labs import Dialect, Lab, random_lab

LABS = {
    "numbers in many dialects": random_lab(
        1,
        dialects={
            "users": Dialect(delimiter=",\t", line_end="\r\n", starts_blank=True),
            "user_experiments": Dialect(
                delimiter="\t", encoding="utf-16", reverses_columns=True, extra_column="operator"
            ),
            "compounds": Dialect(quotes_all=True, ends_open=True, encoding="utf-8-sig"),
        },
    ),
    "text ids": random_lab(
        2,
        prefix="X-",
        dialects={
            "users": Dialect(delimiter=";", upper_header=True),
            "user_experiments": Dialect(delimiter="|", line_end="\r\n", quotes_all=True),
            "compounds": Dialect(delimiter="\t", extra_column="vendor"),
        },
    ),
}


def published(environment: dict[str, str], folder: Path) -> tuple[list[dict[str, Any]], Any]:
    """Run on a folder; the rows of user_features in order, and the run's record."""
    settings = load_settings({**environment, "CSV_DATA_PATH": str(folder)})
    record = run(settings, ["lab"])
    result = show(open_warehouse(settings), "user_features")
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows], record


@pytest.mark.contract("S4-02", "S4-03", "S4-04", "S4-05", "S4-06", "S1-21")
@pytest.mark.parametrize("lab", LABS.values(), ids=LABS)
@pytest.mark.parametrize("target", SECOND_AT_LENGTH)
def test_features_are_those_of_the_contract(
    lab: Lab, environment: dict[str, str], tmp_path: Path
) -> None:
    rows, record = published(environment, lab.write(tmp_path / "lab"))
    assert rows == lab.features()
    assert record.exit_code == 3
    assert record.rejections.quarantined_rows == 0


@pytest.mark.contract("S4-07")
@pytest.mark.usefixtures("models_alone")
@pytest.mark.parametrize("target", SECOND_AT_LENGTH)
def test_models_see_the_lab_that_landed_last_and_a_lab_that_comes_back(
    environment: dict[str, str], tmp_path: Path
) -> None:
    labs = {"first": random_lab(3), "second": random_lab(4, prefix="b")}
    for name, lab in labs.items():
        lab.write(tmp_path / name)

    def land(name: str) -> None:
        settings = load_settings({**environment, "CSV_DATA_PATH": str(tmp_path / name)})
        run(settings, ["lab"], transforms=False)

    def features(name: str) -> list[dict[str, Any]]:
        return published(environment, tmp_path / name)[0]

    land("first")
    assert features("second") == labs["second"].features()
    land("first")
    assert features("first") == labs["first"].features()


@pytest.mark.parametrize("target", SECOND_AT_LENGTH)
def test_a_lab_without_experiments_has_features_of_none(
    environment: dict[str, str], tmp_path: Path
) -> None:
    lab = Lab(
        users=[{"user_id": "01", "name": "Zero", "signup_date": "2024-01-31"}],
        user_experiments=[],
        compounds=[{"compound_id": "1", "compound_name": "Water", "compound_structure": "O"}],
    )
    rows, record = published(environment, lab.write(tmp_path / "lab"))
    assert record.exit_code == 0
    assert rows == lab.features()
    assert rows[0]["signup_on"] == date(2024, 1, 31)
    assert (rows[0]["user_id"], rows[0]["total_experiments"]) == ("01", 0)
    assert rows[0]["average_experiments"] == 0.0
