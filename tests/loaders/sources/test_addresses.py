"""Where a link may lead: the kinds of addresses, whatever their notation."""

import pytest

from loaders.errors import SourceError
from loaders.sources.addresses import Guard, kinds_of


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("2130706433", "loopback"),
        ("0x7f.1", "loopback"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("::ffff:10.0.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("0.0.0.0", "private"),
        ("fd00::1", "private"),
        ("1.1.1.1", "public"),
    ],
)
def test_the_kind_of_an_address(host: str, kind: str) -> None:
    assert kinds_of(host) == {kind}


def test_a_private_api_may_lead_to_its_own_kind_and_no_other() -> None:
    guard = Guard("http://10.0.0.1/items", has_credentials=False)
    guard.check("http://10.9.9.9/items")
    guard.check("http://1.1.1.1/items")
    for elsewhere in ("http://127.0.0.1/", "http://169.254.169.254/"):
        with pytest.raises(SourceError, match="no request is sent there"):
            guard.check(elsewhere)


def test_a_name_that_turns_out_to_be_another_machine_is_refused() -> None:
    guard = Guard("http://api.test/items", has_credentials=False)
    guard.check_peer("api.test", "10.0.0.1")  # what the operator names is the operator's matter
    with pytest.raises(SourceError, match=r"http://rebound.test, a loopback address"):
        guard.check_peer("rebound.test", "127.0.0.1")


def test_credentials_go_to_the_host_and_to_its_safer_self() -> None:
    guard = Guard("http://1.1.1.1/items", has_credentials=True)
    guard.check("https://1.1.1.1/items")
    for elsewhere in ("http://1.1.1.1:81/", "http://1.0.0.1/"):
        with pytest.raises(SourceError, match="not sent to another host"):
            guard.check(elsewhere)
