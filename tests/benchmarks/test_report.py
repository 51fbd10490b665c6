from pathlib import Path

import pytest

from benchmarks.contestants import Contestant
from benchmarks.figures import Goal, figures_of
from benchmarks.grounds import DuckDBGround
from benchmarks.measure import Turn
from benchmarks.report import BEGIN, END, README, placed, reached, section_of
from benchmarks.rounds import Result, Scenario

NOWHERE = DuckDBGround(Path("nowhere"))


def contestant(name: str, *goals: Goal) -> Contestant:
    return Contestant(name, NOWHERE, "t", 1_000_000, goals=goals)


def turn(seconds: float) -> Turn:
    return Turn(seconds, 1.25, 80_000_000, 0)


def test_a_table_has_a_row_for_each_contestant_whatever_became_of_it() -> None:
    limit, ours, peer = (
        contestant("limit"),
        contestant("ours", Goal("times", 2.8), Goal("peak_mb", 150)),
        contestant("peer"),
    )
    results = [
        Result(limit, [turn(0.5)]),
        Result(ours, [turn(1.0), turn(1.2), turn(4.0)]),
        Result(peer, [], "did not install: a | b"),
    ]
    section = section_of(Scenario("CSV", [limit, ours, peer]), results)
    assert section.splitlines()[4:] == [
        "| limit | 0.50 | 0.50 … 0.50 | 1.00 | 2,000,000 | 1.25 | 80 |  |  |",
        "| ours | 1.20 | 1.00 … 4.00 | 2.40 | 833,333 | 1.25 | 80 | ≤ 2.8 x, ≤ 150 MB | yes |",
        "| peer |  |  |  |  |  |  |  | **did not install: a \\| b** |",
    ]


def test_without_its_limit_a_table_has_no_ratios_and_no_goal_by_them_is_reached() -> None:
    limit, ours = contestant("limit"), contestant("ours", Goal("times", 2.8))
    results = [Result(limit, [turn(0.5)], "wrong rows: 9"), Result(ours, [turn(1.0)])]
    *_, first, second = section_of(Scenario("CSV", [limit, ours]), results).splitlines()
    assert first.endswith("**wrong rows: 9** |")
    assert "0.50" not in first
    assert second.endswith("≤ 2.8 x | **no: not measured** |")


def test_a_goal_that_is_missed_tells_by_what() -> None:
    figures = figures_of([turn(8.0)], rows=400_000, limit_seconds=4.0)
    goals = (Goal("rows_per_second", 100_000), Goal("times", 3), Goal("seconds", 0.3))
    assert reached(goals, figures) == "**no: 50,000 rows/s, 8 s**"
    assert reached((), figures) == ""


def test_figures_replace_what_stands_between_the_markers() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    written = placed(page, "new\n")
    assert written == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert placed(written, "new") == written


@pytest.mark.parametrize("page", ["none", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_page_without_both_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        placed(page, "new")


def test_the_page_here_takes_figures() -> None:
    assert "new figures" in placed(README.read_text(encoding="utf-8"), "new figures")
