"""Drift is judged batch by batch, against what landed before; contracts say what becomes of it."""

from collections.abc import Mapping
from typing import Any

import pytest

from loaders.batch import Batch, Books, Change, Column, Contract, Drift, batch_id
from loaders.catalog import ApiTable, FilesSource, FileTable, RestApiSource, SourceSpec
from loaders.landing.drift import COLUMNS_TOLD, LINES_TOLD, anew_id, judge, lines, read_anew
from loaders.ledger import Columns, Known
from loaders.sources import Found


def spec_of(contract: Contract = "evolve", *declared: str) -> FilesSource:
    """A source of the tables t and u, under this contract."""
    tables = {"t": FileTable("t*", declared, contract=contract), "u": FileTable("u*")}
    return FilesSource(path="/lab", tables=tables)


def batch(columns: str, name: str = "t.csv", content: str | None = None, **more: Any) -> Batch:
    """A batch of the table that its file begins with; `columns` are letters, titles upper case."""
    table, content = name[0], columns + name if content is None else content
    return Batch(
        id=batch_id("lab", table, content),
        source="lab",
        table=table,
        uri=f"file:///lab/{name}",
        path=f"/lab/{name}",
        sha256=content,
        bytes=1,
        format="csv",
        encoding="utf-8",
        columns=tuple(Column(letter.upper(), letter) for letter in columns),
        **more,
    )


def before(latest: str, held: str = "") -> Mapping[str, Columns]:
    """What the ledger knows of the columns of t."""
    titles = {letter: letter.upper() for letter in latest}
    return {"t": Columns(titles, frozenset(latest + held))}


def judged(
    spec: SourceSpec, known: Mapping[str, Columns], *batches: Batch, landed: tuple[str, ...] = ()
) -> Found:
    """What becomes of these batches."""
    return judge(spec, Found("/lab", batches), known, landed)


def told(found: Found) -> list[list[str]]:
    """The changes of each batch in short: + is new, - is missing, ~ is there again."""
    signs = {"added": "+", "missing": "-", "returned": "~"}
    drifts = [found.drifts.get(one.id) for one in found.batches]
    return [[signs[c.kind] + c.column for c in drift.changes] if drift else [] for drift in drifts]


@pytest.mark.parametrize(
    ("columns", "changes"),
    [
        ("abc", []),
        ("cab", []),
        ("abcd", ["+d"]),
        ("ab", ["-c"]),
        ("abd", ["+d", "-c"]),
        ("abcz", ["~z"]),
        ("xy", ["+x", "+y", "-a", "-b", "-c"]),
    ],
    ids=["same", "reordered", "new", "missing", "renamed", "returned", "all new"],
)
def test_columns_are_compared_with_those_of_the_batch_before(
    columns: str, changes: list[str]
) -> None:
    assert told(judged(spec_of(), before("abc", "z"), batch(columns))) == [changes]


def test_batches_of_one_landing_are_compared_in_their_order() -> None:
    batches = [batch(columns, f"t{n}.csv") for n, columns in enumerate(("ab", "abc", "a", "abc"))]
    other = batch("xyz", "u.csv")  # another table is none of their business
    found = judged(spec_of(), {}, *batches[:2], other, *batches[2:])
    assert told(found) == [[], ["+c"], [], ["-b", "-c"], ["~b", "~c"]]


def test_titles_are_those_of_the_file_that_has_the_column() -> None:
    (drift,) = judged(spec_of(), before("ab"), batch("bc")).drifts.values()
    assert drift == Drift("evolve", (Change("added", "c", "C"), Change("missing", "a", "A")))


def test_the_first_batch_is_compared_with_what_the_catalog_declares() -> None:
    found = judged(spec_of("evolve", "a", "b"), {}, batch("bc", "t1.csv"), batch("bca", "t2.csv"))
    assert told(found) == [["+c", "-a"], ["+a"]]
    first, second = found.drifts.values()
    assert (first.against, second.against) == ("declared", "landed")
    assert first.changes[1] == Change("missing", "a", None)


def test_the_first_batch_of_a_table_without_declared_columns_is_no_drift() -> None:
    assert judged(spec_of(), {}, batch("abc")).drifts == {}


def test_what_has_landed_is_not_judged_again_and_changes_nothing() -> None:
    old = batch("x", "t1.csv")
    found = judged(spec_of("freeze"), before("abc"), old, batch("abc", "t2.csv"), landed=(old.id,))
    assert (told(found), found.problems, found.batches[0]) == ([[], []], (), old)


def test_equal_content_in_two_files_is_judged_once() -> None:
    twins = [batch("abcd", name, content="same") for name in ("t1.csv", "t2.csv")]
    found = judged(spec_of(), before("abc"), *twins)
    assert told(found) == [["+d"], ["+d"]]
    assert lines(found, "evolve") == ("t2.csv: new column d",)
    refused = judged(spec_of("freeze"), before("abc"), *twins)
    assert [one.problem is not None for one in refused.batches] == [True, True]
    assert len(refused.problems) == 2


