"""Messages that are signed, sent a few times at most, and never waited for long."""

import time

import pytest

from loaders.settings.signing import is_signing_secret
from orchestration.alerts import webhooks
from orchestration.alerts.webhooks import Webhook, deliver, sign
from tests.receivers import SECRET, Receiver

BODY = b'{"type":"test"}'


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "PAUSES", (0.0, 0.0))


@pytest.mark.contract("S3-41")
def test_the_signature_is_that_of_the_specification() -> None:
    """The example of https://docs.svix.com/receiving/verifying-payloads/how-manual."""
    told = sign(
        "whsec_plJ3nmyCDGBKInavdOK15jsl",
        "msg_loFOjxBNrRLzqYUf",
        "1731705121",
        b'{"event_type":"ping","data":{"success":true}}',
    )
    assert told == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


@pytest.mark.contract("S3-41")
def test_a_message_arrives_once_signed_and_new(receiver: Receiver) -> None:
    assert deliver(Webhook(receiver.url, SECRET), "alert-1", BODY) is None
    (message,) = receiver.messages
    assert (message.path, message.body) == ("/hooks/t0ken-of-a-test", BODY)
    assert message.headers["content-type"] == "application/json"
    assert message.headers["webhook-id"] == "alert-1"
    assert abs(int(message.headers["webhook-timestamp"]) - time.time()) < 60
    assert message.is_signed_with(SECRET)
    assert not message.is_signed_with("whsec_" + "A" * 32)


def test_without_a_secret_there_is_no_signature(receiver: Receiver) -> None:
    assert deliver(Webhook(receiver.url), "alert-1", BODY) is None
    assert "webhook-signature" not in receiver.messages[0].headers


@pytest.mark.parametrize(
    ("statuses", "problem", "tries"),
    [
        ([500, 429, 200], None, 3),
        ([503], "it answered 503", 3),
        ([404], "it answered 404", 1),
        ([302], "it answered 302", 1),
    ],
)
def test_what_may_pass_is_tried_again_and_nothing_else(
    receiver: Receiver, statuses: list[int], problem: str | None, tries: int
) -> None:
    receiver.statuses = statuses
    receiver.headers = {"Location": "/elsewhere", "Content-Length": "0"}
    assert deliver(Webhook(receiver.url, SECRET), "alert-1", BODY) == problem
    assert [message.path for message in receiver.messages] == tries * ["/hooks/t0ken-of-a-test"]
    assert {message.headers["webhook-id"] for message in receiver.messages} == {"alert-1"}


def test_silence_is_not_waited_for_longer_than_allowed(receiver: Receiver) -> None:
    receiver.answers.clear()
    began = time.monotonic()
    told = deliver(Webhook(receiver.url), "alert-1", BODY, patience=0.3)
    assert told is not None
    assert time.monotonic() - began < 5


def test_nobody_there_is_told_without_the_address() -> None:
    told = deliver(Webhook("http://127.0.0.1:9/hooks/t0ken-of-a-test"), "alert-1", BODY)
    assert told is not None
    assert "ConnectError" in told
    assert "t0ken" not in told


@pytest.mark.parametrize(
    ("secret", "is_usable"),
    [
        (SECRET, True),
        ("a passphrase of some length", True),
        ("too short", False),
        ("whsec_c2hvcnQ=", False),
        ("whsec_no base64, though it is long", False),
    ],
)
def test_a_secret_is_a_key_or_a_long_text(secret: str, *, is_usable: bool) -> None:
    assert is_signing_secret(secret) is is_usable
