"""What a landing tells of each file: landed, known before, set aside whole, or failed."""

from loaders.batch import Batch, Books
from loaders.landing import drift
from loaders.landing.outcome import Outcome, file_outcomes
from loaders.ledger import Known


def a_batch(content: str, uri: str = "file:///a.csv") -> Batch:
    return Batch(
        id=content,
        source="paths",
        table="things",
        uri=uri,
        path="/a.csv",
        sha256=content,
        bytes=1,
        format="csv",
        encoding="utf-8",
    )


def test_each_file_is_told_with_what_became_of_it() -> None:
    known = {
        "old": Known(Books(3, 3, 0), "run-1"),
        "new": Known(Books(2, 1, 1), "run-2"),
        "aside": Known(Books(1, 0, 1), "run-2", "no header"),
    }
    batches = [a_batch(content) for content in ("old", "new", "aside", "lost")]
    told = [(f.batch_id, f.state, f.books.read) for f in file_outcomes(batches, known, "run-2")]
    assert told == [
        ("new", "landed", 2),
        ("aside", "set_aside", 1),
        ("lost", "failed", 0),
        ("old", "duplicate", 3),
    ]


def test_no_secret_is_in_what_an_outcome_says() -> None:
    outcome = Outcome("api", "http://h/?key=hidden", {}, ("no hidden",), warnings=("hidden!",))
    told = outcome.without({"hidden"})
    assert (told.origin, told.problems, told.warnings) == (
        "http://h/?key=***",
        ("no ***",),
        ("***!",),
    )


def test_two_files_with_one_content_land_once() -> None:
    known = {"new": Known(Books(2, 2, 0), "run-1")}
    batches = [a_batch("new", "file:///a.csv"), a_batch("new", "file:///b.csv")]
    told = [(file.uri, file.state) for file in file_outcomes(batches, known, "run-1")]
    assert told == [("file:///a.csv", "landed"), ("file:///b.csv", "duplicate")]


def test_what_stood_aside_whole_and_is_read_anew_counts_as_it_landed() -> None:
    anew = drift.anew_id("once")
    known = {
        "once": Known(Books(2, 0, 2), "run-1", "columns are frozen"),
        anew: Known(Books(2, 2, 0), "run-2"),
    }
    (file,) = file_outcomes([a_batch("once")], known, "run-2")
    assert (file.batch_id, file.state, file.books.landed) == (anew, "landed", 2)