def test_a_batch_that_stands_aside_for_something_else_is_no_drift() -> None:
    bad = batch("x", problem="required column a is missing")
    found = judged(spec_of("freeze"), before("abc"), bad)
    assert (found.batches, found.drifts, found.problems) == ((bad,), {}, ())


def test_documents_of_an_api_have_no_columns_that_could_drift() -> None:
    spec = RestApiSource(tables={"t": ApiTable()})
    assert judged(spec, before("abc"), batch("d")).drifts == {}


# Contracts


def test_under_evolve_and_warn_the_batch_lands() -> None:
    contracts: tuple[Contract, ...] = ("evolve", "warn")
    for contract in contracts:
        found = judged(spec_of(contract), before("abc"), batch("abd"))
        assert (found.problems, found.batches[0].problem) == ((), None)
        assert lines(found, contract) == (
            "t.csv: new column d; column c is missing, NULL in its rows",
        )
        assert lines(found, *(other for other in contracts if other != contract)) == ()


def test_under_freeze_the_batch_stands_aside_and_the_reason_names_the_columns() -> None:
    found = judged(spec_of("freeze"), before("abc", "z"), batch("abzd"))
    problem = (
        "columns z, d are new, column c is missing; the contract freezes the columns a, b, c "
        "(contract: evolve lets others land)"
    )
    assert found.batches[0].problem == problem
    assert found.problems == (f"file:///lab/t.csv: {problem}",)
    assert told(found) == [["~z", "+d", "-c"]]
    assert lines(found, "evolve", "warn", "freeze") == ()


def test_declared_columns_are_the_contract_whatever_landed_before() -> None:
    spec = spec_of("freeze", "a", "b")
    found = judged(spec, before("abc"), batch("abc", "t1.csv"), batch("ba", "t2.csv"))
    first, second = found.batches
    assert first.problem is not None
    assert "column c is new; sources.yml freezes the columns a, b " in first.problem
    assert second.problem is None
    assert told(found) == [["~c"], ["-c"]]
    assert lines(found, "freeze") == ("t2.csv: column c is missing, NULL in its rows",)


def test_without_declared_columns_the_first_batch_is_the_contract() -> None:
    batches = [batch(columns, f"t{n}.csv") for n, columns in enumerate(("ab", "abc", "ba", "abd"))]
    found = judged(spec_of("freeze"), {}, *batches)
    assert [one.problem is None for one in found.batches] == [True, False, True, False]


def test_what_a_contract_refuses_is_not_what_the_next_batch_is_compared_with() -> None:
    spec = spec_of("freeze", "a", "b")
    found = judged(spec, {}, batch("abc", "t1.csv"), batch("ab", "t2.csv"))
    assert told(found) == [["+c"], []]


# What is told


def test_files_that_drift_alike_share_a_line() -> None:
    many = [batch("abd", f"t{n}.csv") if n % 2 else batch("abc", f"t{n}.csv") for n in range(1000)]
    found = judged(spec_of(), before("abd"), *many)
    assert lines(found, "evolve") == (
        "t0.csv: new column c; column d is missing, NULL in its rows",
        "t1.csv and 499 more files: column d is there again; column c is missing, NULL in its rows",
        "t2.csv and 498 more files: column c is there again; column d is missing, NULL in its rows",
    )


def test_many_files_that_drift_each_in_its_way_are_counted() -> None:
    letters = [chr(0x4E00 + n) for n in range(LINES_TOLD + 30)]
    found = judged(spec_of(), before("a"), *(batch(f"a{x}", f"t{x}.csv") for x in letters))
    shown = lines(found, "evolve")
    assert len(shown) == LINES_TOLD + 1
    assert shown[-1] == "30 more files have other columns: raw._schema_changes names them"


def test_of_many_columns_the_first_are_named() -> None:
    letters = "".join(chr(0x4E00 + n) for n in range(COLUMNS_TOLD + 2))
    (line,) = lines(judged(spec_of(), before("a"), batch("a" + letters)), "evolve")
    assert line == f"t.csv: new columns {', '.join(letters[:COLUMNS_TOLD])} and 2 more"


def test_a_first_file_is_told_against_the_catalog() -> None:
    found = judged(spec_of("warn", "a", "b"), {}, batch("ac"))
    assert lines(found, "warn") == (
        "t.csv: column c is not in sources.yml; column b is missing, NULL in its rows",
    )


# Read anew


def test_what_stood_aside_whole_and_is_sound_now_is_read_anew_as_a_batch_of_its_own() -> None:
    sound, aside, still, new = (batch("a", f"t{n}.csv") for n in range(4))
    still = batch("a", "t2.csv", problem="the file is empty")
    known = {
        sound.id: Known(Books(1, 1, 0), "run-1"),
        aside.id: Known(Books(1, 0, 1), "run-1", "column a is new"),
        still.id: Known(Books(1, 0, 1), "run-1", "the file is empty"),
    }
    (anew,) = read_anew([sound, aside, still, new], known)
    assert (anew.replay_of, anew.uri, anew.id) == (aside.id, aside.uri, anew_id(aside.id))
    assert anew.id not in known
    assert read_anew([aside], known) == [anew]
