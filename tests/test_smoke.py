"""`make smoke` itself: what it runs, and that a failure is one."""

import pytest

from tests.smoke import __main__ as smoke
from tests.smoke.services import NOT_THERE, azurite


@pytest.mark.contract("S2-26")
def test_every_pipeline_runs_on_stand_ins(capsys: pytest.CaptureFixture[str]) -> None:
    assert smoke.main(["duckdb"]) == 0
    told = capsys.readouterr().out.splitlines()
    lines = [line.split() for line in told]
    ran = {tuple(cells[:4]) for cells in lines[2:] if cells[-1:] == ["ok"]}
    stores = ["file", "s3", *(["az"] if azurite() else [])]
    carried = ("external_source_to_raw", "external_raw_to_dwh")
    expected = {(name, store, "duckdb", "100") for name in carried for store in stores}
    assert ran == expected | {("internal_raw_to_dwh", "-", "duckdb", "25")}
    assert told[-1].startswith(f"{len(ran)} of 7 ran, in ")


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
    assert "1 of 2 ran, in " in told
