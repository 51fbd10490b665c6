"""The features as docs/contracts.md defines them, computed a second time, in plain Python."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction

Cells = Mapping[str, str | None]
Row = dict[str, object]

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


def user_features(
    users: Iterable[Cells], experiments: Iterable[Cells], compounds: Iterable[Cells]
) -> list[Row]:
    """One row per user, ordered by id, from the rows of three files in their order."""
    people = _current(users, "user_id")
    substances = _current(compounds, "compound_id")
    sound = {
        key: members
        for key, row in _current(experiments, "experiment_id").items()
        if _clean(row.get("user_id")) in people and (members := _members(row)) <= substances.keys()
    }
    runs = _current(experiments, "experiment_id")
    order = _order(substances)
    rows: list[Row] = []
    for user_id in sorted(people, key=_order(people).__getitem__):
        mine = [key for key in sound if _clean(runs[key].get("user_id")) == user_id]
        rows.append(
            {
                "user_id": user_id,
                "user_name": _clean(people[user_id].get("name")),
                "email": _clean(people[user_id].get("email")),
                "signup_on": _date(people[user_id].get("signup_date")),
                "total_experiments": len(mine),
                "average_experiments": len(sound) / len(people),
                "average_run_time": _mean([_number(runs[key]) for key in mine]),
                "average_compounds_per_experiment": _mean([len(sound[key]) for key in mine]),
                "experiment_share": len(mine) / len(sound) if sound else 0.0,
                **_most_common([sound[key] for key in mine], substances, order),
            }
        )
    return rows


def _clean(value: str | None) -> str | None:
    return (value or "").strip() or None


def _current(rows: Iterable[Cells], key: str) -> dict[str, Cells]:
    """The last row of every id; rows without one stand aside."""
    return {name: row for row in rows if (name := _clean(row.get(key)))}


def _members(row: Cells) -> frozenset[str]:
    parts = (row.get("experiment_compound_ids") or "").split(";")
    return frozenset(member for part in parts if (member := _clean(part)))


def _order(ids: Iterable[str]) -> dict[str, int]:
    ids = list(ids)
    if all(re.fullmatch(r"-?[0-9]+", name) for name in ids):
        return {name: i for i, name in enumerate(sorted(ids, key=lambda n: (int(n), n)))}
    return {name: i for i, name in enumerate(sorted(ids))}


def _number(row: Cells) -> Fraction | None:
    value = _clean(row.get("experiment_run_time"))
    if not value or not NUMBER.fullmatch(value):
        return None
    number = Decimal(value)
    return Fraction(number) if abs(number) < Decimal(10) ** 12 else None


def _date(value: str | None) -> date | None:
    try:
        return date.fromisoformat(_clean(value) or "")
    except ValueError:
        return None


def _mean(values: Iterable[Fraction | int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(Fraction(sum(known)) / len(known)) if known else None


def _most_common(
    lists: list[frozenset[str]], substances: Mapping[str, Cells], order: Mapping[str, int]
) -> Row:
    counts = Counter(member for members in lists for member in members)
    most = max(counts.values(), default=None)
    ties = sorted((name for name in counts if counts[name] == most), key=order.__getitem__)
    first = substances[ties[0]] if ties else {}
    return {
        "most_common_compound": _clean(first.get("compound_name")),
        "most_common_compound_id": ties[0] if ties else None,
        "most_common_compound_structure": _clean(first.get("compound_structure")),
        "most_common_compound_count": most,
        "most_common_compound_ties": ";".join(ties) or None,
    }
