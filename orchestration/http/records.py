"""A body that has to be a JSON list of records: told to be one before a run is started for it.

Its bytes are what lands; nothing is parsed to be written again.
"""

from pathlib import Path

from loaders.intake.columns import MAX_BYTES, table_name
from loaders.intake.documents.elements import read_list
from orchestration.http.problems import Problem

FAILED = "Error loading data: "
# how a raw table is named, for those who read the API's description; check_table decides
TABLE = {"pattern": "^[a-z][a-z0-9]*(_[a-z0-9]+)*$", "maxLength": MAX_BYTES}
NO_LIST = "the body is no JSON list of records"


def check_table(name: str) -> None:
    """Refuse what is not how a raw table is named: nothing of it ever reaches SQL.

    Raises:
        Problem: 422.
    """
    if table_name(name) != name:
        raise Problem(
            422,
            f"{FAILED}{name[:80]!r} is not how a table is named; write {table_name(name)}",
        )


def check_list(path: Path) -> None:
    """Refuse a body that is no JSON list (RFC 8259) of objects, in UTF-8.

    Raises:
        Problem: 422, with the number of the first element that is none.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, record in enumerate(read_list(file), start=1):
                if record.problem:
                    raise Problem(422, f"{FAILED}{NO_LIST}: element {number}: {record.problem}")
    except UnicodeDecodeError:
        raise Problem(422, f"{FAILED}{NO_LIST}: it is not UTF-8") from None


def told(problem: Problem) -> Problem:
    """A failure of the run, in the words of this operation; that another run is on stays as is."""
    if problem.status_code == 409:
        return problem
    detail = f"{FAILED}{problem.detail}"
    return Problem(problem.status_code, detail, problem.headers, **problem.more)
