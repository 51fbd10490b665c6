"""Charts as SVG: whatever the values are, a chart or a reason why there is none."""

from datetime import date
from decimal import Decimal
from typing import Any, get_args
from xml.etree import ElementTree as ET

import pytest

from loaders.errors import BadParameterError, MissingColumnError
from loaders.warehouse import Result
from orchestration.charts import Chart, Kind, draw

NUMBERS: list[list[tuple[Any, Any]]] = [
    [],
    [(None, None)],
    [(10**400, -(10**400)), (float("inf"), float("nan"))],
    [(Decimal("NaN"), Decimal("1e400"))],
    [(9007199254740993, 1e99), (9007199254740993, -1e99)],
    [(7, 7)] * 3,
]
OTHERS: list[list[tuple[Any, Any]]] = [
    [("$x^$", 1), ("<b>&", 2), ("a\x00\x1b", None)],
    [(date(2026, 1, 2), 1), (None, 2), (True, 3)],
    [(f"name {i}", i) for i in range(200)],
]


@pytest.mark.contract("S0-15")
@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_value_is_drawn(kind: Kind) -> None:
    for rows in NUMBERS if kind == "hist" else NUMBERS + OTHERS:
        for y in ("b", None):
            svg = draw(Result(("a", "b"), rows), Chart(kind, "a", y, "<title> & more"))
            names = 'xmlns:xlink="http://www.w3.org/1999/xlink" '
            root = ET.fromstring(svg.replace("<svg ", f"<svg {names}", 1))
            assert root.findtext("title") == "<title> & more"
            assert "script" not in svg
            assert "http" not in svg


def test_what_cannot_be_drawn_is_told() -> None:
    result = Result(("a", "b"), [("x", "y")])
    with pytest.raises(BadParameterError, match="no number"):
        draw(result, Chart("bar", "a", "b", "t"))
    with pytest.raises(MissingColumnError, match="there is no column 'c'"):
        draw(result, Chart("bar", "c", "b", "t"))
