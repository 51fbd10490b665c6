"""What must hold when a run is killed, watched, or shares its warehouse."""

import threading
from pathlib import Path

import pytest

from loaders.settings import load_settings
from loaders.warehouse import open_warehouse
from tests.conftest import Elt, held_open, run_elt


@pytest.mark.usefixtures("models_alone")
@pytest.mark.long  # dbt tries four times to open a file that is read: too few on a busy machine
def test_readers_do_not_make_a_run_fail(elt: Elt, environment: dict[str, str]) -> None:
    warehouse = open_warehouse(load_settings(environment))
    ended = threading.Event()
    answers: list[object] = []

    def read() -> None:
        while not ended.wait(0.05):
            try:
                answers.append(warehouse.query("select 42 as n").rows)
            except Exception as error:  # noqa: BLE001 -- refused in one line is allowed, too
                answers.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        done = elt("run", "lab")
    finally:
        ended.set()
        reader.join()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(42,)] in answers


@pytest.mark.parametrize("target", ["duckdb"])
@pytest.mark.usefixtures("models_alone")
@pytest.mark.long
def test_a_program_that_keeps_the_file_open_is_told_in_one_line(elt: Elt, tmp_path: Path) -> None:
    assert elt("land", "lab").returncode == 0
    warehouse = tmp_path / "data" / "warehouse.duckdb"
    with held_open(warehouse, is_read_only=True):
        done = elt("transform")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"elt: {warehouse} is in use by another process")
    assert elt("transform").returncode == 0


@pytest.mark.usefixtures("models_alone")
def test_the_embedded_server_does_the_main_job_and_stays_until_it_is_stopped(
    tmp_path: Path,
) -> None:
    environment = {"ELT_TARGET": "postgres", "ELT_DATA_DIR": str(tmp_path / "data")}
    try:
        done = run_elt("run", environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "embedded, under" in done.stdout
        assert "psql postgresql://assay@127.0.0.1:" in done.stdout
        shown = run_elt("show", "user_features", "--format", "csv", environment=environment)
        assert shown.stdout.count("\n") == 37
    finally:
        stopped = run_elt("down", environment=environment)
    assert stopped.stdout == "stopped\n"
    again = run_elt("down", environment=environment)
    assert again.stdout == "no embedded PostgreSQL was running\n"
