"""Faults 2 and 3: the database restarts under a landing, is down, is mute, refuses the password."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults.orders import Orders, make_checkout, write_orders
from tests.faults.servers import PASSWORD, Server

ROWS = 300_000
OLD_ROWS = 1_000


@pytest.fixture
def orders(server: Server, tmp_path: Path) -> Orders:
    """The project on that server; an older set has landed."""
    variables = {"DATABASE_URL": server.url(), "ELT_DATA_DIR": str(tmp_path / "data")}
    project = Orders(make_checkout(tmp_path / "checkout"), variables)
    old = write_orders(tmp_path / "old", OLD_ROWS, first=500_000_000)
    assert project.land(old).returncode == 0
    return project


def with_url(orders: Orders, url: str) -> Orders:
    """The project, told that the database is there."""
    return Orders(orders.checkout, {**orders.environment, "DATABASE_URL": url})


def wait_until_rows_move(server: Server) -> None:
    """Until the server has taken rows of a COPY that is still under way."""
    superuser = server.url().replace("//assay", "//postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            moved = connection.execute(
                "select max(tuples_processed) from pg_stat_progress_copy where type = 'PIPE'"
            ).fetchone()
            if moved and moved[0]:
                return
    raise AssertionError("no rows moved")


def check_clean(done: subprocess.CompletedProcess[str], reason: str, orders: Orders) -> None:
    """A run that failed says why, in its record too, without a traceback or the password."""
    assert done.returncode == 1, done.stderr
    record = orders.runs()[-1]
    assert record["state"] == "failed"
    assert reason in " ".join([*record["errors"], *problems(record)])
    assert reason in done.stdout + done.stderr
    kept = [path.read_text() for path in orders.data_dir.rglob("*") if path.is_file()]
    for text in [done.stdout, done.stderr, *kept]:
        assert PASSWORD not in text
        assert "Traceback" not in text


def problems(record: dict[str, list[dict[str, list[str]]]]) -> list[str]:
    return [problem for source in record["sources"] for problem in source["problems"]]


def test_a_restart_while_rows_move_fails_or_is_got_over_and_the_next_run_is_exact(
    server: Server, orders: Orders, tmp_path: Path
) -> None:
    new = write_orders(tmp_path / "new", ROWS)
    with orders.start(new) as process:
        wait_until_rows_move(server)
        server.restart()
        _, told = process.communicate(timeout=120)
    assert process.returncode in {0, 1}
    assert "Traceback" not in told
    seen = orders.batches()
    assert len(seen) in {1, 2}  # the older set, or all
    *_, record = orders.runs()
    assert record["state"] == ("failed" if process.returncode else "succeeded")
    if process.returncode:
        assert "server" in " ".join([*record["errors"], *problems(record)])
        assert "elt: " in told or "Landing" in told
    orders.check_clean_file_lands(tmp_path / "clean")
    assert orders.land(new).returncode == 0
    orders.check_exact(tmp_path / "old", new, tmp_path / "clean")


def test_a_database_that_is_down_fails_the_run_and_the_next_one_recovers(
    server: Server, orders: Orders, tmp_path: Path
) -> None:
    new = write_orders(tmp_path / "new", 500)
    server.stop()
    started = time.monotonic()
    done = orders.land(new)
    assert time.monotonic() - started < 60
    check_clean(done, "refused", orders)
    server.start()
    orders.check_clean_file_lands(tmp_path / "clean")
    assert orders.land(new).returncode == 0
    orders.check_exact(tmp_path / "old", new, tmp_path / "clean")


@pytest.fixture
def mute() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_database_that_says_nothing_fails_the_run_within_a_minute(
    orders: Orders, mute: int, tmp_path: Path
) -> None:
    new = write_orders(tmp_path / "new", 500)
    started = time.monotonic()
    silent = with_url(orders, f"postgresql://assay:{PASSWORD}@127.0.0.1:{mute}/assay")
    done = silent.land(new)
    assert time.monotonic() - started < 60
    check_clean(done, "timeout", orders)
    orders.check_clean_file_lands(tmp_path / "clean")
    assert orders.land(new).returncode == 0
    orders.check_exact(tmp_path / "old", new, tmp_path / "clean")


def test_a_wrong_password_fails_the_run_and_is_nowhere(
    server: Server, orders: Orders, tmp_path: Path
) -> None:
    new = write_orders(tmp_path / "new", 500)
    started = time.monotonic()
    refused = with_url(orders, server.url(f"{PASSWORD}-but-wrong"))
    done = refused.land(new)
    assert time.monotonic() - started < 60
    check_clean(done, "password authentication failed", orders)
    assert json.loads(done.stdout)["error"]
    orders.check_clean_file_lands(tmp_path / "clean")
    assert orders.land(new).returncode == 0
    orders.check_exact(tmp_path / "old", new, tmp_path / "clean")
