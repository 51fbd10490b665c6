"""Interleaved rounds: every contestant takes its turn in each, so that drift hits all alike."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import measure
from benchmarks.contestants import Contestant, clean_environment
from benchmarks.figures import Figures, figures_of
from benchmarks.grounds import UNUSABLE
from benchmarks.measure import Turn

PEER_ROUNDS = 3  # peers are tens of times slower, and nobody tunes by their figures

Tell = Callable[[str], None]


@dataclass
class Result:
    """A contestant, its turns so far, and what went wrong."""

    contestant: Contestant
    turns: list[Turn] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True)
class Scenario:
    """Contestants that do one thing; the times of all are by the first where that is the limit."""

    title: str
    contestants: Sequence[Contestant]
    has_limit: bool = True


def hold(scenario: Scenario, rounds: int, scratch: Path, tell: Tell) -> list[Result]:
    """Hold so many rounds; who fails or lands wrong rows is out, with the reason."""
    results = [
        Result(contestant, problem=contestant.missing) for contestant in scenario.contestants
    ]
    for number in range(rounds):
        # there and back: nobody always follows the same one
        for result in results if number % 2 == 0 else results[::-1]:
            allowed = min(rounds, PEER_ROUNDS) if result.contestant.is_peer else rounds
            if result.problem or number >= allowed:
                continue
            take_turn(result, scratch, is_first=number == 0)
            said = result.problem or f"{result.turns[-1].seconds:.2f} s"
            tell(f"{scenario.title}, round {number + 1}: {result.contestant.name}: {said}")
    for result in results:
        if result.contestant.is_rerun:
            result.contestant.ground.clear()
    return results


def take_turn(result: Result, scratch: Path, *, is_first: bool) -> None:
    """Let a contestant take one turn, from clean ground, and see what it landed."""
    contestant = result.contestant
    try:
        _prepare(contestant, scratch, is_first=is_first)
        os.sync()  # what others wrote is not written back in this one's time
        turn = _run(contestant, scratch)
        result.problem = problem_of(turn, contestant)
        if not contestant.is_rerun:
            contestant.ground.clear()
    except (OSError, *UNUSABLE) as error:
        result.problem = f"failed: {measure.reason_of(str(error))}"
    if not result.problem:
        result.turns.append(turn)


def _prepare(contestant: Contestant, scratch: Path, *, is_first: bool) -> None:
    """Clean ground, or for a rerun the ground of a first run."""
    if is_first or not contestant.is_rerun:
        contestant.ground.clear()
        if contestant.setup:
            contestant.ground.execute(contestant.setup)
    if is_first and contestant.is_rerun:
        _run(contestant, scratch)


def _run(contestant: Contestant, scratch: Path) -> Turn:
    environment = {**clean_environment(), **contestant.environment}
    return measure.take(contestant.command, environment, scratch)


def problem_of(turn: Turn, contestant: Contestant) -> str:
    """Why a turn does not count; empty where it does."""
    if turn.exit_code:
        return f"failed: {measure.reason_of(turn.said)}"
    landed = contestant.ground.count(contestant.table)
    if landed is None:
        return f"wrong rows: there is no table {contestant.table}"
    if landed != contestant.rows:
        return f"wrong rows: {landed:,} instead of {contestant.rows:,}"
    return ""


def figures_by_contestant(
    results: Sequence[Result], *, has_limit: bool
) -> list[tuple[Result, Figures | None]]:
    """Each result with its figures; None where no turn counts."""
    limit: float | None = None
    if has_limit and _counts(results[0]):
        first = results[0]
        limit = figures_of(first.turns, first.contestant.rows, None).seconds
    return [
        (r, figures_of(r.turns, r.contestant.rows, limit) if _counts(r) else None) for r in results
    ]


def _counts(result: Result) -> bool:
    return bool(result.turns) and not result.problem
