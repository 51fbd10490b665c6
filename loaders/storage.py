"""File systems by address: local folders, S3, Azure Blob and the web, through fsspec.

The settings hold the credentials. Every client gives up in the end: a server that is silent must
not hang a run. Each call on such a file system may be given a `timeout` of its own, in seconds.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from loaders.errors import SettingsError
from loaders.failures import is_final
from loaders.settings import Settings

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

CONNECT_SECONDS = 5
READ_SECONDS = 30
ATTEMPTS = 3
SCHEMES = ("file", "s3", "az", "https", "http")


def filesystem_of(url: str, settings: Settings) -> "AbstractFileSystem":
    """The file system that an address lies in; `path_in` says where.

    Raises:
        SettingsError: no such address is known, or the credentials of its store are missing.
    """
    import fsspec

    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        raise SettingsError(f"{url!r} is no address of files; it begins with one of {known}")
    options = {"s3": _s3, "az": _azure, "https": _web, "http": _web}.get(scheme, _local)(settings)
    # others write there, too: a listing that was kept would be wrong
    kept = {"use_listings_cache": False, "skip_instance_cache": True}
    try:
        made = fsspec.filesystem(scheme, **options, **(kept if scheme != "file" else {}))
    except ValueError as error:  # adlfs: a connection string or key that is none
        raise SettingsError(f"{scheme}://: {_first_line(error)}") from None
    if scheme == "az":
        _end_early(made)
    return made


def _end_early(filesystem: "AbstractFileSystem") -> None:
    """Have Azure's client not try again for a minute where a name or credentials are wrong.

    adlfs hands no retry policy on.
    """
    policy = filesystem.service_client._config.retry_policy
    increment = policy.increment

    def increment_or_end(*given: Any, error: Exception | None = None, **named: Any) -> Any:
        if error is not None and is_final(error):
            return False
        return increment(*given, error=error, **named)

    policy.increment = increment_or_end


def path_in(filesystem: "AbstractFileSystem", url: str) -> str:
    """How the file system itself names an address: bucket and key, say."""
    path: str = filesystem._strip_protocol(url)
    return unquote(path) if url.startswith("file:") else path


def _local(_settings: Settings) -> dict[str, Any]:
    return {}


def _s3(settings: Settings) -> dict[str, Any]:
    """Without a key, boto's own chain finds credentials: profile, container, instance."""
    given = settings.values
    limits = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"total_max_attempts": ATTEMPTS, "mode": "standard"},
    }
    region = given.get("AWS_REGION")
    return {
        "key": given.get("AWS_ACCESS_KEY_ID"),
        "secret": given.get("AWS_SECRET_ACCESS_KEY"),
        "token": given.get("AWS_SESSION_TOKEN"),
        "endpoint_url": given.get("AWS_ENDPOINT_URL"),
        # not as an argument of the client: buckets of us-east-1 could not be made
        "config_kwargs": limits | ({"region_name": region} if region else {}),
    }


def _azure(settings: Settings) -> dict[str, Any]:
    """A connection string, else an account with its key, else Azure Identity for the account."""
    given = settings.values
    limits: dict[str, Any] = {
        "connection_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "anon": False,
    }
    account, key = given.get("AZURE_STORAGE_ACCOUNT_NAME"), given.get("AZURE_STORAGE_ACCOUNT_KEY")
    endpoint = given.get("AZURE_STORAGE_ENDPOINT_URL")
    connection_string = given.get("AZURE_STORAGE_CONNECTION_STRING")
    if not connection_string and account and key:
        place = f"BlobEndpoint={endpoint}" if endpoint else "EndpointSuffix=core.windows.net"
        named = f"AccountName={account};AccountKey={key}"
        connection_string = f"DefaultEndpointsProtocol=https;{named};{place}"
    if connection_string:
        return {"connection_string": connection_string, **limits}
    if not account:
        raise SettingsError(
            "az:// needs AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME with "
            "AZURE_STORAGE_ACCOUNT_KEY or an identity that Azure Identity finds"
        )
    from azure.identity.aio import DefaultAzureCredential

    host = {"account_host": urlsplit(endpoint).netloc} if endpoint else {}
    return {"account_name": account, "credential": DefaultAzureCredential(), **host, **limits}


def _web(_settings: Settings) -> dict[str, Any]:
    from aiohttp import ClientTimeout

    limits = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
    return {"client_kwargs": {"timeout": limits}}


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
