"""Audit before publish: a build stands out of sight until all of it has passed its tests.

`prepare` says where dbt builds; `publish` turns the published names to what it made there, in one
transaction; `rollback` turns them back. What differs between the warehouses is in `slots` (DuckDB)
and `schemas` (PostgreSQL).
"""

from collections.abc import Collection

from loaders.errors import AssayError
from loaders.warehouse import DuckDB, Warehouse
from orchestration import publications
from orchestration.publications import Publication
from orchestration.publishing import schemas, slots


class NothingToReturnToError(AssayError):
    """There is no build before the published one."""


def prepare(warehouse: Warehouse) -> str:
    """Make room for a build; the suffix of the schemas in which dbt is to make it.

    What a build before left there, which was not published, is dropped.

    Raises:
        WarehouseError: the warehouse cannot be written.
    """
    published = _published(warehouse)
    if isinstance(warehouse, DuckDB):
        return slots.prepare(warehouse, published)
    return schemas.prepare(warehouse, published)


def publish(
    warehouse: Warehouse, run_id: str, suffix: str, relations: Collection[str]
) -> list[str]:
    """Turn the published names to the build of a run, and note that it succeeded; warnings.

    Readers see all of the build before, then all of this one.

    Raises:
        WarehouseError: the names could not be turned; they are as they were.
    """
    published = _published(warehouse)
    if isinstance(warehouse, DuckDB):
        slots.publish(warehouse, published, run_id, suffix, relations)
        return []
    return schemas.publish(warehouse, published, run_id, relations)


def rollback(warehouse: Warehouse, run_id: str) -> Publication:
    """Turn the published names back to the build before; what is published now.

    Raises:
        NothingToReturnToError: nothing was published before, or it was rolled back already.
        WarehouseError: the names could not be turned; they are as they were.
    """
    published = _published(warehouse)
    if published is None:
        raise NothingToReturnToError("no build was published yet; `elt run` publishes one")
    if published.withdrawn is not None:
        raise NothingToReturnToError(
            f"the build of run {published.withdrawn.run_id} was rolled back already, and none "
            "before it is kept; `elt transform` builds and publishes anew"
        )
    if published.previous is None:
        raise NothingToReturnToError(
            f"the build of run {published.live.run_id} is the first that was published: there is "
            "none before it"
        )
    if isinstance(warehouse, DuckDB):
        slots.rollback(warehouse, published, published.previous, run_id)
    else:
        schemas.rollback(warehouse, published, published.previous, run_id)
    return Publication(published.previous, None, published.live)


def _published(warehouse: Warehouse) -> Publication | None:
    with warehouse.reading() as reader:
        return publications.latest(reader)
