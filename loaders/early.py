"""Imports that take long, begun in a thread while something else is waited for.

Two threads that import parts of one package can be given halves of it: whoever needs what is on its
way waits for all of it.
"""

import threading
from collections.abc import Callable

_under_way: list[threading.Thread] = []


def begin(imports: Callable[[], None]) -> None:
    """Begin to import something."""
    thread = threading.Thread(target=imports, daemon=True)
    _under_way.append(thread)
    thread.start()


def wait() -> None:
    """Wait for what was begun, unless it is this that asks."""
    for thread in list(_under_way):
        if thread is not threading.current_thread():
            thread.join()
            _under_way.remove(thread)
