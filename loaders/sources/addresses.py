"""Where requests go: how an address is shown, and which ones a link or a redirect may lead to."""

import ipaddress
import socket
from urllib.parse import urlsplit, urlunsplit

from loaders.errors import SourceError

PUBLIC = "public"


def shown(url: str) -> str:
    """An address without what may be secret in it: user, password and query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    place = f"{host}:{parts.port}" if parts.port else host
    return urlunsplit((parts.scheme, place, parts.path, "", ""))


def is_loopback(url: str) -> bool:
    """Whether an address names this machine."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


class Guard:
    """Where requests for an address may go: elsewhere only without credentials, and in public.

    What an API links to or redirects to is the word of a stranger. It may name a loopback, private
    or link-local address only where the one that the operator gave is of the same kind. `named`
    stands before its address in what people are told.
    """

    def __init__(self, url: str, *, has_credentials: bool, named: str = "the API at ") -> None:
        self._told = f"{named}{shown(url)}"
        self._own = _place(url)
        self._has_credentials = has_credentials
        self._sound: set[str] = {self._own[1]}

    def check(self, url: str) -> None:
        """Judge an address before anything is sent to it.

        Raises:
            SourceError: nothing may be sent there.
        """
        if self._has_credentials and not self._may_be_told(url):
            raise SourceError(
                f"{self._told} links to {shown(url)}; the token is not sent to another host"
            )
        _, host, _ = _place(url)
        if host not in self._sound:
            self._refuse(url, kinds_of(host))
            self._sound.add(host)

    def check_peer(self, host: str, address: str) -> None:
        """Judge the machine that answers to a name: it may be another one than a moment ago.

        Raises:
            SourceError: nothing may be sent there.
        """
        if host.strip("[]").lower() != self._own[1]:
            self._refuse(f"http://{host}", {_kind(address)})

    def _may_be_told(self, url: str) -> bool:
        scheme, host, _ = _place(url)
        is_safer = (self._own[0], scheme) == ("http", "https") and host == self._own[1]
        return is_safer or _place(url) == self._own

    def _refuse(self, url: str, kinds: set[str]) -> None:
        for kind in sorted(kinds - {PUBLIC} - kinds_of(self._own[1])):
            raise SourceError(
                f"{self._told} leads to {shown(url)}, a {kind} address; no request is sent there"
            )


def kinds_of(host: str) -> set[str]:
    """Of which kinds the addresses of a host are; none where its name is not known here."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {_kind(str(address[0])) for *_, address in found}


def _kind(address: str) -> str:
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_loopback:
        return "loopback"
    if ip.is_link_local:
        return "link-local"
    return PUBLIC if ip.is_global and not ip.is_multicast else "private"


def _place(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port
