"""Connections for reading that a command keeps until it ends, instead of one for each reading.

To open a DuckDB file takes 30 ms and its first statement about as long; to connect to a server and
to start a pool, likewise. A run that finds nothing new reads six times and does little else.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

_kept: list[dict[Hashable, Any]] = []  # one entry while a command keeps connections, else none


@contextmanager
def kept_open() -> Iterator[None]:
    """Keep what is opened for reading meanwhile, until the end or until `let_go`.

    For a command, which reads in one thread: two of them would share a connection.
    """
    if _kept:
        yield
        return
    _kept.append({})
    try:
        yield
    finally:
        for connection in _kept.pop().values():
            connection.close()


def is_keeping() -> bool:
    """Whether connections are kept now."""
    return bool(_kept)


def kept(place: Hashable, connect: Callable[[], Any]) -> Any:
    """The connection that is kept for a place; a new one where there is none."""
    connections = _kept[0]
    if place not in connections:
        connections[place] = connect()
    return connections[place]


def let_go(place: Hashable) -> None:
    """Close the connection that is kept for a place, if there is one."""
    if _kept and place in _kept[0]:
        _kept[0].pop(place).close()
