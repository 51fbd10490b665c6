"""A build as dbt would make it, of a few small tables: what is published is looked at, not dbt."""

import pytest

from loaders.settings import Settings
from loaders.warehouse import DuckDB, Warehouse, open_warehouse
from orchestration import builds, publishing


class Builder:
    """Builds of which every table says the same number."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.bare = "main" if isinstance(warehouse, DuckDB) else "public"
        self.relations = [
            "features.numbers",
            "ops.findings",
            "analytics.numbers",
            f"{self.bare}.numbers",
        ]

    def make(self, number: int, extra: str = "") -> str:
        """Make all tables out of sight, and publish nothing; `extra` is one more relation."""
        suffix = publishing.prepare(self.warehouse)
        builds.begin(self.warehouse, f"run-{number}", "project", "")
        made = [
            f"create table features{suffix}.numbers as select {number} as number",
            f"create table ops{suffix}.findings as select {number} as number",
            f"create view analytics{suffix}.numbers as select * from features{suffix}.numbers",
            f"create view {self.bare}{suffix}.numbers as select * from features{suffix}.numbers",
        ]
        if extra:
            schema, name = extra.split(".")
            made.append(f"create table {schema}{suffix}.{name} as select {number} as number")
        schemas = {sql.split()[2].split(".")[0] for sql in made}
        places = [f"create schema if not exists {schema}" for schema in sorted(schemas)]
        self.run(*places, *made)
        return suffix

    def publish(self, number: int, extra: str = "") -> list[str]:
        """Make all tables and publish them."""
        suffix = self.make(number, extra)
        made = [*self.relations, *([extra] if extra else [])]
        return publishing.publish(self.warehouse, f"run-{number}", suffix, made)

    def rollback(self) -> None:
        """Return to the build before."""
        publishing.rollback(self.warehouse, "run-rollback")

    def run(self, *statements: str) -> None:
        """Run statements that write."""
        self.warehouse.commit([(sql, ()) for sql in statements])

    def seen(self) -> set[int]:
        """The numbers that readers see under the published names."""
        with self.warehouse.reading() as reader:
            return {
                row[0]
                for relation in self.relations
                for row in reader.fetch(f"select number from {relation}").rows
            }

    def schemas(self) -> set[str]:
        """The schemas that hold something."""
        with self.warehouse.reading() as reader:
            rows = reader.fetch("select distinct table_schema from information_schema.tables").rows
        return {schema for (schema,) in rows} - {"information_schema", "pg_catalog"}

    def has(self, relation: str) -> bool:
        """Whether the published relation is there."""
        schema, name = relation.split(".")
        with self.warehouse.reading() as reader:
            return bool(
                reader.fetch(
                    "select 1 from information_schema.tables "
                    "where table_schema = %s and table_name = %s",
                    (schema, name),
                ).rows
            )

    def standing(self, fingerprint: str = "project") -> builds.Standing:
        """Whether a build is due."""
        with self.warehouse.reading() as reader:
            return builds.standing(reader, fingerprint)


@pytest.fixture
def builder(settings: Settings) -> Builder:
    """Builds on a warehouse of the test's own."""
    return Builder(open_warehouse(settings))
