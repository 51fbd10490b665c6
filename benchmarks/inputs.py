"""What lands: made anew for each run, the same bytes each time."""

import csv
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

COLUMNS = (
    "experiment_id",
    "user_id",
    "experiment_compound_ids",
    "experiment_run_time",
    "measured_at",
)
FIRST_MOMENT = datetime(2024, 1, 1)  # noqa: DTZ001 -- text of a file, in no zone
CHUNK = 100_000  # rows
ODD_ROW = 1_000  # of a careful file: every so many rows, one is out of RFC 4180

Row = tuple[str, ...]


def rows(count: int, first: int = 1) -> Iterator[Row]:
    """Experiments: five texts each, about 47 bytes together."""
    for number in range(first, first + count):
        compounds = ";".join(str(number * k % 99 + 1) for k in range(1, number % 4 + 2))
        moment = FIRST_MOMENT + timedelta(seconds=number * 61)
        user, run_time = number * 7919 % 50_000 + 1, number * 37 % 4_000 / 10
        yield str(number), str(user), compounds, str(run_time), moment.isoformat()


def plain(row: Row) -> str:
    """A line by RFC 4180."""
    return ",".join(row) + "\n"


def stray_quote(row: Row) -> str:
    """Now and then, a quote at the end of a field that none began."""
    return plain((*row[:3], row[3] + '"', row[4]) if _is_odd(row) else row)


def mixed_ends(row: Row) -> str:
    """Now and then, a line ends in CR LF instead of LF."""
    return plain(row) if not _is_odd(row) else ",".join(row) + "\r\n"


def backslashes(row: Row) -> str:
    """In every line, quotes in a quoted field, escaped by backslashes."""
    return plain((*row[:3], f'"{row[3]} \\"min\\""', row[4]))


CAREFUL: dict[str, Callable[[Row], str]] = {
    "a stray quote in one row of 1,000": stray_quote,
    "one line end of 1,000 is CR LF": mixed_ends,
    "backslash escapes in every row": backslashes,
}


def _is_odd(row: Row) -> bool:
    return int(row[0]) % ODD_ROW == 0


def write_csv(path: Path, count: int, first: int = 1, line: Callable[[Row], str] = plain) -> Path:
    """A file with a header and `count` rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(COLUMNS) + "\n")
        lines = map(line, rows(count, first))
        while chunk := "".join(islice(lines, CHUNK)):
            file.write(chunk)
    return path


def write_folder(folder: Path, files: int, rows_each: int) -> Path:
    """A folder of files that all differ."""
    folder.mkdir()
    for place in range(files):
        write_csv(folder / f"part_{place:05}.csv", rows_each, 1 + place * rows_each)
    return folder


def write_singer(source: Path, path: Path) -> Path:
    """The rows of a CSV as Singer messages: what a tap would hand to a target."""
    properties = {name: {"type": ["string", "null"]} for name in COLUMNS}
    schema = {
        "type": "SCHEMA",
        "stream": "t",
        "schema": {"properties": properties},
        "key_properties": [],
    }
    with source.open(encoding="utf-8", newline="") as file, path.open("w") as messages:
        messages.write(json.dumps(schema) + "\n")
        for row in csv.DictReader(file):
            messages.write(json.dumps({"type": "RECORD", "stream": "t", "record": row}) + "\n")
    return path


def records(count: int) -> Iterator[dict[str, object]]:
    """Small records, as an API of posts gives them."""
    for number in range(1, count + 1):
        yield {
            "userId": number % 5_000 + 1,
            "id": number,
            "title": f"Reading no. {number} of the assay",
            "body": f"Sample {number * 7919 % 100_003} held at {number % 40 + 4} °C, as agreed.",
            "tags": ["assay", f"batch-{number % 97}"],
            "score": number * 37 % 4_000 / 10,
        }
