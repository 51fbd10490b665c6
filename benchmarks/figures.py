"""Turns → figures: medians, ratios, and whether a goal is reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from benchmarks.measure import Turn

MB = 1_000_000
Measure = Literal["times", "seconds", "peak_mb", "rows_per_second"]


@dataclass(frozen=True)
class Goal:
    """A bound on one figure; a floor for rows a second, a ceiling for all else."""

    measure: Measure
    bound: float

    def is_reached(self, value: float) -> bool:
        """Whether a figure keeps the bound."""
        return value >= self.bound if self.measure == "rows_per_second" else value <= self.bound


@dataclass(frozen=True)
class Figures:
    """A contestant over its turns: medians; `times` is its seconds by those of the first."""

    seconds: float
    fastest: float
    slowest: float
    cpu_seconds: float
    peak_mb: float
    rows_per_second: float
    times: float | None

    def value_of(self, measure: Measure) -> float | None:
        """The figure that a goal is about."""
        value: float | None = getattr(self, measure)
        return value


def figures_of(turns: Sequence[Turn], rows: int, limit_seconds: float | None) -> Figures:
    """The figures of a contestant's turns, of which there is one at least."""
    seconds = median(turn.seconds for turn in turns)
    return Figures(
        seconds=seconds,
        fastest=min(turn.seconds for turn in turns),
        slowest=max(turn.seconds for turn in turns),
        cpu_seconds=median(turn.cpu_seconds for turn in turns),
        peak_mb=median(turn.peak_bytes for turn in turns) / MB,
        rows_per_second=rows / seconds,
        times=seconds / limit_seconds if limit_seconds else None,
    )
