"""Secrets never reach a log: the values of secret variables are replaced wherever they occur."""

from collections.abc import Collection
from urllib.parse import urlsplit

from loaders.settings import Settings
from loaders.settings.variables import VARIABLES

HIDDEN = "***"
MIN_SECRET_LENGTH = 4  # shorter ones would blot out ordinary words


def secrets_of(settings: Settings) -> frozenset[str]:
    """The values that must never be shown."""
    values = {settings.values.get(variable.name) for variable in VARIABLES if variable.is_secret}
    values.add((settings.database or {}).get("password"))
    values.add(urlsplit(settings.api_url or "").password)
    values |= _parts_of(settings.values.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    values.add(_password_of(settings.values.get("ELASTICSEARCH_URL", "")))
    values |= set(settings.api_keys)
    return frozenset(value for value in values if value and len(value) >= MIN_SECRET_LENGTH)


def hide(text: str, secrets: Collection[str]) -> str:
    """The text with every secret in it replaced."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _parts_of(connection_string: str) -> set[str | None]:
    """The secrets within a connection string of Azure's."""
    pairs = [part.partition("=") for part in connection_string.split(";")]
    secret = ("accountkey", "sharedaccesssignature")
    return {value for name, _, value in pairs if name.strip().lower() in secret}


def _password_of(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:  # it is no address
        return None
