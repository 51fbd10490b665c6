"""Labs that nobody has seen: rows from a seed, written in the dialects that people's files have."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.reference import Cells, Row, user_features

LAYOUT = {
    "users": ("user_id", "name", "email", "signup_date"),
    "user_experiments": (
        "experiment_id",
        "user_id",
        "experiment_compound_ids",
        "experiment_run_time",
    ),
    "compounds": ("compound_id", "compound_name", "compound_structure"),
}


@dataclass(frozen=True)
class Dialect:
    """How a file is written; the parts that people's files differ in."""

    delimiter: str = ","
    encoding: str = "utf-8"
    line_end: str = "\n"
    quotes_all: bool = False
    starts_blank: bool = False
    ends_open: bool = False
    reverses_columns: bool = False
    extra_column: str | None = None
    upper_header: bool = False


@dataclass(frozen=True)
class Lab:
    """The rows of the three files, in their order."""

    users: list[Cells]
    user_experiments: list[Cells]
    compounds: list[Cells]
    dialects: dict[str, Dialect] = field(default_factory=dict)

    def features(self) -> list[Row]:
        """What `user_features` must hold."""
        return user_features(self.users, self.user_experiments, self.compounds)

    def write(self, folder: Path) -> Path:
        """Write the three files, each in its dialect."""
        folder.mkdir(parents=True, exist_ok=True)
        for table in LAYOUT:
            text = _text(table, getattr(self, table), self.dialects.get(table, Dialect()))
            encoding = self.dialects.get(table, Dialect()).encoding
            (folder / f"{table}.csv").write_bytes(text.encode(encoding))
        return folder


def random_lab(seed: int, prefix: str = "", dialects: dict[str, Dialect] | None = None) -> Lab:
    """A lab with ties, gaps, unknown references and broken values; `prefix` makes ids text."""
    chance = random.Random(seed)
    people = [f"{prefix}{number}" for number in chance.sample(range(1, 400), 23)]
    substances = [f"{prefix}{number}" for number in chance.sample(range(1, 120), 12)]
    users: list[Cells] = [
        {
            "user_id": _blanks(chance, name),
            "name": chance.choice(["Ada, Countess", "Grace", "李 明", None]),
            "email": f"{name}@example.org",
            "signup_date": chance.choice(["2024-02-29", "2023-01-09", "2023-02-30", "soon", None]),
        }
        for name in people
    ]
    users += [{**users[3], "name": "Corrected"}, {**users[5], "user_id": None}]
    compounds: list[Cells] = [
        {"compound_id": name, "compound_name": f"Compound, {name}", "compound_structure": "C=C"}
        for name in substances
    ]
    runs = [_experiment(chance, f"{prefix}{n}", people, substances) for n in range(1, 161)]
    runs += [{**runs[7], "experiment_compound_ids": "1:3"}]  # a broken correction
    return Lab(users, runs, compounds, dialects or {})


def _experiment(
    chance: random.Random, key: str, people: Sequence[str], substances: Sequence[str]
) -> Cells:
    members = chance.choices(substances[:5], k=chance.randint(0, 4))
    if chance.random() < 0.05:
        members.append(chance.choice(["nobody", "1:3", "4/5"]))
    between = chance.choice([";", "; ", " ; ", ";;"])
    return {
        "experiment_id": key,
        "user_id": _blanks(chance, chance.choice([*people[:-4], "ghost"])),
        "experiment_compound_ids": between.join(members) + chance.choice(["", "", ";"]) or None,
        "experiment_run_time": chance.choice(
            ["0.1", "0.2", "0.3", "12.5", "1e2", ".5", "7", "n/a", "1e999", " 3.25 ", "", None]
        ),
    }


def _blanks(chance: random.Random, value: str) -> str:
    return chance.choice([value, value, f" {value}", f"{value}\t "])


def _text(table: str, rows: Sequence[Cells], dialect: Dialect) -> str:
    columns = list(LAYOUT[table])
    if dialect.extra_column:
        columns.insert(1, dialect.extra_column)
    if dialect.reverses_columns:
        columns.reverse()
    header = [column.upper() if dialect.upper_header else column for column in columns]
    lines = [_line(header, dialect)]
    lines += [_line([row.get(column) for column in columns], dialect) for row in rows]
    text = dialect.line_end.join(lines) + ("" if dialect.ends_open else dialect.line_end)
    return (dialect.line_end if dialect.starts_blank else "") + text


def _line(fields: Sequence[str | None], dialect: Dialect) -> str:
    return dialect.delimiter.join(_field(value, dialect) for value in fields)


def _field(value: str | None, dialect: Dialect) -> str:
    if value is None:
        return ""
    special = any(part in value for part in (*dialect.delimiter, '"', "\n", "\r", "\t"))
    if dialect.quotes_all or special or not value:
        return '"' + value.replace('"', '""') + '"'
    return value
