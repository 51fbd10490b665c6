"""What whoever starts a run may give it: its id, and that of the request that it serves.

They are for one run of one process: whoever takes them leaves none, so that nothing it starts (dbt,
a server, a later run) finds them.
"""

import os
import re
from collections.abc import MutableMapping
from typing import NamedTuple

from loaders.settings.variables import OF_A_START, refuse

FORMS = {
    "ELT_RUN_ID": re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}"),
    "ELT_REQUEST_ID": re.compile(r"[\x21-\x7e]{1,200}"),
}


class Starter(NamedTuple):
    """The ids that a run was given; None where it has none."""

    run_id: str | None = None
    request_id: str | None = None

    def environment(self) -> dict[str, str]:
        """The variables that give them to a process."""
        pairs = zip(OF_A_START, self, strict=True)
        return {name: value for name, value in pairs if value is not None}


def take_starter(environ: MutableMapping[str, str] | None = None) -> Starter:
    """Take the ids out of the environment.

    Raises:
        VariableError: one is none.
    """
    given = os.environ if environ is None else environ
    taken = [given.pop(name, "") or None for name in OF_A_START]
    for name, value in zip(OF_A_START, taken, strict=True):
        if value is not None and not FORMS[name].fullmatch(value):
            raise refuse(name, value)
    return Starter(*taken)


def is_request_id(text: str) -> bool:
    """Whether a run can be given it as the id of its request."""
    return FORMS["ELT_REQUEST_ID"].fullmatch(text) is not None


def without_starter() -> dict[str, str]:
    """The environment of this process, for one that it starts."""
    return {name: value for name, value in os.environ.items() if name not in OF_A_START}
