"""A check of ours, by the name of its function."""

from http import HTTPStatus
from typing import Any

import schemathesis

OPEN = ("/health", "/ready")


@schemathesis.check
def only_unauthorised(_: Any, response: Any, case: Any) -> None:
    """Without a key nothing but the probes is answered."""
    is_open = case.path in OPEN
    assert is_open or response.status_code == HTTPStatus.UNAUTHORIZED, response.status_code
