import pytest

from benchmarks.figures import Goal, figures_of
from benchmarks.measure import Turn


def turn(seconds: float, cpu: float = 1.0, peak: int = 100_000_000) -> Turn:
    return Turn(seconds, cpu, peak, 0)


def test_figures_are_medians_and_the_span_is_kept() -> None:
    turns = [turn(9.0, 3.0, 300_000_000), turn(2.0, 1.0), turn(4.0, 2.0, 200_000_000)]
    figures = figures_of(turns, rows=1_000, limit_seconds=None)
    assert (figures.seconds, figures.fastest, figures.slowest) == (4.0, 2.0, 9.0)
    assert (figures.cpu_seconds, figures.peak_mb) == (2.0, 200.0)
    assert figures.rows_per_second == 250.0
    assert figures.times is None


def test_an_even_number_of_turns_has_the_mean_of_the_middle_two() -> None:
    assert figures_of([turn(1.0), turn(2.0), turn(4.0), turn(90.0)], 1, None).seconds == 3.0


def test_the_ratio_is_by_the_limit() -> None:
    assert figures_of([turn(5.0)], rows=1, limit_seconds=2.0).times == 2.5


@pytest.mark.parametrize(
    ("goal", "value", "is_reached"),
    [
        (Goal("times", 2.8), 2.8, True),
        (Goal("times", 2.8), 2.81, False),
        (Goal("peak_mb", 150), 151, False),
        (Goal("rows_per_second", 100_000), 99_999, False),
        (Goal("rows_per_second", 100_000), 100_000, True),
    ],
)
def test_a_goal_bounds_speed_from_below_and_cost_from_above(
    goal: Goal, value: float, is_reached: bool
) -> None:
    assert goal.is_reached(value) is is_reached
