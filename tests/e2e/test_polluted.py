"""Polluted files are read as a careful person reads them: `elt inspect` beside their clean form."""

from pathlib import Path

import pytest

from tests.polluted.corpus import PLAIN, corpus, inspect, write_corpus
from tests.polluted.readings import (
    Polluted,
    Score,
    parse,
    report,
    score,
    score_folder,
    worst,
    write,
)
from tests.polluted.tables import Row

THRESHOLD = 0.99


@pytest.fixture(scope="module")
def files() -> list[Polluted]:
    """The whole corpus."""
    return corpus()


def scores_of(files: list[Polluted], folder: Path) -> list[Score]:
    """What `elt inspect` makes of a folder of these files."""
    printed = folder / "printed"
    exit_code, told = inspect(write_corpus(folder / "polluted", files), printed)
    assert exit_code == 0, told
    return score_folder(files, printed)


@pytest.mark.parametrize("kind", sorted(PLAIN - {"empty"}))
def test_a_plain_file_is_read_exactly(files: list[Polluted], kind: str, tmp_path: Path) -> None:
    scores = scores_of([made for made in files if made.kind == kind], tmp_path)
    assert all(each.is_exact for each in scores), f"\n{worst(scores)}"


def test_an_empty_file_prints_nothing_and_stops_no_other(
    files: list[Polluted], tmp_path: Path
) -> None:
    empty = [made for made in files if made.kind == "empty"]
    plain = [made for made in files if made.kind == "plain"]
    printed = tmp_path / "printed"
    exit_code, told = inspect(write_corpus(tmp_path / "polluted", empty + plain), printed)
    assert exit_code in {0, 1}, told
    assert all(each.is_exact for each in score_folder(empty + plain, printed))


def test_polluted_files_are_read_as_a_careful_person_reads_them(
    files: list[Polluted], tmp_path: Path
) -> None:
    scores = scores_of([made for made in files if made.kind not in PLAIN], tmp_path)
    told = f"\n{report(scores)}\n\n{worst(scores)}"
    assert not [each for each in scores if each.problem], told
    for means in (
        [float(each.has_header) for each in scores],
        [each.records.f1 for each in scores],
        [each.cells.f1 for each in scores],
    ):
        assert sum(means) / len(means) >= THRESHOLD, told


# The judge itself


def test_every_defensible_reading_is_exact(files: list[Polluted]) -> None:
    for made in files:
        for header, rows in made.readings:
            records: list[Row] = [[*header], *rows] if header else rows
            assert score(made, write(records)).is_exact, made.name


def test_a_reading_that_misses_something_is_not_exact(files: list[Polluted]) -> None:
    made = next(made for made in files if made.name == "plain__60-rows__10__sales.csv")
    records: list[Row] = [[*(made.header or [])], *made.rows]
    text = write(records)
    assert score(made, write(records[:-1])).records == (1.0, 59 / 60)
    assert not score(made, text.replace("line", "lines", 1)).has_header
    assert score(made, text.replace(",", ";")).cells.f1 < 0.1
    assert score(made, text.replace("\n", "\r\n")).problem
    assert score(made, None).mean == 0


def test_null_and_the_empty_text_are_told_apart() -> None:
    rows: list[Row] = [["a", None, ""], ['"', "x\ny", "z,"]]
    assert write(rows) == 'a,,""\n"""","x\ny","z,"\n'
    assert parse(write(rows)) == rows
