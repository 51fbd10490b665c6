"""Assay from Python: three lines to land and read."""

from contextlib import closing

import duckdb
import pytest

from loaders.errors import SettingsError
from loaders.settings import load_settings
from loaders.warehouse import open_warehouse
from orchestration import land, read


@pytest.fixture(autouse=True)
def _environment(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.contract("S0-16")
def test_land_and_read_a_table_as_a_data_frame() -> None:
    record = land("lab")
    assert record.state == "succeeded"
    frame = read("users")
    assert list(frame.columns[:4]) == ["user_id", "name", "email", "signup_date"]
    assert list(frame["user_id"]) == [str(number) for number in range(1, 37)]


@pytest.mark.contract("S0-16")
def test_reading_what_is_not_there_says_so() -> None:
    with pytest.raises(SettingsError, match="`elt run` fills it"):
        read("user_features")


@pytest.mark.parametrize("target", ["duckdb"])
@pytest.mark.usefixtures("target")
def test_whole_numbers_stay_whole_also_where_some_are_missing() -> None:
    with open_warehouse(load_settings()).writing():
        pass
    with closing(duckdb.connect(str(load_settings().duckdb_path))) as connection:
        connection.execute("create table numbers as select * from (values (1), (null)) as t (n)")
    assert str(read("numbers")["n"].dtype) == "Int64"
