"""The ids that a run is given: taken once, checked, and left to nobody."""

from pathlib import Path

import pytest

from loaders.errors import SettingsError
from loaders.settings import load_settings
from loaders.settings.starter import Starter, is_request_id, take_starter, without_starter

RUN_ID = "20261120T171500Z-4f9a1c"


def test_they_are_taken_out_of_the_environment_for_one_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = Starter(RUN_ID, "request-1")
    for name, value in given.environment().items():
        monkeypatch.setenv(name, value)
    assert without_starter().keys().isdisjoint(given.environment())
    assert take_starter() == given
    assert take_starter() == Starter()
    assert Starter().environment() == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ELT_RUN_ID", "../../etc"),
        ("ELT_RUN_ID", f"{RUN_ID}\n"),
        ("ELT_REQUEST_ID", "two words"),
        ("ELT_REQUEST_ID", "a" * 201),
    ],
)
def test_what_is_no_id_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        take_starter({name: value})
    assert name == "ELT_RUN_ID" or not is_request_id(value)


def test_they_are_not_for_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"ELT_REQUEST_ID=\nELT_RUN_ID={RUN_ID}\n")
    with pytest.raises(SettingsError, match="line 2: ELT_RUN_ID is for one run"):
        load_settings({}, tmp_path)
