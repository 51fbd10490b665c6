"""A run that is told to end was interrupted, whoever catches what the signal raises."""

import os
import signal
from contextlib import suppress

import pytest

from orchestration.interruption import SIGNALS, interruptible


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_what_is_done(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt, match=number.name), interruptible():
        os.kill(os.getpid(), number)


def test_a_signal_that_somebody_caught_is_heard_at_the_next_check() -> None:
    with interruptible() as interruption:
        swallow(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            interruption.check()


def test_what_fails_because_of_a_signal_was_interrupted() -> None:
    def fail() -> None:
        swallow(signal.SIGTERM)
        raise RuntimeError("Query interrupted")

    with pytest.raises(KeyboardInterrupt, match="SIGTERM"), interruptible():
        fail()


def test_what_fails_by_itself_failed_and_the_signals_are_given_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(RuntimeError, match="by itself"), interruptible():
        raise RuntimeError("by itself")
    assert [signal.getsignal(number) for number in SIGNALS] == before


def swallow(number: signal.Signals) -> None:
    with suppress(KeyboardInterrupt):
        os.kill(os.getpid(), number)
