"""How well a dialect fits the lines of a file, and which dialects there are to be tried.

After van den Burg, Nazábal and Sutton, "Wrangling messy CSV files by detecting row and type
patterns" (2019): by the right dialect most records have one width, and most values are whole.
docs/reading.md has the measure in full.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cached_property, lru_cache
from itertools import islice
from typing import NamedTuple

from loaders.batch import Dialect
from loaders.intake.columns import map_columns
from loaders.intake.delimited.grammar import grammar_of
from loaders.intake.delimited.kinds import is_single, kind_of
from loaders.intake.delimited.sample import Sample, cut_sample
from loaders.intake.delimited.split import split_records
from loaders.intake.record import Record

USUAL = (",", ";", "\t", "|")
LINES = 300  # of the head are weighed, and of every window
WEIGHED = 100  # rows are, for whether their values are whole
FINALISTS = 5
# Characters that are rather part of a value: they separate only beside quotes
INNER = frozenset("._-/\\@()[]{}<>$€£+?'\"`°")
_RUN = re.compile(r"[^\w'\"\r\n]+")
_QUOTED = re.compile(r'"[^"\n]*"|(?<![^\W_])\'[^\'\n]*\'(?![^\W_])')
# What else parts a text: words, prose, decimals; a tab or a bar has no other use
WEIGHTS = {",": 0.97, ", ": 0.93, " ": 0.7}
# How much a separator within a value tells against a dialect: commas stand in prose, tabs nowhere
TRACES = {",": 0.4, "\t": 2.0, "|": 1.5}
STRANGE = 0.8  # the weight of a separator that is none of the usual
UNDIVIDED, DIVIDED = 0.5, 0.85  # where the first line is one field, or of another width


class Score(NamedTuple):
    """How well a dialect fits, the most telling first."""

    named: int
    fit: float
    width: int
    length: int

    @property
    def is_convincing(self) -> bool:
        """Whether no stranger separator need be tried."""
        return self.width > 2 and self.fit > 0.9 * (self.width - 1) / self.width


class Judge:
    """Weighs dialects on a sample."""

    def __init__(self, sample: Sample, expected: Collection[str]) -> None:
        self._sample, self._expected = sample, expected
        self._windows = [lines[:LINES] for lines in sample.windows]
        parts = [sample.head[:LINES], *self._windows]
        self._lines = [line.strip("\r\n") for part in parts for line in part]
        self._lines = [line for line in self._lines if line.strip()]
        self._text = "\n".join(self._lines)
        self._outside = _QUOTED.sub('""', self._text)
        self.cut: dict[Dialect, list[Record]] = {}  # of a sample that is the whole file
        self._shares: dict[Dialect, tuple[float, bool]] = {}

    @cached_property
    def _marks(self) -> set[str]:
        return {*USUAL, *(c for c in "".join(self.delimiters) if not c.isspace())}

    @cached_property
    def delimiters(self) -> list[str]:
        """What could separate: what most lines hold, as often, the most regular first."""
        counted: Counter[str] = Counter()
        for line in self._outside.split("\n"):
            runs = set(_RUN.findall(line))
            singles = {character for run in runs for character in run}
            counted.update(singles | {run for run in runs if _is_compound(run)})
        needed = max(1, 0.2 * len(self._lines))
        regular = {
            candidate: self._regularity(candidate)
            for candidate, lines in counted.items()
            if (candidate in USUAL or lines >= needed) and self._can_separate(candidate)
        }
        ranked = sorted(regular, key=lambda c: (-regular[c], -len(c)))
        kept = [c for c in ranked if c in USUAL] + [c for c in ranked if c not in USUAL][:FINALISTS]
        return [c for c in kept if not any(_is_within(c, other, self._outside) for other in kept)]

    def _can_separate(self, candidate: str) -> bool:
        if len(candidate) == 1 and candidate not in INNER:
            return candidate != "\ufeff"
        if set(candidate) <= {" "}:
            return False
        if not set(candidate) <= INNER | {" "}:
            return True
        return any(f"{q}{candidate}{q}" in self._text for q in "\"'")

    def _regularity(self, candidate: str) -> float:
        counts = Counter(line.count(candidate) for line in self._outside.split("\n"))
        counts.pop(0, None)
        return max(counts.values(), default=0) / len(self._lines)

    def quotings(self, delimiter: str) -> Iterator[Dialect]:
        """The ways of quoting that the lines show beside this separator."""
        text = self._text
        yield Dialect(delimiter)
        if '\\"' in text or ('"' not in text and f"\\{delimiter}" in text):
            yield Dialect(delimiter, escape="\\")
        if self._quotes_with("'", delimiter):
            yield Dialect(delimiter, quote="'")
            if "\\'" in text:
                yield Dialect(delimiter, quote="'", escape="\\")

    def _quotes_with(self, quote: str, delimiter: str) -> bool:
        text = f"\n{self._text}\n"
        opened = text.count(delimiter + quote) + text.count("\n" + quote)
        closed = text.count(quote + delimiter) + text.count(quote + "\n")
        return opened > 0 and closed > 0

    def doubts_quotes(self, delimiter: str) -> bool:
        """Whether a file that obeys the rules may still quote otherwise."""
        standard, *others = self.quotings(delimiter)
        return any(self.score(other).fit > self.score(standard).fit for other in others)

    def is_longer(self, delimiter: str) -> bool:
        """Whether this separator only ever occurs within a longer one: a blank behind it, say."""
        at = self._outside.find(delimiter)
        before, after = self._outside[at - 1 : at], self._outside[at + 1 : at + 2]
        around = before + delimiter + after
        compounds = (delimiter + after, before + delimiter, around, delimiter * 2)
        return any(
            _is_within(delimiter, compound, self._outside)
            for compound in compounds
            if _is_compound(compound)
        )

    def score(self, dialect: Dialect) -> Score:
        """How well the dialect fits the sample."""
        records = [record for part in self._records(dialect) for record in part]
        if self._sample.is_whole and len(records) < LINES:
            self.cut[dialect] = records
        sound = [record for record in records if record.problem is None]
        width = main_width(Counter(len(record.fields) for record in sound))
        if not sound:
            return Score(0, 0.0, 0, 0)
        named = self._named(sound[:20])
        rows = [record for record in sound if len(record.fields) == width]
        share = len(rows) / len(records)
        self._shares[dialect] = (share, len(rows) == _span(records, width))
        if width < 2:
            return Score(named, 0.0, width, 0)
        is_usual = bool(set(dialect.delimiter) & set(USUAL))
        weight = WEIGHTS.get(dialect.delimiter, 1.0 if is_usual else STRANGE)
        weight *= 1 - sum(row.is_loose for row in rows) / len(rows) / 5
        first = len(records[0].fields)
        weight *= 1 if first == width else DIVIDED if first > 1 else UNDIVIDED
        whole = _wholeness(rows, dialect, set(USUAL) if is_usual else self._marks)
        fit = share * (width - 1) / width * whole * weight
        return Score(named, round(fit, 4), width, len(dialect.delimiter))

    def _records(self, dialect: Dialect) -> list[list[Record]]:
        """Records of the head and, unless fields of it span lines, of the windows behind it."""
        head = list(islice(cut_sample(self._sample, dialect), LINES))
        if any("\n" in record.text.rstrip("\r\n") for record in head):
            return [head]
        return [head, *(list(split_records(part, dialect)) for part in self._windows)]

    def _named(self, records: list[Record]) -> int:
        expected = set(self._expected)
        if not expected:
            return 0
        headers = (map_columns([f or "" for f in record.fields], expected) for record in records)
        return max(len({column.name for column in header} & expected) for header in headers)

    def is_credible(self, dialect: Dialect, score: Score) -> bool:
        """Whether lines of one value could not look like that by chance."""
        if score.width < 2 or score.named > 1:
            return score.width > 1
        is_usual = bool(set(dialect.delimiter) & set(USUAL))
        if dialect.delimiter not in self._lines[0] and not self._has_preamble:
            # a title over numbers with decimals, over names with a comma
            is_table = score.width > 2 or self._has_kinds(dialect) or score.named > 0
            if not is_usual or not is_table or self._are_single(self._lines[1:]):
                return False
        share, is_block = self._shares[dialect]
        if is_usual:
            return (
                share >= 0.5 or (score.width > 3 and share >= 0.2 and is_block) or score.named > 0
            )
        if len(self._lines) < 2 or share < 0.7 or self._are_single(self._lines):
            return False
        return score.width > 2 or len(dialect.delimiter) > 1 or self._has_kinds(dialect)

    @cached_property
    def _has_preamble(self) -> bool:
        """Whether a blank line stands among the first, below a line of text."""
        return any(not line.strip() for line in self._sample.head[1:10])

    @staticmethod
    def _are_single(lines: list[str]) -> bool:
        return sum(map(is_single, lines)) > 0.7 * len(lines)

    def _has_kinds(self, dialect: Dialect) -> bool:
        """Whether a column of two holds numbers or dates, or values are quoted."""
        quoted = any(f"{q}{dialect.delimiter}" in self._text for q in "\"'")
        rows = [r.fields for part in self._records(dialect) for r in part if len(r.fields) == 2]
        columns = list(zip(*rows[1:], strict=True))
        return quoted or any(
            sum(kind_of(value or "") is not None for value in column) > 0.9 * len(column)
            for column in columns
        )

    def single_column(self) -> Dialect:
        """For a file of one value a line; a comma in a value, not quoted, is no separator."""
        strict = grammar_of(Dialect(","))
        has_comma = any(len(strict.cut(line).fields) > 1 for line in self._lines)
        return Dialect("" if has_comma else ",")

    def with_line_end(self, dialect: Dialect, score: Score) -> Dialect:
        """The same, with a carriage return as data where the records are the more alike so."""
        text = self._sample.text
        if "\n" not in text or not re.search("\r(?!\n)", text):
            return dialect
        other = Dialect(dialect.delimiter, dialect.quote, dialect.escape, "lf")
        lines = [line + "\n" for line in text[:-1].split("\n")]
        judge = Judge(Sample(lines, [], is_whole=True), self._expected)
        found = judge.score(other)
        return other if found.width == score.width and found > score else dialect


@lru_cache(maxsize=1 << 12)
def _is_compound(run: str) -> bool:
    """Whether a run of characters is one separator: twins, twins around another, blanks behind."""
    core = run.rstrip(" \t") if run != f" {run.strip()} " else run.strip()
    if len(run) < 2 or len(run) > 4 or not core or any(c.isalnum() for c in run):
        return False
    if len(core) == 1:
        return core not in INNER and len(run) - len(core) <= 2
    is_sound = not set(core) <= INNER | {" "} and "\n" not in run
    return is_sound and core == run and core == core[::-1]


def _is_within(short: str, longer: str, text: str) -> bool:
    """Whether the short one occurs in the text only as a part of the longer one."""
    if len(longer) <= len(short) or short not in longer:
        return False
    if longer[-1] in " \t":  # editors cut blanks off the ends of lines
        text = re.sub(f"{re.escape(longer.rstrip())}$", "", text, flags=re.MULTILINE)
    many, within = text.count(short), text.count(longer) * longer.count(short)
    if longer == short * 2 and short in USUAL[:3] and text.count(longer) <= text.count("\n") + 1:
        return False  # rather a column without a title, or a value
    strays = 0.02 * many if longer == short * len(longer) else 0  # a lone twin, in a preamble say
    return many > 0 and many - within <= strays


def main_width(widths: Counter[int]) -> int:
    """The width of most records that have two fields or more; of all, where none has."""
    many = {width: count for width, count in widths.items() if width > 1}
    if not many:
        return max(widths, default=0)
    return max(many, key=lambda width: (many[width], width))


def _span(records: list[Record], width: int) -> int:
    """How many records stand from the first of this width to the last."""
    places = [i for i, record in enumerate(records) if len(record.fields) == width]
    return places[-1] - places[0] + 1


def _wholeness(rows: list[Record], dialect: Dialect, marks: set[str]) -> float:
    """How far the values are without a trace of another dialect in them; 1 where all are."""
    traces = {mark: TRACES.get(mark, 1.0) for mark in marks - set(dialect.delimiter)}
    others = re.compile(
        f"[{re.escape(''.join(traces))}]|^['\"]|['\"]$" if traces else "^['\"]|['\"]$"
    )
    grammar = grammar_of(dialect)
    values = traced = 0.0
    for row in islice(rows, WEIGHED):
        plain = list(filter(None, row.fields))
        if dialect.quote in row.text:
            plain = grammar.plain_fields(grammar.body(row.text))
        values += len(row.fields)
        for value in plain:
            if others.search(value) and not is_single(value):
                traced += max(traces.get(mark, 1.0) for mark in others.findall(value))
    return max(1 - traced / values, 0.0) if values else 0.0
