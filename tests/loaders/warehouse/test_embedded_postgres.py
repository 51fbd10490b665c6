import os
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from loaders.errors import WarehouseError
from loaders.warehouse import embedded_postgres


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """Where a cluster of the test's own will be."""
    return tmp_path / "data" / "postgres"


def test_a_server_starts_goes_on_running_and_stops(cluster: Path) -> None:
    try:
        named = embedded_postgres.ensure_running(cluster, ("fsync=off",))
        again = embedded_postgres.ensure_running(cluster)
        assert named == again
        assert named["host"] == "127.0.0.1"
        with psycopg.connect(**named) as connection:  # type: ignore[arg-type]
            superuser = connection.info.parameter_status("is_superuser")
            (fsync,) = connection.execute("show fsync").fetchone() or ("",)
        assert (superuser, fsync) == ("off", "off")
        assert not cluster.with_name("postgres.unfinished").exists()
    finally:
        assert embedded_postgres.stop(cluster)
    assert not embedded_postgres.is_running(cluster)
    assert not embedded_postgres.stop(cluster)


@pytest.mark.parametrize("what_is_wrong", ["the process", "the port", "the state", "the file"])
def test_what_a_dead_server_left_does_not_pass_for_a_server(
    what_is_wrong: str, cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        lines = [str(os.getpid()), "", "", str(somebody.getsockname()[1]), "", "", "", "ready"]
        cluster.mkdir(parents=True)
        (cluster / "PG_VERSION").write_text("18")
        started: list[Path] = []
        monkeypatch.setattr(embedded_postgres, "_start", lambda folder, _: started.append(folder))
        monkeypatch.setattr(embedded_postgres, "is_running", lambda _: False)
        (cluster / "postmaster.pid").write_text("\n".join(lines))
        embedded_postgres.ensure_running(cluster)
        assert not started
        if what_is_wrong == "the port":
            somebody.close()
        wrong = {"the process": (0, str(gone.pid)), "the state": (7, "starting")}
        at, value = wrong.get(what_is_wrong, (7, "ready"))
        lines[at] = value
        text = "\n".join(lines[:4] if what_is_wrong == "the file" else lines)
        (cluster / "postmaster.pid").write_text(text)
        embedded_postgres.ensure_running(cluster)
        assert started == [cluster]


def test_what_a_killed_attempt_left_is_made_anew(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = cluster.with_name("postgres.unfinished")
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")

    def fill(folder: Path) -> None:
        (folder / "PG_VERSION").write_text(",".join(path.name for path in folder.iterdir()))

    monkeypatch.setattr(embedded_postgres, "_fill", fill)
    monkeypatch.setattr(embedded_postgres, "_start", lambda *_: None)
    monkeypatch.setattr(embedded_postgres, "_port", lambda _: 5432)
    embedded_postgres.ensure_running(cluster)
    assert (cluster / "PG_VERSION").read_text() == ""
    assert not half.exists()


def test_an_attempt_that_fails_leaves_no_cluster(
    cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path) -> None:
        (folder / "PG_VERSION").write_text("18")
        raise WarehouseError("killed")

    monkeypatch.setattr(embedded_postgres, "_fill", fail)
    with pytest.raises(WarehouseError, match="killed"):
        embedded_postgres.ensure_running(cluster)
    assert not cluster.exists()


def test_a_server_that_does_not_start_says_why(cluster: Path) -> None:
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("18\n")
    with pytest.raises(WarehouseError, match=r"the embedded PostgreSQL did not start: \w"):
        embedded_postgres.ensure_running(cluster)


def test_a_machine_without_the_wheel_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(WarehouseError, match="run `make setup`, or name a server"):
        embedded_postgres.binary("initdb")


def test_a_folder_without_a_cluster_runs_nothing(cluster: Path) -> None:
    assert not embedded_postgres.is_running(cluster)
    assert not embedded_postgres.stop(cluster)
