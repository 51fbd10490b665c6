"""Which dialect a file is written in.

The usual separators are tried first, with the whole file: one is taken where every byte obeys
RFC 4180 and every record has the same width. A file that keeps no such rule is judged by its
consistency: of every separator that its lines repeat, and every way of quoting that they show.
"""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from loaders.batch import Dialect
from loaders.intake.delimited.consistency import USUAL, Judge, Score
from loaders.intake.delimited.sample import Sample, read_sample
from loaders.intake.delimited.scan import Scan, scan
from loaders.intake.record import Record


class Decision(NamedTuple):
    """The dialect of a file and why; `scan` where the whole file obeys it strictly.

    `records` are all of a small file, where they were cut on the way.
    """

    dialect: Dialect
    why: str
    scan: Scan | None = None
    records: list[Record] | None = None


def detect_dialect(
    path: Path, encoding: str, expected: Collection[str] = (), sample: Sample | None = None
) -> Decision:
    """The dialect of a file; `expected` are the columns that its table is known to have."""
    sample = sample or read_sample(path, encoding)
    present = [separator for separator in USUAL if any(separator in line for line in sample.head)]
    strict = [
        found
        for found in (scan(path, encoding, present) if present else [])
        if found.problem is None and found.width > 1
    ]
    judge = Judge(sample, expected)
    if strict:
        best = strict[0]
        if len(strict) > 1:
            best = max(strict, key=lambda found: judge.score(Dialect(found.delimiter)))
        if not judge.is_longer(best.delimiter) and not judge.doubts_quotes(best.delimiter):
            return Decision(Dialect(best.delimiter), strictly_read(best), best)
    return _most_consistent(judge)


def strictly_read(found: Scan) -> str:
    """Why a file is read in the dialect that all of it obeys."""
    return f"all {found.records} records have {found.width} fields by the rules of RFC 4180"


def _most_consistent(judge: Judge) -> Decision:
    best, score = Dialect(","), Score(0, 0.0, 0, 0)
    for delimiter in judge.delimiters:
        if score.is_convincing and delimiter not in USUAL and best.delimiter not in delimiter:
            continue
        for dialect in judge.quotings(delimiter):
            found = judge.score(dialect)
            if found > score and judge.is_credible(dialect, found):
                best, score = dialect, found
    if score.width < 2:
        return Decision(judge.single_column(), "no separator divides its lines alike")
    best = judge.with_line_end(best, score)
    return Decision(
        best,
        f"the most consistent: {score.width} fields a record, fit {score.fit:.2f} of 1",
        records=judge.cut.get(best),
    )
