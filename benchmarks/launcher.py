"""Run one command and write what it took: a process so small that it adds nothing to the figures.

A child counts the memory of the process that forked it as its own until it is another program.
The harness has drivers loaded, this has not; run it with `python -I -S`.
"""

import json
import os
import sys
import time


def launch(report: str, log: str, command: list[str]) -> None:
    """Run the command to its end, its output in `log`; its figures, in seconds and bytes."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0)]
    actions += [(os.POSIX_SPAWN_DUP2, output, place) for place in (1, 2)]
    started = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(child, 0)  # with those that the child itself waited for
    seconds = time.perf_counter() - started
    figures = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "exit_code": os.waitstatus_to_exitcode(status),
    }
    with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123 -- pathlib is memory too
        json.dump(figures, file)


if __name__ == "__main__":
    launch(sys.argv[1], sys.argv[2], sys.argv[3:])
