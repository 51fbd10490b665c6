"""The one log of all parts: many processes append to a file, which begins anew when it is large.

A line is one `write` to a file opened with O_APPEND, which POSIX does not mix with another's
(https://pubs.opengroup.org/onlinepubs/9799919799/functions/write.html). So no lock is taken for a
line: a process that was stopped while it held one would stop every run. Only who begins the file
anew holds one, and nobody waits for it.
"""

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

NAME = "etl.log"
LARGEST = 10_000_000  # bytes; then it begins anew
KEPT = 5  # of those before it: etl.log.1 is the newest
LOCK = ".etl.log.lock"


class SharedLog(logging.Handler):
    """Appends to the log in a folder, which is made when something is to be written.

    Where it cannot be written, that is told once on standard error, and nothing fails for it.
    """

    def __init__(self, folder: Path, largest: int = LARGEST) -> None:
        super().__init__()
        self._folder = folder
        self._path = folder / NAME
        self._largest = largest
        self._file: int | None = None
        self._is_torn = False
        self._has_told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write one event."""
        try:
            line = self.format(record).encode("utf-8", "backslashreplace") + b"\n"
        except Exception:  # noqa: BLE001 -- an event that cannot be told fails nothing
            self.handleError(record)
            return
        try:
            self._append(line)
        except OSError as error:
            self._tell(error)

    def close(self) -> None:
        """Let go of the file."""
        with suppress(OSError):
            self._let_go()
        super().close()

    def _append(self, line: bytes) -> None:
        size = self._follow()
        if size and size + len(line) > self._largest:
            self._begin_anew(len(line))
        assert self._file is not None
        line = b"\n" + line if self._is_torn else line
        while written := os.write(self._file, line):
            line = line[written:]
            self._is_torn = bool(line)  # the disk is filling up: the rest may find no room
            if not line:
                break

    def _follow(self) -> int:
        """Have the file open that is there now, which may be another's beginning; its size."""
        there = None
        with suppress(FileNotFoundError):
            there = self._path.stat()
        if self._file is not None:
            own = os.fstat(self._file)
            if there is not None and (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino):
                return own.st_size
        return self._open()

    def _open(self) -> int:
        self._let_go()
        self._folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o666)
        return os.fstat(self._file).st_size

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _begin_anew(self, more: int) -> None:
        """Number the files anew and begin another, unless somebody else is doing so."""
        from filelock import FileLock, Timeout

        try:
            with FileLock(self._folder / LOCK, timeout=0):
                if self._follow() + more <= self._largest:  # somebody else has done so
                    return
                for number in range(KEPT, 0, -1):
                    before = self._numbered(number - 1)
                    with suppress(FileNotFoundError):
                        before.rename(self._numbered(number))
                self._open()
        except Timeout:
            return
        except OSError as error:  # the folder may not be written: the file goes on growing
            self._tell(error)

    def _numbered(self, number: int) -> Path:
        return self._folder / f"{NAME}.{number}" if number else self._path

    def _tell(self, error: OSError) -> None:
        if self._has_told:
            return
        self._has_told = True
        told = f"WARNING the log {self._path} cannot be written: {error.strerror or error}\n"
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(told)
