"""The events of a run, look by look: nothing twice, nothing lost, and nobody waited for."""

import json
from pathlib import Path

import anyio
import pytest

from loaders.settings import Settings, load_settings
from orchestration import registry
from orchestration.http import run_events
from orchestration.http.run_events import Feed, events_of, log_tail, position_after
from orchestration.registry import RunRecord, open_registry
from tests.orchestration.registry.test_folders import a_record

RUN_ID = "20260101T000000Z-aaaaaa"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ELT_DATA_DIR": str(tmp_path / "data")}, tmp_path)


@pytest.fixture
def run(settings: Settings) -> RunRecord:
    """A run under way."""
    record = a_record(run_id=RUN_ID, state="running", host=registry.HOST)
    registry.save(settings.runs_dir, record)
    return record


def write(settings: Settings, text: str) -> None:
    with (settings.runs_dir / RUN_ID / registry.LOG).open("a") as log:
        log.write(text)


def names(events: list[bytes]) -> list[str]:
    return [event.split(b"\n")[0].removeprefix(b"event: ").decode() for event in events]


def test_each_look_tells_what_is_new(settings: Settings, run: RunRecord) -> None:
    feed = Feed(settings, RUN_ID)
    assert names(feed.look()) == ["state"]
    write(settings, '{"part": "stage", "message": "Landing"}\n{"part": "run", "mess')
    assert names(feed.look()) == ["stage"]
    write(settings, 'age": "half"}\n')
    (settings.runs_dir / RUN_ID / "progress.json").write_text(
        '{"stage":"Landing","bytes":1,"total":2,"rows":3,"bytes_per_second":4}'
    )
    assert names(feed.look()) == ["log", "progress"]
    assert feed.look() == []
    write(settings, '{"part": "run", "message": "last"}')
    run.state = "succeeded"
    registry.save(settings.runs_dir, run)
    assert names(feed.look()) == ["log", "state"]
    assert feed.is_over


def test_a_log_longer_than_a_look_is_told_to_its_end(
    settings: Settings, run: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_events, "LINES_AT_ONCE", 100)
    lines = [json.dumps({"message": f"{n:03}"}) for n in range(20)]
    write(settings, "\n".join([*lines[:10], "x" * 300, *lines[10:]]) + "\n")
    run.state = "failed"
    registry.save(settings.runs_dir, run)
    feed = Feed(settings, RUN_ID)
    told: list[str] = []
    while not feed.is_over:
        told += names(feed.look())
    assert told == ["state", *["log"] * 20, "state"]
    assert [line["message"] for line in log_tail(settings.runs_dir / RUN_ID, 2)] == ["018", "019"]


def test_of_a_run_elsewhere_there_is_its_state(settings: Settings) -> None:
    record = a_record(run_id=RUN_ID, state="running", host="elsewhere", started_at=registry.now())
    settings.data_dir.mkdir()
    with open_registry(settings) as records:
        records.save(record)
        feed = Feed(settings, RUN_ID)
        assert names(feed.look()) == ["state"]
        assert feed.is_far
        record.state = "succeeded"
        records.save(record)
    assert names(feed.look()) == ["state"]
    assert feed.is_over


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(("looks", "ends"), [(2, False), (9, True)])
def test_a_stream_ends_with_its_listener_and_with_the_service(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, looks: int, ends: bool
) -> None:
    monkeypatch.setattr(run_events, "BETWEEN_LOOKS", 0.0)
    monkeypatch.setattr(run_events, "BETWEEN_BEATS", -1.0)
    asked = 0

    async def is_gone() -> bool:
        nonlocal asked
        asked += 1
        return asked > looks

    async def follow() -> list[bytes]:
        stream = events_of(Feed(settings, RUN_ID), is_gone, lambda: ends)
        return [part async for part in stream]

    parts = anyio.run(follow)
    assert names(parts[:1]) == ["state"]
    assert len(parts) == (1 if ends else 2)
    assert parts[1:] == ([] if ends else [b": still there\n\n"])


def test_a_folder_that_is_removed_meanwhile_ends_the_stream(settings: Settings) -> None:
    feed = Feed(settings, RUN_ID)
    assert run_events._look(feed) == []
    assert feed.is_over


def test_the_place_of_the_last_event() -> None:
    assert position_after("120") == 120
    assert position_after("end") is None
    assert [position_after(text) for text in (None, "", "x", "-1", "²", "9" * 20)] == [0] * 6
