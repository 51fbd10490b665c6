"""One event is one line, and steers no terminal, whatever a value holds."""

import json
import logging

import pytest

from loaders.logs.lines import Brief, JsonLines, Readable

NASTY = "=cmd()\r\n\x1b[2J\u2028\x85 red \x1b[31m\x9b"


def record(message: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("assay.landing", level, "here", 1, message, None, None)


@pytest.mark.contract("S3-15")
def test_json_is_one_line_by_anybodys_rules_and_keeps_every_character() -> None:
    line = JsonLines(dict, ()).format(record(NASTY))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert json.loads(line)["message"] == NASTY


@pytest.mark.parametrize("formatter", [Brief(()), Readable((), is_coloured=False)])
def test_no_value_steers_the_terminal(formatter: logging.Formatter) -> None:
    told = formatter.format(record(NASTY))
    assert not {"\x1b", "\x9b", "\r", "\x85", "\u2028"} & set(told)
    assert r"\x1b[2J" in told


def test_a_forged_event_is_indented_below_the_one_that_it_came_in() -> None:
    forged = "a name\n2026-01-01 00:00:00Z INFO    all is well"
    _, second = Readable((), is_coloured=False).format(record(forged)).split("\n")
    assert second == "    2026-01-01 00:00:00Z INFO    all is well"


@pytest.mark.parametrize(
    ("level", "shown"), [(logging.INFO, "INFO   "), (logging.CRITICAL, "\x1b[31mERROR  \x1b[0m")]
)
def test_colour_is_for_what_is_wrong(level: int, shown: str) -> None:
    told = Readable((), is_coloured=True).format(record("it ended", level))
    assert told.partition("Z ")[2] == f"{shown} it ended"
