"""The docs site of the models, as `elt docs` wrote it; the service starts that when it is due.

The service goes on showing the older one meanwhile.
"""

import logging
import os
import signal
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

from loaders import logs
from loaders.errors import AssayError
from loaders.settings import Settings
from loaders.settings.starter import without_starter
from loaders.warehouse import Warehouse
from orchestration.docs import published_build, site_of
from orchestration.http.runs import variables_of
from orchestration.invocations import COMMAND, begin_log
from orchestration.lock import holder_of

LOG = "service-docs.log"  # in the log folder: what `elt docs` said
RETRY_SECONDS = 60.0  # after it failed
LAST_BYTES = 4096  # of what it said
log = logging.getLogger("assay.http")


class Page(NamedTuple):
    """The site's only file, and what its browser is allowed to do: its own scripts, no request."""

    content: bytes
    policy: str


class Standing(NamedTuple):
    """How the site stands to the published build; `told` says why it is not there."""

    page: Page | None
    told: str = ""
    problem: str | None = None


class DocsSite:
    """The site of this service's data folder; one process at a time makes it anew."""

    def __init__(self, settings: Settings, command: Sequence[str] = COMMAND) -> None:
        self._settings = settings
        self._site = site_of(settings)
        self._command = command
        self._lock = threading.Lock()
        self._making: subprocess.Popen[bytes] | None = None
        self._failed_at = -RETRY_SECONDS
        self._problem: str | None = None
        self._is_ending = False
        self._read: tuple[tuple[int, int, int], Page] | None = None

    def look(self, warehouse: Warehouse | None) -> Standing:
        """The site as it is; it is begun anew where the published build is another one.

        Without a warehouse, since that does not answer, the site stays as it is.
        """
        made_of = self._site.made_of
        told = "The warehouse does not answer, and the site has not been made yet."
        if warehouse is not None:
            with suppress(AssayError):
                with warehouse.published_reading() as reader:
                    build = published_build(reader)
                told = self._make(warehouse, build) if build != made_of else ""
        if made_of is not None:
            with suppress(OSError):
                return Standing(self._page())
        return Standing(None, told, self._problem)

    def _make(self, warehouse: Warehouse, build: str) -> str:
        """Start making it, unless that is under way, failed just now, or a run goes on."""
        with self._lock:
            told = "It takes some seconds."
            if self._is_ending or self._making is not None:
                return told
            if self._site.made_of == build:  # it has been, since somebody looked
                return ""
            if time.monotonic() - self._failed_at < RETRY_SECONDS:
                return told
            holder = holder_of(warehouse)
            if holder is not None:
                return f"Run {holder} is under way; the site is made after it."
            self._problem = None
            try:
                self._making = self._start()
            except OSError as error:
                self._fail(f"elt docs cannot be started: {error}")
                return told
            threading.Thread(target=self._follow, args=(self._making,), daemon=True).start()
            return told

    def _start(self) -> "subprocess.Popen[bytes]":
        output = self._settings.log_dir / LOG
        begin_log(output, "docs")
        with output.open("ab") as lines:
            return subprocess.Popen(
                [*self._command, "docs"],
                stdin=subprocess.DEVNULL,
                stdout=lines,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**without_starter(), **variables_of(self._settings)},
            )

    def _follow(self, process: "subprocess.Popen[bytes]") -> None:
        code = process.wait()
        with self._lock:
            self._making = None
            if code and not self._is_ending:
                self._fail(_last_line(self._settings.log_dir / LOG) or f"it ended with {code}")

    def _fail(self, told: str) -> None:
        self._failed_at = time.monotonic()
        self._problem = logs.hide(told, logs.secrets_of(self._settings))
        log.warning("the docs site was not made: %s", self._problem)

    def _page(self) -> Page:
        with self._site.page.open("rb") as file:
            stat = os.fstat(file.fileno())
            state = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            read = self._read
            if read is None or read[0] != state:
                content = file.read()
                read = self._read = (state, Page(content, policy_of(content)))
            return read[1]

    def close(self) -> None:
        """End the process that makes it, with what that started."""
        with self._lock:
            self._is_ending = True
            if self._making is not None:
                with suppress(ProcessLookupError):
                    os.killpg(self._making.pid, signal.SIGTERM)


def policy_of(page: bytes) -> str:
    """What a page may do that has its scripts and styles in it: run them, and ask nobody."""
    scripts = _Scripts()
    scripts.feed(page.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n"))
    hashes = (b64encode(sha256(text.encode()).digest()).decode() for text in scripts.found)
    allowed = " ".join(f"'sha256-{value}'" for value in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


class _Scripts(HTMLParser):
    """The texts of a page's scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._is_within = False

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 -- the parser's
        if tag == "script":
            self._is_within = True
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._is_within = False

    def handle_data(self, data: str) -> None:
        if self._is_within:
            self.found[-1] += data


def _last_line(path: Path) -> str:
    with suppress(OSError), path.open("rb") as output:
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - LAST_BYTES))
        lines = output.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
    return ""
