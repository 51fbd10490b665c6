"""An object read row by row and written anew: transformed, its values checked, what is bad apart.

Rows that stand aside are written to a file of their own, each with its place in the object, its
bytes there and its reason, and land in quarantine so.
"""

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Literal

import msgspec

from loaders.batch import Batch
from loaders.errors import BadFormatError, BadFormatWarning, MissingFieldError, MissingFieldWarning
from loaders.intake.asides import Aside, line_of
from loaders.intake.columns import map_columns
from loaders.intake.decode import encode
from loaders.intake.examine import columns_of, examine
from loaders.intake.records import fault_of, judged_records, readable, unfit
from loaders.pipelines.objects import Format, csv_row, read_tsv
from loaders.transforms import Record, document_of, sent_record, text_of, value_of
from loaders.transforms.select import Select, select
from loaders.transforms.types import Type, is_of

Policy = Literal["quarantine", "warn", "error"]


class Rewritten(msgspec.Struct, frozen=True):
    """The files that were written: the sound rows, by their columns, and those that stand aside."""

    sound: tuple[Path, ...]
    aside: Path | None = None


class _Source(msgspec.Struct, frozen=True):
    """A row of the object: its number and line there (from 1), and its bytes."""

    number: int
    line: int
    raw: bytes
    text: str

    @property
    def place(self) -> str:
        return f"row {self.number}, line {self.line}"


def rewrite(
    path: Path, form: Format, spec: Select, types: Mapping[str, Type], policy: Policy
) -> Rewritten:
    """Write the rows of an object to files: the sound ones as CSV or NDJSON, the others apart.

    Raises:
        BadFormatError: the object cannot be read, or a value is not of its type and that is an
            error.
        MissingFieldError: a record has no column of a name that the types have, and that is an
            error.
    """
    with ExitStack() as stack:
        files = _Files(
            path.with_name("rewritten") / path.stem, "ndjson" if form == "ndjson" else "csv", stack
        )
        check = _Check(types, policy, spec.on_missing, files)
        for record in select(_records(path, form, files), spec, check.passes):
            files.write(record)
        check.warn()
        return files.written()


class _Check:
    """Checks the values of records against a type map, as the policies say."""

    def __init__(
        self,
        types: Mapping[str, Type],
        policy: Policy,
        on_missing: Literal["error", "warn"],
        files: "_Files",
    ) -> None:
        self._types, self._policy, self._on_missing = types, policy, on_missing
        self._files = files
        self._odd: Counter[tuple[str, Type]] = Counter()
        self._missing: Counter[str] = Counter()

    def passes(self, record: Record) -> bool:
        """Whether a record stands among the others; where it does not, it is set aside."""
        problem = self._problem(record)
        if problem is not None:
            self._files.set_aside(problem)
        return problem is None

    def warn(self) -> None:
        """Tell of what landed all the same."""
        for (name, kind), count in self._odd.items():
            told = f"{count} values of {name} are no {kind}; they landed as they are"
            warnings.warn(told, BadFormatWarning, 2)
        for name, count in self._missing.items():
            told = f"{count} records have no column {name}, whose type was not checked"
            warnings.warn(told, MissingFieldWarning, 2)

    def _problem(self, record: Record) -> str | None:
        """Why a record stands aside. What is NULL or empty is of any type."""
        for name, kind in self._types.items():
            if name not in record:
                self._miss(name, record)
                continue
            text = text_of(record[name])
            if text is None or text == "" or is_of(text, kind):
                continue
            if self._policy == "error":
                place = self._files.at.place
                raise BadFormatError(f"{place}: {name} is {text[:80]!r}, which is no {kind}")
            if self._policy == "quarantine":
                return f"the value of {name} is no {kind}"
            self._odd[name, kind] += 1
        return None

    def _miss(self, name: str, record: Record) -> None:
        if self._on_missing == "error":
            has = ", ".join(record) or "none"
            raise MissingFieldError(
                f"{self._files.at.place}: types names the column {name}; the record has {has}"
            )
        self._missing[name] += 1


class _Files:
    """The files of an object; `at` is the row of it that is being read."""

    def __init__(self, stem: Path, form: str, stack: ExitStack) -> None:
        stem.parent.mkdir(parents=True, exist_ok=True)
        self._stem, self._form, self._stack = stem, form, stack
        self._open: dict[tuple[str, ...], IO[bytes]] = {}
        self._aside: IO[bytes] | None = None
        self.at = _Source(0, 0, b"", "")

    def write(self, record: Record) -> None:
        """Write a record to the file of those like it."""
        names = tuple(record) if self._form == "csv" else ()
        file = self._open.get(names)
        if file is None:
            file = self._begin(names)
        if self._form == "csv":
            file.write(csv_row([text_of(value) for value in record.values()]))
        else:
            file.write(document_of(record) + b"\n")

    def set_aside(self, problem: str) -> None:
        """Set the row aside that is being read."""
        if self._aside is None:
            path = self._stem.with_name(f"{self._stem.name}.asides")
            self._aside = self._stack.enter_context(path.open("wb"))
        at = self.at
        self._aside.write(line_of(Aside(at.number, at.line, at.raw, readable(at.text), problem)))

    def written(self) -> Rewritten:
        """All of them; no file has no rows."""
        for file in (*self._open.values(), *filter(None, [self._aside])):
            file.flush()
        sound = tuple(Path(file.name) for file in self._open.values())
        return Rewritten(sound, Path(self._aside.name) if self._aside else None)

    def _begin(self, names: tuple[str, ...]) -> IO[bytes]:
        path = self._stem.with_name(f"{self._stem.name}-{len(self._open) + 1}.{self._form}")
        file = self._stack.enter_context(path.open("wb"))
        if names:
            file.write(csv_row(names))
        self._open[names] = file
        return file


def _records(path: Path, form: Format, files: _Files) -> Iterator[Record]:
    if form == "tsv":
        yield from _lines(path, files)
        return
    reading = examine(path)
    if reading.problem or reading.format not in ("csv", "json", "ndjson"):
        raise BadFormatError(reading.problem or f"it is {reading.format}, not {form}")
    columns = columns_of(reading)
    batch = Batch(
        id="",
        source="",
        table="",
        uri="",
        path=str(path),
        sha256="",
        bytes=0,
        format=reading.format,
        encoding=reading.encoding,
        dialect=reading.dialect,
        layout=reading.layout,
        columns=columns,
    )
    names = [column.name for column in columns]
    for number, (record, reason) in enumerate(judged_records(batch), start=1):
        raw = encode(record.text, batch.encoding)
        files.at = _Source(number, record.line, raw, record.text)
        problem = reason or fault_of(record, len(columns))
        if problem is not None:
            files.set_aside(problem)
        elif reading.format == "csv":
            yield dict(zip(names, map(value_of, record.fields), strict=True))
        else:
            try:
                document = sent_record(record.text)
            except ValueError as error:
                files.set_aside(str(error))
            else:
                yield document


def _lines(path: Path, files: _Files) -> Iterator[Record]:
    """The rows of a TSV; two columns of one name are told apart as anywhere."""
    header, cuts = read_tsv(path)
    names = [column.name for column in map_columns(header)]
    for number, cut in enumerate(cuts, start=1):
        text = cut.line.decode("utf-8", "surrogateescape")
        files.at = _Source(number, cut.number, cut.line, text)
        problem = cut.problem or unfit(text)
        if problem is not None:
            files.set_aside(problem)
        else:
            yield dict(zip(names, map(value_of, cut.row), strict=True))
