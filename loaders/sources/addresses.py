"""Where requests go: how an address is shown, and which ones a link or a redirect may lead to."""

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit, urlunsplit

from loaders.errors import SourceError

PUBLIC = "public"
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


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

    def addresses_of(self, _host: str, _port: int, /) -> list[str]:
        """The addresses that a connection to a host may be made to; none leaves that to it.

        Raises:
            SourceError: nothing may be sent there.
        """
        return []

    def _may_be_told(self, url: str) -> bool:
        scheme, host, _ = _place(url)
        is_safer = (self._own[0], scheme) == ("http", "https") and host == self._own[1]
        return is_safer or _place(url) == self._own

    def _refuse(self, url: str, kinds: set[str]) -> None:
        for kind in sorted(kinds - {PUBLIC} - kinds_of(self._own[1])):
            raise SourceError(
                f"{self._told} leads to {shown(url)}, a {kind} address; no request is sent there"
            )


class RefusedAddressError(SourceError):
    """An address that somebody gave who may not send this machine there."""


class StrangerGuard(Guard):
    """A guard of an address that is itself the word of a stranger: it has to be public, too.

    `hosts` are those that the operator lists, as `host` or `host:port`; they may be anywhere. A
    connection is made to an address that was judged, whatever the name means a moment later.
    """

    def __init__(self, url: str, *, has_credentials: bool, hosts: Collection[str]) -> None:
        super().__init__(url, has_credentials=has_credentials)
        self._hosts = {host.lower() for host in hosts}
        self._sound = set()
        self._first = _place(url)

    def check(self, url: str) -> None:
        """Judge an address before anything is sent to it.

        Raises:
            RefusedAddressError: it is the one that was given, and not public.
            SourceError: nothing may be sent there.
        """
        scheme, host, port = _place(url)
        if scheme not in ("http", "https"):
            raise SourceError(f"{self._told} leads to {scheme}://, which is refused")
        if self._has_credentials and not self._may_be_told(url):
            raise SourceError(
                f"{self._told} links to {shown(url)}; the token is not sent to another host"
            )
        self._judge(host, port, kinds_of(host))

    def check_peer(self, host: str, address: str) -> None:
        """Nothing: the connection was made to an address that was judged."""

    def addresses_of(self, host: str, port: int, /) -> list[str]:
        """The addresses of a host, judged.

        Raises:
            SourceError: nothing may be sent there.
        """
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise SourceError(f"{self._told} leads to {host}, which is no known host") from None
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        self._judge(host.strip("[]"), port, {_kind(address) for address in addresses})
        return addresses

    def _judge(self, host: str, port: int | None, kinds: set[str]) -> None:
        host = host.lower()
        if self._hosts & {host, f"{host}:{port}"}:
            return
        for kind in sorted(kinds - {PUBLIC}):
            told = f"{host} is a {kind} address, and no request is sent there"
            if (host, port) == self._first[1:]:
                raise RefusedAddressError(f"{told}; INGEST_ALLOWED_HOSTS may list it")
            raise SourceError(f"{self._told} leads elsewhere: {told}")


def kinds_of(host: str) -> set[str]:
    """Of which kinds the addresses of a host are; none where its name is not known here."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {_kind(str(address[0])) for *_, address in found}


def _within(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip in NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


def _kind(address: str) -> str:
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = _within(ip) or ip
    if ip.is_loopback:
        return "loopback"
    if ip.is_link_local:
        return "link-local"
    return PUBLIC if ip.is_global and not ip.is_multicast else "private"


def _place(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port
