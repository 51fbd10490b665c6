"""DuckDB: a build stands in schemas with a slot's suffix; published names are views onto a slot.

DuckDB renames no schema and moves no table, so the plain names (`features.user_features`) are views
onto the tables of the live slot, replaced in one transaction: nothing is written anew. There are
three slots: for what is published, what was before, and what is being built.
"""

from collections.abc import Collection, Iterable, Iterator

from loaders.errors import WarehouseError
from loaders.warehouse import DuckDB, Reader
from orchestration import builds, publications
from orchestration.publications import Build, Publication

SUFFIXES = ("__a", "__b", "__c")
LAYERS = ("staging", "clean", "features", "ops", "analytics", "main")
Statement = tuple[str, tuple[object, ...]]


def prepare(warehouse: DuckDB, published: Publication | None) -> str:
    """Empty a slot that nobody needs; its suffix."""
    taken = {build.suffix for build in published or () if build is not None}
    suffix = next(suffix for suffix in SUFFIXES if suffix not in taken)
    with warehouse.reading() as reader:
        left = list(dropped(reader, {suffix}, bases(published)))
    if left:
        warehouse.commit(left)
    return suffix


def publish(
    warehouse: DuckDB,
    published: Publication | None,
    run_id: str,
    suffix: str,
    relations: Collection[str],
) -> None:
    """Turn the plain names to a slot, and drop the slots that are not needed any more."""
    live = published.live if published else None
    with warehouse.reading() as reader:
        build_id = builds.last_id(reader)
        turned = list(_turned(reader, relations, suffix, live))
        needless = set(SUFFIXES) - {suffix, live.suffix if live else suffix}
        needed_no_more = list(dropped(reader, needless, bases(published, relations)))
    previous = live.build_id if live else None
    noted = publications.noted(run_id, build_id, suffix, previous=previous)
    warehouse.commit([*turned, *needed_no_more, builds.completed(run_id, relations), *noted])


def rollback(warehouse: DuckDB, published: Publication, previous: Build, run_id: str) -> None:
    """Turn the plain names to the slot of the build before; the other slot stays."""
    with warehouse.reading() as reader:
        turned = list(_turned(reader, previous.relations, previous.suffix, published.live))
    withdrawn = published.live.build_id
    noted = publications.noted(run_id, previous.build_id, previous.suffix, withdrawn=withdrawn)
    warehouse.commit([*turned, *noted])


def _turned(
    reader: Reader, relations: Collection[str], suffix: str, live: Build | None
) -> Iterator[Statement]:
    """Statements after which the plain names are those of a slot, and no others of the live one."""
    types = _types(reader)
    for relation in sorted(relations):
        schema, name = relation.split(".", 1)
        if (schema + suffix, name) not in types:
            raise WarehouseError(f"{schema}{suffix}.{name} is gone, so it cannot be published")
    for schema in sorted({relation.split(".", 1)[0] for relation in relations}):
        yield f'create schema if not exists "{schema}"', ()
    for relation in sorted(live.relations - set(relations) if live else ()):
        schema, name = relation.split(".", 1)
        if types.get((schema, name)) == "VIEW":
            yield f'drop view "{schema}"."{name}"', ()
    for relation in sorted(relations):
        schema, name = relation.split(".", 1)
        if (schema, name) in types:  # a table was made by hand, or by an earlier version
            kind = "view" if types[schema, name] == "VIEW" else "table"
            yield f'drop {kind} "{schema}"."{name}"', ()
        yield f'create view "{schema}"."{name}" as select * from "{schema}{suffix}"."{name}"', ()


def bases(published: Publication | None, relations: Iterable[str] = ()) -> set[str]:
    """The schemas that builds have, as far as it is known: others' may be called alike."""
    known = [build.relations for build in published or () if build is not None]
    return {*LAYERS, *(name.split(".", 1)[0] for made in (*known, relations) for name in made)}


def dropped(
    reader: Reader, suffixes: Collection[str], bases: Collection[str]
) -> Iterator[Statement]:
    """Statements that drop the schemas of these slots."""
    ours = {base + suffix for base in bases for suffix in suffixes}
    rows = reader.fetch("select distinct schema_name from duckdb_schemas()").rows
    for (schema,) in sorted(rows):
        if schema in ours:
            yield f'drop schema "{schema}" cascade', ()


def _types(reader: Reader) -> dict[tuple[str, str], str]:
    """BASE TABLE or VIEW, by schema and name."""
    rows = reader.fetch(
        "select table_schema, table_name, table_type from information_schema.tables"
    )
    return {(schema, name): kind for schema, name, kind in rows.rows}
