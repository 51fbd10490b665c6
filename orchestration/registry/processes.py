"""Whether the process of a run is there still."""

import os
import socket
from pathlib import Path

from orchestration.registry.records import RunRecord

HOST = socket.gethostname()


def is_here(record: RunRecord) -> bool:
    """Whether it is a run of this host; records of older versions do not say where they ran."""
    return record.host in (HOST, None)


def has_process(record: RunRecord) -> bool:
    """Whether the process of a run of this host is there."""
    return is_alive(record.pid, record.pid_since)


def process_start(pid: int) -> int | None:
    """When a process began, in clock ticks since the start of Linux; None on other systems."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])  # a program's name may hold spaces and brackets


def is_alive(pid: int, since: int | None) -> bool:
    """Whether a process runs that has this number, and began when that one did."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return since is None or process_start(pid) in (since, None)
