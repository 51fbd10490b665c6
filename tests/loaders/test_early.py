"""Imports in the background: whoever needs them waits, several at once too."""

import threading
from collections.abc import Callable

import pytest

from loaders import early

PATIENCE = 10.0  # seconds; then something waits for ever


@pytest.fixture(autouse=True)
def _nothing_was_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early, "_begun", [])


def in_threads(*tasks: Callable[[], None]) -> list[BaseException]:
    """What went wrong in these, each in a thread of its own."""
    errors: list[BaseException] = []

    def run(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,), daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    return errors


def test_several_may_wait_for_the_same() -> None:
    everybody_waits = threading.Barrier(3)
    done = threading.Event()
    seen: list[bool] = []

    def imports() -> None:
        everybody_waits.wait(PATIENCE)
        done.set()

    def need() -> None:
        everybody_waits.wait(PATIENCE)
        early.wait()
        seen.append(done.is_set())

    early.begin(imports)
    assert in_threads(need, need) == []
    assert seen == [True, True]


def test_two_that_were_begun_do_not_wait_for_each_other() -> None:
    both = threading.Barrier(2)
    order: list[str] = []

    def imports(name: str) -> Callable[[], None]:
        def run() -> None:
            both.wait(PATIENCE)  # both are begun by then
            early.wait()
            order.append(name)

        return run

    early.begin(imports("first"))
    early.begin(imports("second"))
    assert in_threads(early.wait) == []
    assert order == ["first", "second"]
