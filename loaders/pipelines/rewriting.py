"""An object read row by row and written anew: transformed, its values checked, what is bad apart.

Rows that stand aside are written to files of their own, one for each reason, so that each lands in
quarantine with its reason and can be mended from there.
"""

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Literal

import msgspec

from loaders.batch import Batch
from loaders.errors import BadFormatError, BadFormatWarning
from loaders.intake.examine import columns_of, examine
from loaders.intake.records import fault_of, judged_records
from loaders.pipelines.objects import Format, csv_row, read_tsv
from loaders.transforms import Record, document_of, record_of, text_of, value_of
from loaders.transforms.select import Select, select
from loaders.transforms.types import Type, is_of

Policy = Literal["quarantine", "warn", "error"]


class Rewritten(msgspec.Struct, frozen=True):
    """A file that was written, and why its rows stand aside, if they do."""

    path: Path
    problem: str | None = None


def rewrite(
    path: Path, form: Format, spec: Select, types: Mapping[str, Type], policy: Policy
) -> list[Rewritten]:
    """Write the rows of an object to files: the sound ones to the first, as CSV or NDJSON.

    Raises:
        BadFormatError: the object cannot be read, or a value is not of its type and that is an
            error.
    """
    with ExitStack() as stack:
        files = _Files(
            path.with_name("rewritten") / path.stem, "ndjson" if form == "ndjson" else "csv", stack
        )
        records = _records(path, form, files)
        for record in select(records, spec):
            files.write(record, _problem(record, types, policy, files.odd))
        for (name, kind), count in files.odd.items():
            told = f"{count} values of {name} are no {kind}; they landed as they are"
            warnings.warn(told, BadFormatWarning, 2)
        return files.written()


def _problem(
    record: Record, types: Mapping[str, Type], policy: Policy, odd: "Counter[tuple[str, Type]]"
) -> str | None:
    """Why a record stands aside; None where it does not. What is NULL or empty is of any type."""
    for name, kind in types.items():
        text = text_of(record[name]) if name in record else None
        if text is None or text == "" or is_of(text, kind):
            continue
        if policy == "error":
            raise BadFormatError(f"{name} is {text[:80]!r}, which is no {kind}")
        if policy == "quarantine":
            return f"the value of {name} is no {kind}"
        odd[name, kind] += 1
    return None


class _Files:
    """The files of an object, by the reason for which their rows stand aside."""

    def __init__(self, stem: Path, form: str, stack: ExitStack) -> None:
        stem.parent.mkdir(parents=True, exist_ok=True)
        self._stem, self._form, self._stack = stem, form, stack
        self._open: dict[tuple[str | None, tuple[str, ...]], IO[bytes]] = {}
        self.odd: Counter[tuple[str, Type]] = Counter()

    def write(self, record: Record, problem: str | None) -> None:
        """Write a record to the file of those like it."""
        names = tuple(record) if self._form == "csv" else ()
        file = self._open.get((problem, names))
        if file is None:
            file = self._begin(problem, names)
        if self._form == "csv":
            file.write(csv_row([text_of(value) for value in record.values()]))
        else:
            file.write(document_of(record) + b"\n")

    def set_aside(self, line: int, text: str, problem: str) -> None:
        """Write a row that cannot be read, as one text, with its line."""
        readable = text.rstrip("\r\n").encode("utf-8", "backslashreplace").decode()
        self.write({"line": value_of(str(line)), "row": value_of(readable)}, problem)

    def written(self) -> list[Rewritten]:
        """All of them, the sound ones first; none where there are no rows."""
        reasons = sorted(self._open, key=lambda kind: kind[0] is not None)
        for file in self._open.values():
            file.flush()
        return [Rewritten(Path(self._open[kind].name), kind[0]) for kind in reasons]

    def _begin(self, problem: str | None, names: tuple[str, ...]) -> IO[bytes]:
        path = self._stem.with_name(f"{self._stem.name}-{len(self._open) + 1}.{self._form}")
        file = self._stack.enter_context(path.open("wb"))
        if names:
            file.write(csv_row(names))
        self._open[problem, names] = file
        return file


def _records(path: Path, form: Format, files: _Files) -> Iterator[Record]:
    if form == "tsv":
        header, rows = read_tsv(path)
        for row in rows:
            yield dict(zip(header, map(value_of, row), strict=True))
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
    for record, reason in judged_records(batch):
        problem = reason or fault_of(record, len(columns))
        if problem is not None:
            files.set_aside(record.line, record.text, problem)
        elif reading.format == "csv":
            yield dict(zip(names, map(value_of, record.fields), strict=True))
        else:
            document = _document(record.text)
            if document is None:
                files.set_aside(
                    record.line, record.text, "a JSON object that cannot be transformed"
                )
            else:
                yield document


def _document(text: str) -> Record | None:
    try:
        return record_of(text.encode())
    except (ValueError, RecursionError):
        return None
