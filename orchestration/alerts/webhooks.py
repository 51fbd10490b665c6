"""Signed messages to an address of the operator's, in the manner of Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import threading
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from loaders.settings import Settings
from loaders.settings.signing import signing_key
from loaders.sources.addresses import is_loopback

PATIENCE = 15.0  # seconds, for all tries together
PAUSES = (1.0, 3.0)  # seconds between two tries
WORTH_ANOTHER_TRY = (408, 425, 429)  # and what begins with 5


class Webhook(NamedTuple):
    """Where messages go, and with what they are signed; without a secret they are not."""

    url: str
    secret: str | None = None

    @property
    def place(self) -> str:
        """Its host, for people: the path of such an address is often a credential."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


def webhook_of(settings: Settings) -> Webhook | None:
    """The webhook that the settings name, if any."""
    url = settings.values.get("ALERT_WEBHOOK_URL")
    return Webhook(url, settings.values.get("ALERT_WEBHOOK_SECRET")) if url else None


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """The signature of a message: HMAC-SHA256 over its id, its time and its body."""
    content = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(signing_key(secret), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def deliver(
    webhook: Webhook, message_id: str, body: bytes, patience: float = PATIENCE
) -> str | None:
    """Send a message, trying again where that may help; None when it was taken, else why not.

    It takes no longer than `patience` seconds, whatever the other side does: the tries are made in
    a thread, which is left behind then.
    """
    deadline = time.monotonic() + patience
    told: list[str | None] = []
    tries = threading.Thread(
        target=lambda: told.append(_try(webhook, message_id, body, deadline)), daemon=True
    )
    tries.start()
    tries.join(patience)
    return told[0] if told else f"no answer within {patience:g} s"


def _try(webhook: Webhook, message_id: str, body: bytes, deadline: float) -> str | None:
    problem: str | None = "no answer"
    for pause in (*PAUSES, None):
        problem, may_help = _send(webhook, message_id, body, deadline - time.monotonic())
        if problem is None or not may_help or pause is None:
            break
        if time.monotonic() + pause >= deadline:
            break
        time.sleep(pause)
    return problem


def _send(
    webhook: Webhook, message_id: str, body: bytes, seconds: float
) -> tuple[str | None, bool]:
    """What went wrong with one try, if anything, and whether another may help.

    A redirect is not followed: who answers with one is not who was named.
    """
    import httpx

    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Assay",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
    }
    if webhook.secret:
        headers["webhook-signature"] = sign(webhook.secret, message_id, timestamp, body)
    try:
        with (
            httpx.Client(timeout=seconds, trust_env=not is_loopback(webhook.url)) as client,
            client.stream("POST", webhook.url, content=body, headers=headers) as answer,
        ):
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return f"{type(error).__name__}: {error}", True
    if 200 <= status < 300:
        return None, False
    return f"it answered {status}", status >= 500 or status in WORTH_ANOTHER_TRY
