import socket

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from loaders.failures import is_final, known, why


def behind(cause: Exception, error: Exception) -> Exception:
    """The error, as it is raised from that cause."""
    error.__cause__ = cause
    return error


NAMELESS = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
AWAY = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (behind(NAMELESS, ServiceRequestError("x")), "no server is found by that name"),
        (behind(behind(AWAY, ServiceRequestError("x")), TimeoutError()), "no server is found"),
        (ClientAuthenticationError("secret"), "there are no usable credentials"),
        (PermissionError("secret"), "access is refused"),
        (TimeoutError(), "it did not answer in time"),
    ],
)
def test_what_is_wrong_is_named_without_the_words_of_the_server(
    error: Exception, told: str
) -> None:
    assert why(error).startswith(told)
    assert known(error) == why(error)


def test_what_nobody_knows_is_named_by_its_kind() -> None:
    assert known(RuntimeError("secret")) is None
    assert why(RuntimeError("secret")) == "it cannot be read (RuntimeError)"


def test_only_what_does_not_pass_is_final() -> None:
    assert is_final(behind(NAMELESS, ServiceRequestError("x")))
    assert is_final(ClientAuthenticationError("x"))
    assert not is_final(behind(AWAY, ServiceRequestError("x")))
    assert not is_final(TimeoutError())
