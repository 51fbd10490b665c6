"""What messages can be signed with: a key in the form of Standard Webhooks, or a text."""

import base64
import binascii

ENCODED = "whsec_"  # before a key in base64
KEY_BYTES = range(24, 65)
MIN_TEXT = 16  # characters


def signing_key(secret: str) -> bytes:
    """The bytes that a secret stands for: those in base64 after `whsec_`, else its own.

    Raises:
        ValueError: what follows `whsec_` is no base64.
    """
    if not secret.startswith(ENCODED):
        return secret.encode()
    return base64.b64decode(secret.removeprefix(ENCODED), validate=True)


def is_signing_secret(secret: str) -> bool:
    """Whether a secret can be used, and is not to be guessed."""
    try:
        key = signing_key(secret)
    except (binascii.Error, ValueError):
        return False
    if secret.startswith(ENCODED):
        return len(key) in KEY_BYTES
    return len(secret) >= MIN_TEXT
