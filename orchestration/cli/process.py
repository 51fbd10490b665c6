"""The process that `elt` is: it starts, does one thing and ends, and should not be waited for.

A collector of cycles that looks through a hundred thousand new objects every few milliseconds costs
a tenth of an import such as dlt's; to take the same objects apart at the end costs as much again.
"""

import atexit
import gc
import os
import signal
import sys
import traceback
from typing import NoReturn

from orchestration.cli import main

NEW_OBJECTS = 50_000  # between two collections; Python's default is 700


def elt() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    gc.set_threshold(NEW_OBJECTS, 20, 20)
    hear_sigterm()
    code: object = 1
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - --debug lets it come so far, and the process ends here
        traceback.print_exc()
    finally:
        _leave(code)


def hear_sigterm() -> None:
    """Let SIGTERM end a container's first process too, which by itself ignores it.

    Whoever has something to finish sets a handler of its own later.
    """
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))


def _leave(code: object) -> NoReturn:
    """End at once, after all that was asked to be done at the end, and with all output written."""
    atexit._run_exitfuncs()
    status = code if isinstance(code, int) else int(code is not None)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # or it was closed before we began
                stream.flush()
        except (OSError, ValueError):  # its reader is gone
            status = status or 1
    os._exit(status)
