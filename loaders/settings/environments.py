"""Environments: dev, test and prod, each with variables of its own, dev and test kept apart.

In the environment dev, `NAME__DEV` goes before `NAME`, wherever either is given. prod is what there
is without any environment.
"""

from collections.abc import Collection, Mapping
from typing import TypeVar

from loaders.settings.variables import (
    DATABASE_VARIABLES,
    ENVIRONMENTS,
    VariableError,
    refuse,
    without_postfix,
)

KEPT_APART = ("dev", "test")
DATABASE_NAMES = frozenset({"DATABASE_URL", *DATABASE_VARIABLES["dbname"]})
LONGEST_DATABASE = 63  # bytes of a name; PostgreSQL would cut what is longer
Value = TypeVar("Value")


def environment_named(name: str | None) -> str | None:
    """The environment, if it is one.

    Raises:
        VariableError: there is no such environment.
    """
    if name is not None and name not in ENVIRONMENTS:
        raise refuse("ELT_ENV", name)
    return name


def part_of(env: str | None) -> str:
    """The name under which an environment is kept apart; "" where it is not."""
    return env if env in KEPT_APART and env is not None else ""


def within(given: Mapping[str, Value], env: str | None) -> tuple[dict[str, Value], set[str]]:
    """The variables as they are in an environment, and the names of those that it has of its own.

    What another environment has is left out.
    """
    parts = {name: without_postfix(name) for name in given}
    own = {base: given[name] for name, (base, of) in parts.items() if of is not None and of == env}
    plain = {name: item for name, item in given.items() if parts[name][1] is None}
    return plain | own, set(own)


def database_of(
    part: str, database: dict[str, str] | None, own: Collection[str]
) -> dict[str, str] | None:
    """A server's database for an environment that is kept apart: `lab_dev` beside `lab`.

    One that is named for that environment is taken as it is; the embedded server is in its data
    folder anyway.

    Raises:
        VariableError: such a name cannot be made.
    """
    if not part or database is None or not DATABASE_NAMES.isdisjoint(own):
        return database
    name = f"{database.get('dbname', '')}_{part}"
    if "dbname" not in database or len(name.encode()) > LONGEST_DATABASE:
        why = f"{part} needs a database of its own; PGDATABASE__{part.upper()} names one"
        raise VariableError("ELT_ENV", f"ELT_ENV is {part!r}: {why}")
    return {**database, "dbname": name}
