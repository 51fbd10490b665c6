"""Bars of rows over time: where each stands in a drawing that is stretched to its place."""

from typing import NamedTuple

from orchestration.overview.landed import History

WIDTH, HEIGHT = 960, 200  # of the drawing, without labels: these are text beside it
GAP = 0.2  # of the room of a bar
LEAST = 2  # how high any row at all is drawn
STEPS = (1, 2, 2.5, 5, 10)


class Bar(NamedTuple):
    """A period: what landed, and above it what was set aside."""

    x: float
    width: float
    landed: float
    set_aside: float


class Plot(NamedTuple):
    """The bars, and what the top and the middle of the drawing stand for."""

    bars: list[Bar]
    top: int
    landed: int
    set_aside: int


def plot_of(history: History) -> Plot:
    """The drawing of a history."""
    top = _round_up(max(period.landed + period.set_aside for period in history.periods))
    room = WIDTH / len(history.periods)
    bars = [
        Bar(
            round(room * (place + GAP / 2), 2),
            round(room * (1 - GAP), 2),
            _height(period.landed, top),
            _height(period.set_aside, top),
        )
        for place, period in enumerate(history.periods)
    ]
    landed = sum(period.landed for period in history.periods)
    return Plot(bars, top, landed, sum(period.set_aside for period in history.periods))


def _height(rows: int, top: int) -> float:
    return max(round(HEIGHT * rows / top, 2), LEAST) if rows else 0


def _round_up(most: int) -> int:
    """The next round number of which a half is whole."""
    if most <= 2:
        return 2
    magnitude: int = 10 ** (len(str(most)) - 1)
    tops = (round(magnitude * step) for step in STEPS)
    return next(top + top % 2 for top in tops if top >= most)
