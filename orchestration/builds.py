"""What the warehouse remembers of its builds, and whether another one is due.

`ops._builds` has a row for each: what it was made from, what it made, and when it had succeeded.
The warehouse is asked and no file, since another machine may have built it, or somebody dropped it.
"""

import json
from collections.abc import Collection
from typing import NamedTuple

from loaders.warehouse import RAW_SCHEMA, Reader, Warehouse
from orchestration import publications

SCHEMA, TABLE = "ops", "_builds"
CREATE = (
    f"create schema if not exists {SCHEMA}",
    f"""create table if not exists {SCHEMA}.{TABLE} (
        build_id bigint primary key,
        run_id varchar not null,
        fingerprint varchar not null, -- of the dbt project and its settings
        ledger varchar not null, -- what had landed
        relations varchar, -- what the build made, a JSON list
        started_at timestamp with time zone not null,
        built_at timestamp with time zone -- NULL: failed, interrupted, or under way
    )""",
)
BEGIN = (
    f"insert into {SCHEMA}.{TABLE} (build_id, run_id, fingerprint, ledger, started_at) "
    "select coalesce(max(build_id), 0) + 1, cast(%s as varchar), cast(%s as varchar), "
    f"cast(%s as varchar), current_timestamp from {SCHEMA}.{TABLE}"
)
COMPLETE = (
    f"update {SCHEMA}.{TABLE} set built_at = current_timestamp, relations = %s "
    f"where build_id = (select max(build_id) from {SCHEMA}.{TABLE}) and run_id = %s"
)
# The ledger only ever grows: its ends and its length say whether anything came in. A landing that
# did not become current counts too, since some models read all that ever landed.
LEDGER = {
    "_landings": "max(landing_id), cast(max(landed_at) as varchar)",
    "_batches": "count(*), cast(max(landed_at) as varchar)",
    "_replays": "count(*)",
    "_tombstones": "count(*)",
    "_erasures": "count(*)",
}


class Standing(NamedTuple):
    """How the models stand to the raw data: why a build is due, or None and the run of the last.

    `withdrawn` is the run whose build is the newest and was rolled back; `run_id` is then that of
    the build which readers see.
    """

    reason: str | None
    run_id: str | None
    ledger: str
    withdrawn: str | None = None


class _Build(NamedTuple):
    build_id: int
    run_id: str
    fingerprint: str
    ledger: str
    relations: Collection[str]
    has_succeeded: bool


def standing(reader: Reader, fingerprint: str) -> Standing:
    """Whether the last build was made from what is there now, and all that it made is there."""
    existing = _relations(reader)
    ledger = _ledger(reader, existing)
    last = _last(reader) if f"{SCHEMA}.{TABLE}" in existing else None
    if last is None:
        return Standing("nothing was built yet", None, ledger)
    is_known = f"{publications.SCHEMA}.{publications.TABLE}" in existing
    published = publications.last(reader) if is_known else None
    withdrawn = published.withdrawn if published else None
    if published is None or withdrawn is None or withdrawn.build_id != last.build_id:
        return Standing(_reason(last, fingerprint, ledger, existing), last.run_id, ledger)
    # What was rolled back is not built again from the same, but what readers see has to be there
    seen = last._replace(relations=published.live.relations)
    reason = _reason(seen, fingerprint, ledger, existing)
    return Standing(reason, published.live.run_id, ledger, withdrawn.run_id)


def begin(warehouse: Warehouse, run_id: str, fingerprint: str, ledger: str) -> None:
    """Note that a build begins: until it is complete, the next run finds one due.

    Raises:
        WarehouseError: the warehouse cannot be written.
    """
    warehouse.commit([*((sql, ()) for sql in CREATE), (BEGIN, (run_id, fingerprint, ledger))])


def completed(run_id: str, relations: Collection[str]) -> tuple[str, tuple[object, ...]]:
    """The statement that notes that the build succeeded, and which relations it made.

    For the transaction that publishes it.
    """
    return COMPLETE, (json.dumps(sorted(relations)), run_id)


def last_made(reader: Reader) -> Collection[str]:
    """What the last build made that succeeded, as `schema.name`."""
    rows = reader.fetch(
        f"select relations from {SCHEMA}.{TABLE} where built_at is not null "
        "order by build_id desc limit 1"
    ).rows
    return json.loads(rows[0][0] or "[]") if rows else ()


def last_id(reader: Reader) -> int:
    """The number of the build that was begun last."""
    found = reader.fetch(f"select max(build_id) from {SCHEMA}.{TABLE}").rows[0][0]
    return int(found)


def _reason(last: _Build, fingerprint: str, ledger: str, existing: Collection[str]) -> str | None:
    if not last.has_succeeded:
        return f"the build of run {last.run_id} did not succeed"
    if last.fingerprint != fingerprint:
        return "the dbt project or a setting of it has changed"
    if _landed(last.ledger) != _landed(ledger):
        return "other data has landed"
    if last.ledger != ledger:
        return "rows were deleted"
    missing = [relation for relation in sorted(last.relations) if relation not in existing]
    return f"{missing[0]} is missing" if missing else None


def _landed(ledger: str) -> list[str]:
    return [end for end in ledger.split("; ") if not end.startswith(("_tombstones ", "_erasures "))]


def _last(reader: Reader) -> _Build | None:
    rows = reader.fetch(
        "select build_id, run_id, fingerprint, ledger, relations, built_at is not null "
        f"from {SCHEMA}.{TABLE} order by build_id desc limit 1"
    ).rows
    for build_id, run_id, fingerprint, ledger, relations, has_succeeded in rows:
        made = json.loads(relations or "[]")
        return _Build(build_id, run_id, fingerprint, ledger, made, has_succeeded)
    return None


def _relations(reader: Reader) -> set[str]:
    """Every relation of the warehouse: models may be in schemas that only the project names."""
    rows = reader.fetch(
        "select table_schema, table_name from information_schema.tables "
        "where table_schema not in ('information_schema', 'pg_catalog')"
    ).rows
    return {f"{schema}.{name}" for schema, name in rows}


def _ledger(reader: Reader, existing: Collection[str]) -> str:
    """What has landed, in a line that is another one as soon as anything else has."""
    ends = []
    for table, columns in LEDGER.items():
        if f"{RAW_SCHEMA}.{table}" in existing:
            row = reader.fetch(f"select {columns} from {RAW_SCHEMA}.{table}").rows[0]
            if any(row):
                ends.append(f"{table} {', '.join(str(value) for value in row)}")
    return "; ".join(ends)
