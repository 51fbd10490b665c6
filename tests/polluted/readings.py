"""How near the table that a reader prints is to a file's clean form, and RFC 4180, strictly."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.polluted.tables import Row

Reading = tuple[list[str] | None, list[Row]]


@dataclass(frozen=True)
class Polluted:
    """A file and its clean form; `header` is None where the file has none."""

    name: str
    content: bytes
    header: list[str] | None
    rows: list[Row]
    alternatives: tuple[Reading, ...] = ()

    @property
    def kind(self) -> str:
        """What was done to it."""
        return self.name.partition("__")[0]

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Every defensible reading, the best first."""
        return ((self.header, self.rows), *self.alternatives)


# RFC 4180, strictly: what is printed and what clean forms are written in

_FIELD = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\n|\Z)')


class NotRfc4180Error(ValueError):
    """The text is not RFC 4180 with LF ends."""


def parse(text: str) -> list[Row]:
    """The records of RFC 4180 text with LF ends; a field empty without quotes is None."""
    records: list[Row] = []
    record: Row = []
    at = 0
    while at < len(text) or record:
        found = _FIELD.match(text, at)
        if found is None:
            raise NotRfc4180Error(f"at character {at}: {text[at : at + 40]!r}")
        quoted, bare, end = found.groups()
        record.append(bare or None if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if end != ",":
            records.append(record)
            record = []
    return records


def write(records: Iterable[Sequence[str | None]]) -> str:
    """Records as RFC 4180 text with LF ends."""
    return "".join(",".join(map(_printed, record)) + "\n" for record in records)


def _printed(value: str | None) -> str:
    if value is None:
        return ""
    return (
        value
        if value and not set(value) & set(',"\r\n')
        else f'"{value.replace(chr(34), chr(34) * 2)}"'
    )


# Scores


class Part(NamedTuple):
    """Precision and recall over a multiset."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True)
class Score:
    """How near a printed table is to the clean form.

    `problem` says why nothing can be compared.
    """

    name: str
    has_header: bool
    records: Part
    cells: Part
    is_exact: bool
    problem: str = ""
    kind: str = ""

    @property
    def mean(self) -> float:
        """Header, records and cells together."""
        return (self.has_header + self.records.f1 + self.cells.f1) / 3


def score(made: Polluted, printed: str | None) -> Score:
    """The score of what was printed for a file, by the reading that suits it best.

    A file of nothing may also be refused: then nothing is printed.
    """
    problem = ""
    try:
        records = parse(printed or "")
        if printed is None and (made.header or made.rows):
            problem = "nothing printed"
    except NotRfc4180Error as error:
        records, problem = [], f"not RFC 4180: {error}"
    scores = (_against(made, reading, records, problem) for reading in made.readings)
    return max(scores, key=lambda each: (each.is_exact, each.mean))


def _against(made: Polluted, reading: Reading, records: list[Row], problem: str) -> Score:
    header, rows = reading
    if header is None:
        has_header, found = records[:1] == rows[:1], records
    else:
        titles = [[cell or "" for cell in record] for record in records[:1]]
        has_header, found = titles == [header], records[1:]
    return Score(
        name=made.name,
        has_header=has_header,
        records=_part([tuple(row) for row in rows], [tuple(row) for row in found]),
        cells=_part([c for row in rows for c in row], [c for row in found for c in row]),
        is_exact=has_header and rows == found,
        problem=problem,
        kind=made.kind,
    )


def _part(wanted: Sequence[object], found: Sequence[object]) -> Part:
    if not wanted and not found:
        return Part(1.0, 1.0)
    shared = (Counter(wanted) & Counter(found)).total()
    return Part(shared / len(found) if found else 0.0, shared / len(wanted) if wanted else 0.0)


def report(scores: Sequence[Score]) -> str:
    """A table of means by kind."""
    titles = ("kind", "files", "exact", "header", "P rec", "R rec", "F1 rec", "P cell", "R cell")
    lines = [f"{titles[0]:24}" + "".join(f"{title:>8}" for title in (*titles[1:], "F1 cell"))]
    kinds: dict[str, list[Score]] = {}
    for each in scores:
        kinds.setdefault(each.kind, []).append(each)
    for kind, members in [*kinds.items(), ("all", list(scores))]:
        means = [
            sum(values) / len(members)
            for values in zip(
                *(
                    (s.is_exact, s.has_header, *s.records, s.records.f1, *s.cells, s.cells.f1)
                    for s in members
                ),
                strict=True,
            )
        ]
        lines.append(f"{kind:24}{len(members):8}" + "".join(f"{mean:8.3f}" for mean in means))
    return "\n".join(lines)


def worst(scores: Sequence[Score], count: int = 40) -> str:
    """The files furthest from their clean form, a line each."""
    bad = sorted((each for each in scores if not each.is_exact), key=lambda each: each.mean)
    return "\n".join(
        f"{each.mean:.3f}  header {'yes' if each.has_header else 'no ':3}  records "
        f"{each.records.f1:.3f}  cells {each.cells.f1:.3f}  {each.name}  {each.problem}".rstrip()
        for each in bad[:count]
    )


def score_folder(files: Sequence[Polluted], folder: Path) -> list[Score]:
    """The scores of printed tables, each under the name of its file."""
    return [score(made, _text(folder / made.name)) for made in files]


def _text(path: Path) -> str | None:
    return path.read_bytes().decode() if path.is_file() else None
