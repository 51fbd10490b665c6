"""`make smoke` itself: what it runs, and that a failure is one."""

import pytest

from tests.smoke import __main__ as smoke
from tests.smoke.services import NOT_THERE


@pytest.fixture(autouse=True)
def _without_azurite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.smoke.services.shutil.which", lambda *_, **__: None)


@pytest.mark.contract("S2-26")
def test_every_pipeline_runs_on_stand_ins(capsys: pytest.CaptureFixture[str]) -> None:
    assert smoke.main(["duckdb"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    ran = {tuple(cells[:4]) for cells in lines[2:] if cells[-1:] == ["ok"]}
    assert ran == {
        ("external_source_to_raw", "file", "duckdb", "100"),
        ("external_raw_to_dwh", "file", "duckdb", "100"),
        ("internal_raw_to_dwh", "-", "duckdb", "25"),
        ("external_source_to_raw", "s3", "duckdb", "100"),
        ("external_raw_to_dwh", "s3", "duckdb", "100"),
    }


@pytest.mark.contract("S2-26")
def test_what_cannot_be_had_is_said_and_what_fails_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "raw_stores", lambda *_: {"az": None, "file": {}})
    monkeypatch.setattr(smoke, "TEMPLATES", smoke.TEMPLATES[1:2])  # with nothing to read
    assert smoke.main(["duckdb"]) == 1
    told = capsys.readouterr().out
    assert f"external_raw_to_dwh on az, duckdb: {NOT_THERE}" in told
    assert "external_raw_to_dwh on file, duckdb: the raw store" in told
