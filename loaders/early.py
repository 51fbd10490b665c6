"""Imports that take long, begun in a thread while something else is waited for.

Two threads that import parts of one package can be given halves of it: whoever needs what is on its
way waits for all of it.
"""

import threading
from collections.abc import Callable

_begun: list[threading.Thread] = []
_begins = threading.Lock()


def begin(imports: Callable[[], None]) -> None:
    """Begin to import something."""
    thread = threading.Thread(target=imports, daemon=True)
    with _begins:  # nobody waits for a thread that has not started
        _begun.append(thread)
        thread.start()


def wait() -> None:
    """Wait for what was begun; where that is one of those itself, for what was begun before it."""
    with _begins:
        threads = list(_begun)
    asking = threading.current_thread()
    for thread in threads:
        if thread is asking:
            break  # those after it may wait for it
        thread.join()
