"""Charts of rows, as SVG without scripts: drawn here, so that no page loads anything."""

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from io import StringIO
from math import isnan
from threading import Lock
from typing import Any, Literal, NamedTuple

from loaders.errors import BadParameterError, MissingColumnError
from loaders.warehouse import Result
from orchestration.formats import text

Kind = Literal["bar", "line", "scatter", "hist"]
MOST_BARS, MOST_POINTS = 50, 1000
BINS = 30
GREATEST = 1e100  # in either direction: room for the axes beside it
SIZE = (9.0, 5.0)  # inches
LONGEST_LABEL = 40
COLOUR = "#1f5f8b"
OPENING = re.compile(r"^.*?<svg[^>]*?(viewBox=\"[^\"]*\")[^>]*>", re.DOTALL)
METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_drawing = Lock()  # matplotlib's settings are of the process


class Chart(NamedTuple):
    """What is drawn: columns by their names; without `y` the rows of each value are counted."""

    kind: Kind
    x: str
    y: str | None
    title: str


def most_rows(kind: Kind) -> int:
    """How many rows a chart of that kind shows."""
    return MOST_BARS if kind == "bar" else MOST_POINTS


def draw(result: Result, chart: Chart) -> str:
    """The chart as an `<svg>` element, with a title and a description for those who hear it.

    Raises:
        MissingColumnError: there is no such column.
        BadParameterError: its values are no numbers and should be.
    """
    x = _values(result, chart.x)
    told = f"{chart.kind} chart of {chart.title}, {len(x)} rows: {chart.y or 'count'} by {chart.x}"
    numbers: list[float] = []
    y: list[float] = []
    if chart.kind == "hist":
        numbers = _numbers(chart.x, x)
    elif chart.y is None:
        counts = Counter(map(text, x))
        x, y = list(counts), [float(count) for count in counts.values()]
    else:
        y = _numbers(chart.y, _values(result, chart.y))
    try:
        with _drawing:
            svg = _draw(chart, x, numbers, y)
    except (ValueError, OverflowError) as error:
        raise BadParameterError(f"these values cannot be drawn: {error}") from None
    return OPENING.sub(lambda found: _opening(found.group(1), chart.title, told), svg, count=1)


def _draw(chart: Chart, x: list[Any], numbers: list[float], y: list[float]) -> str:
    import matplotlib as mpl  # late: it takes half a second
    from matplotlib.figure import Figure

    # text stays text, and a `$` in it is no formula; names in the file do not change by chance
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "assay", "text.parse_math": False})
    figure = Figure(figsize=SIZE, layout="tight")
    axes = figure.add_subplot()
    if chart.kind == "hist":
        axes.hist(numbers, bins=BINS, range=_range(numbers), color=COLOUR)
    elif chart.kind == "bar":
        axes.bar(range(len(y)), y, color=COLOUR)
        axes.set_xticks(range(len(x)), [_label(value) for value in x], rotation=90)
    else:
        places = _places(x)
        if not all(isinstance(value, (int, float)) for value in x):
            axes.set_xticks(*_thinned(x), rotation=90)
        if chart.kind == "line":
            axes.plot(places, y, color=COLOUR)
        else:
            axes.scatter(places, y, s=12, color=COLOUR)
    axes.set_xlabel(_label(chart.x))
    axes.set_ylabel(_label(chart.y or "rows"))
    axes.set_title(_label(chart.title))
    file = StringIO()
    figure.savefig(file, format="svg", metadata=METADATA)
    return file.getvalue()


def _range(numbers: list[float]) -> tuple[float, float]:
    """From the least to the greatest, wide enough for bins that differ."""
    known = [value for value in numbers if not isnan(value)] or [0.0]
    least, most = min(known), max(known)
    width = max(abs(least), abs(most), 1.0) * 1e-6
    return (least, most) if most - least > width else (least - width, most + width)


def _places(x: list[Any]) -> list[float]:
    """Where the rows stand: numbers by their size, all else one after another."""
    if all(isinstance(value, (int, float)) for value in x):
        return [float(value) for value in x]
    return [float(place) for place in range(len(x))]


def _thinned(x: list[Any]) -> tuple[list[int], list[str]]:
    step = max(1, len(x) // MOST_BARS)
    places = list(range(0, len(x), step))
    return places, [_label(x[place]) for place in places]


def _opening(view_box: str, title: str, told: str) -> str:
    return (
        f'<svg {view_box} role="img" aria-labelledby="chart-title chart-told">'
        f'<title id="chart-title">{escape(title)}</title>'
        f'<desc id="chart-told">{escape(told)}</desc>'
    )


def _values(result: Result, name: str) -> list[Any]:
    if name not in result.columns:
        raise MissingColumnError(f"there is no column {name!r}; {', '.join(result.columns)}")
    at = result.columns.index(name)
    return [_plain(row[at]) for row in result.rows]


def _plain(value: Any) -> Any:
    is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    if not is_number:
        return value
    value = float(value) if isinstance(value, Decimal) else value  # whose NaN has no order
    return float(value) if abs(value) < GREATEST else float("nan")


def _numbers(name: str, values: Sequence[Any]) -> list[float]:
    """The values as numbers; what is missing or infinite is not drawn."""
    strange = next((v for v in values if v is not None and not isinstance(v, float)), None)
    if strange is not None:
        raise BadParameterError(f"{name} has {text(strange)[:LONGEST_LABEL]!r}, which is no number")
    return [v if v is not None and abs(v) < GREATEST else float("nan") for v in values]


def _label(value: Any) -> str:
    told = "" if value is None else text(int(value) if _is_whole(value) else value)
    told = "".join(c if c.isprintable() else " " for c in told)
    return told if len(told) <= LONGEST_LABEL else told[: LONGEST_LABEL - 1] + "…"


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer() and abs(value) < 1e15
