"""The records of all runs: listed from the store, whole in the folders, marked when runs die."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from loaders.errors import SettingsError
from loaders.settings import Settings, load_settings
from loaders.warehouse import Postgres, open_warehouse
from orchestration import registry
from orchestration.lock import APPLICATION, run_lock
from orchestration.registry import HOST, Registry, RunRecord, open_registry
from tests.orchestration.registry.test_folders import a_record

IDS = ("20260101T000000Z-aaaaaa", "20260201T000000Z-aaaaaa", "20260301T000000Z-aaaaaa")


@pytest.fixture
def records(settings: Settings) -> Iterator[Registry]:
    """The records of the test's own warehouse."""
    with open_registry(of_a_run(settings)) as opened:
        yield opened


def of_a_run(settings: Settings) -> Settings:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return settings


def gone() -> int:
    """The number of a process that is over."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()
    return process.pid


def a_run(settings: Settings, **changes: object) -> RunRecord:
    return a_record(target=settings.target, host=HOST, **changes)


def test_runs_are_listed_newest_first_by_state_and_part_by_part(
    settings: Settings, records: Registry
) -> None:
    for run_id, state in zip(IDS, ("succeeded", "failed", "succeeded"), strict=True):
        record = a_run(settings, run_id=run_id, state=state, seconds={"land": 1.5})
        record.errors = ["no\nroom"] if state == "failed" else []
        records.save(record)
    assert [run.run_id for run in records.newest()] == list(reversed(IDS))
    assert [run.run_id for run in records.newest(1, before=IDS[2])] == [IDS[1]]
    assert [run.run_id for run in records.newest(5, "succeeded")] == [IDS[2], IDS[0]]
    (failed,) = records.newest(state="failed")
    assert failed == records.get(IDS[1]).summary
    assert (failed.error, failed.seconds, failed.started_at) == ("no", 1.5, "2026-11-20T09:30:00Z")
    assert records.newest(0) == []


def test_a_list_reads_no_folder(settings: Settings, records: Registry) -> None:
    records.save(a_run(settings, run_id=IDS[0]))
    (settings.runs_dir / IDS[0] / registry.RECORD).write_text("{")
    assert [run.run_id for run in records.newest()] == [IDS[0]]
    assert records.get(IDS[0]).state == "succeeded"


@pytest.mark.contract("S2-14")
def test_the_record_is_among_the_artefacts_of_its_run_too(
    settings: Settings, records: Registry
) -> None:
    record = a_run(settings, run_id=IDS[0])
    records.save(record)
    assert registry.load(settings.runs_dir, IDS[0]) == record == records.get(IDS[0])


def test_a_run_whose_process_is_gone_is_marked_once_and_for_all(
    settings: Settings, records: Registry
) -> None:
    killed = a_run(settings, run_id=IDS[0], state="running", pid=gone())
    records.save(killed)
    records.save(a_run(settings, run_id=IDS[1], state="running"))
    assert [(run.run_id, run.state) for run in records.newest()] == [
        (IDS[1], "running"),
        (IDS[0], "interrupted"),
    ]
    with open_registry(settings) as others:
        assert others.get(IDS[0]).errors == ["the process ended without finishing the run"]
        assert [run.run_id for run in others.newest(state="running")] == [IDS[1]]
    kept = (settings.runs_dir / IDS[0] / registry.RECORD).read_text()
    assert '"interrupted"' in kept
    assert (settings.runs_dir / registry.UNDER_WAY / IDS[0]).exists()  # what it left is to be swept


def test_a_run_that_ends_meanwhile_is_not_marked(settings: Settings, records: Registry) -> None:
    killed = a_run(settings, run_id=IDS[0], state="running", pid=gone())
    records.save(killed)
    late = a_run(settings, run_id=IDS[0], state="running", pid=gone())
    records.save(a_run(settings, run_id=IDS[0], state="succeeded"))
    late.interrupt()
    assert records._store is not None
    records._store.end(late)
    assert records.get(IDS[0]).state == "succeeded"


def test_the_folder_knows_the_end_that_the_store_did_not_hear_of(
    settings: Settings, records: Registry
) -> None:
    records.save(a_run(settings, run_id=IDS[0], state="running", pid=gone()))
    registry.save(settings.runs_dir, a_run(settings, run_id=IDS[0], pid=gone()))
    assert [run.state for run in records.newest()] == ["succeeded"]
    assert records.get(IDS[0]).errors == []


def test_a_run_of_another_host_goes_on_while_it_shows_a_sign_of_life(
    settings: Settings, records: Registry
) -> None:
    long_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    just_now = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    for run_id, began in zip(IDS, (long_ago, long_ago, just_now), strict=True):
        records.save(
            a_record(
                run_id=run_id,
                state="running",
                target=settings.target,
                host="elsewhere",
                started_at=began,
                pid=gone(),
            )
        )
    with run_lock(open_warehouse(settings), IDS[0]):
        states = [run.state for run in records.newest()]
    assert states == ["running", "interrupted", "running"]
    deadline = time.monotonic() + 10
    while len(records.newest(state="running")) > 1:  # a server lets go of a session in its own time
        assert time.monotonic() < deadline
    assert [run.run_id for run in records.newest(state="running")] == [IDS[2]]


@pytest.mark.parametrize("target", ["postgres"])
def test_a_run_keeps_a_session_of_its_name_open(settings: Settings) -> None:
    own = Registry(of_a_run(settings), IDS[0])
    warehouse = open_warehouse(settings)
    own.attach(warehouse)
    own.save(a_run(settings, run_id=IDS[0], state="running"))
    sql = "select count(*) from pg_stat_activity where application_name = %s"
    with warehouse.reading() as reader:
        assert reader.fetch(sql, (APPLICATION + IDS[0],)).rows == [(1,)]
        own.close()


@pytest.mark.parametrize("target", ["postgres"])
def test_a_server_that_ended_the_session_is_asked_again(
    settings: Settings, records: Registry
) -> None:
    records.save(a_run(settings, run_id=IDS[0]))
    warehouse = open_warehouse(settings)
    assert isinstance(warehouse, Postgres)
    sql = (
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )
    warehouse.commit([(sql, ())])
    records.save(a_run(settings, run_id=IDS[1]))
    assert [run.run_id for run in records.newest()] == [IDS[1], IDS[0]]


def test_records_of_older_versions_are_taken_in_once(settings: Settings) -> None:
    other = "postgres" if settings.target == "duckdb" else "duckdb"
    registry.save(settings.runs_dir, a_record(run_id=IDS[0], target=settings.target))
    registry.save(settings.runs_dir, a_record(run_id=IDS[1], target=other))
    for _ in range(2):
        with open_registry(settings) as records:
            assert [run.run_id for run in records.newest()] == [IDS[0]]
            assert records.get(IDS[1]).target == other  # from its folder
    registry.save(settings.runs_dir, a_record(run_id=IDS[2], target=settings.target))
    with open_registry(settings) as records:
        assert [run.run_id for run in records.newest()] == [IDS[0]]


@pytest.mark.parametrize("target", ["postgres"])
def test_what_a_database_that_was_down_missed_is_stored_when_it_is_there(
    settings: Settings, environment: dict[str, str]
) -> None:
    down = load_settings({**environment, "DATABASE_URL": "postgresql://u:p@127.0.0.1:9/none"})
    with open_registry(settings):
        pass  # the table is there
    unreached = Registry(down)
    record = a_record(run_id=IDS[0], target="postgres", state="failed", errors=["refused"])
    unreached.save(record)
    with open_registry(down) as records:  # from the folders
        assert [run.error for run in records.newest()] == ["refused"]
    with open_registry(settings) as records:
        assert records.newest() == [record.summary]
    assert not any((settings.runs_dir / ".unstored").iterdir())


@pytest.mark.parametrize("target", ["duckdb"])
def test_a_spoilt_file_is_made_anew_from_the_folders(settings: Settings, records: Registry) -> None:
    records.save(a_run(settings, run_id=IDS[0]))
    (settings.data_dir / "runs.sqlite").write_bytes(b"no database" * 1000)
    with open_registry(settings) as anew:
        assert [run.run_id for run in anew.newest()] == [IDS[0]]
    assert (settings.data_dir / "runs.spoilt").exists()


@pytest.mark.parametrize("target", ["duckdb"])
def test_to_look_where_nothing_ran_makes_nothing(settings: Settings) -> None:
    with open_registry(settings) as records:
        assert records.newest() == []
        with pytest.raises(SettingsError, match="there is no run"):
            records.get(IDS[0])
    assert not settings.data_dir.exists()


def test_many_write_and_read_at_once(settings: Settings) -> None:
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with open_registry(of_a_run(settings)) as records:
                for turn in range(3):
                    record = a_run(settings, run_id=f"20260101T00000{turn}Z-00000{number}")
                    record.state = "running"
                    records.save(record)
                    record.state = "succeeded"
                    records.save(record)
                    assert records.newest(3)
        except BaseException as error:  # noqa: BLE001 - raised below
            problems.append(error)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert problems == []
    with open_registry(settings) as records:
        assert [run.state for run in records.newest()] == ["succeeded"] * 12


def test_the_process_of_a_run_is_its_own(settings: Settings, records: Registry) -> None:
    since = registry.process_start(os.getpid())
    record = a_run(settings, run_id=IDS[0], state="running", pid_since=(since or 1) - 1)
    records.save(record)
    assert records.get(IDS[0]).state == ("interrupted" if since else "running")
