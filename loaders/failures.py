"""What is wrong with a bucket or container, in words of ours: each client has others."""

import socket
from collections.abc import Iterator
from typing import Any

NO_SUCH_NAME = (socket.EAI_NONAME, socket.EAI_NODATA)  # others may pass


def why(error: Exception) -> str:
    """Why a bucket cannot be read, in a few words; a message of the server may show too much."""
    name = type(error).__name__
    status = _status_of(error)
    return known(error) or f"it cannot be read ({name}{f', {status}' if status else ''})"


def known(error: Exception) -> str | None:
    """The words for what is known to go wrong; None for everything else."""
    status = _status_of(error)
    causes = list(_causes(error))
    names = [type(cause).__name__ for cause in causes]
    is_refused = isinstance(error, PermissionError) or status in (401, 403)
    is_nameless = any(isinstance(cause, socket.gaierror) for cause in causes)
    has_no_rights = any("Credentials" in name or "ClientAuthentication" in name for name in names)
    rules = (
        (status == 412, "it was replaced after it was listed; run again"),
        (
            isinstance(error, FileNotFoundError) or status == 404,
            "there is no such bucket, container or object",
        ),
        (is_refused, "access is refused; check the credentials and their rights"),
        (is_nameless, "no server is found by that name; check the account or the endpoint"),
        (
            "AzureSigningError" in names,
            "the account key is none; check it, or the connection string",
        ),
        (has_no_rights, "there are no usable credentials for it"),
        (isinstance(error, TimeoutError) or "Timeout" in names[0], "it did not answer in time"),
    )
    return next((words for is_so, words in rules if is_so), None)


def is_final(error: BaseException) -> bool:
    """Whether asking again is of no use: the name or the credentials are wrong."""
    return any(
        (isinstance(cause, socket.gaierror) and cause.errno in NO_SUCH_NAME)
        or type(cause).__name__ == "ClientAuthenticationError"
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what lies behind it; a time limit hides what was tried until then."""
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _status_of(error: Exception) -> Any:
    """The status of the answer; an error of s3fs has an `errno` alone, and the answer behind it."""
    answer = getattr(error.__cause__, "response", None)
    told = answer.get("ResponseMetadata", {}) if isinstance(answer, dict) else {}
    return getattr(error, "status_code", None) or told.get("HTTPStatusCode")
