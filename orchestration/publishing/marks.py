"""PostgreSQL: which schemas are Assay's own, told by their comment and not by their name alone."""

from typing import Any

MARK = "A build of Assay: elt makes and drops it"
IS_OURS = f"obj_description(n.oid, 'pg_namespace') = '{MARK}'"  # n is a row of pg_namespace


def mark(session: Any, schema: str) -> None:
    """Say that a schema is Assay's own."""
    comment(session, schema, MARK)


def comment(session: Any, schema: str, text: str | None) -> None:
    """Set what is said of a schema."""
    session.execute(f'comment on schema "{schema}" is %s', (text,))


def comment_of(session: Any, schema: str) -> str | None:
    """What is said of a schema, if anything."""
    row = session.execute(
        "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = %s",
        (schema,),
    ).fetchone()
    return row[0] if row else None


def ours(session: Any) -> list[str]:
    """The schemas that are Assay's own: those of builds that readers do not see."""
    rows = session.execute(f"select nspname from pg_namespace as n where {IS_OURS}").fetchall()
    return sorted(name for (name,) in rows)
