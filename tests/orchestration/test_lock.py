"""One run at a time per warehouse, on every warehouse."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from loaders.settings import Settings
from loaders.warehouse import open_warehouse
from orchestration import lock
from orchestration.lock import RunUnderWayError, holder_of, run_lock


def test_a_second_run_is_told_which_run_holds_the_lock(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.2)
    warehouse = open_warehouse(settings)
    with (
        run_lock(warehouse, "run-1"),
        pytest.raises(RunUnderWayError, match="run-1 is under way") as told,
        run_lock(warehouse, "run-2"),
    ):
        pass
    assert told.value.run_id == "run-1"


def test_who_looks_is_told_the_holder_and_holds_nobody_up(settings: Settings) -> None:
    warehouse = open_warehouse(settings)
    assert holder_of(warehouse) is None
    with run_lock(warehouse, "run-1"), ThreadPoolExecutor(4) as looking:
        assert set(looking.map(holder_of, [warehouse] * 8)) == {"run-1"}
    with ThreadPoolExecutor(4) as looking:
        deadline = time.monotonic() + 10  # a server lets go of a session in its own time
        while set(looking.map(holder_of, [warehouse] * 8)) != {None}:
            assert time.monotonic() < deadline


def test_the_lock_is_free_after_a_run_that_failed(settings: Settings) -> None:
    warehouse = open_warehouse(settings)
    with pytest.raises(ZeroDivisionError), run_lock(warehouse, "run-1"):
        _ = 1 / 0
    with run_lock(warehouse, "run-2"):
        pass


def test_a_run_waits_a_moment_for_the_one_before_it(settings: Settings) -> None:
    warehouse = open_warehouse(settings)
    held, seen = threading.Event(), threading.Event()

    def hold() -> None:
        with run_lock(warehouse, "run-1"):
            held.set()
            seen.wait(0.3)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    with run_lock(warehouse, "run-2"):
        pass
    holder.join()
