"""What a run asked for, kept and wrote, counted by source: its record has it, and so have metrics.

One count for the process, as of its progress, since a run does one thing after another.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import msgspec

# upper bounds of the durations of requests, in seconds; what takes longer has a bucket more
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0)
Layer = Literal["raw", "processed", "run"]


class SourceCounts(msgspec.Struct, omit_defaults=True):
    """What was done for a source.

    `requests` are all tries, `durations` how many of them fell into each bucket, not summed up.
    `raw_files` and `processed_files` went into the raw store, or wait beside it. `raw_writes` are
    raw tables that landings added rows to, `processed_writes` those whose new rows a published
    build took in, `rejected_rows` what that build set aside of them.
    """

    requests: int = 0
    failed_requests: int = 0
    request_seconds: float = 0.0
    durations: list[int] = []
    raw_files: int = 0
    processed_files: int = 0
    raw_writes: int = 0
    processed_writes: int = 0
    rejected_rows: int = 0


class Counts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run did: by source, and what the warehouse did not take, by layer.

    `raw` are landings that did not commit, `processed` builds that could not be published, and
    `run` is 1 where the warehouse failed the run in another way.
    """

    sources: dict[str, SourceCounts] = {}
    write_errors: dict[str, int] = {}


@dataclass
class Request:
    """A try of a request under way; what is raised meanwhile makes it a failed one."""

    is_failed: bool = False


@dataclass
class Counting:
    """Counts for one run after another; its methods may be called from several threads."""

    _sources: dict[str, SourceCounts] = field(default_factory=dict)
    _write_errors: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, so_far: Counts = Counts()) -> None:  # noqa: B008 -- it is frozen, and copied
        """Count for another run, or go on from these."""
        copied = msgspec.convert(msgspec.to_builtins(so_far), Counts)
        with self._lock:
            self._sources, self._write_errors = copied.sources, copied.write_errors

    @property
    def so_far(self) -> Counts:
        """A copy of what was counted."""
        with self._lock:
            counts = Counts(self._sources, self._write_errors)
            return msgspec.convert(msgspec.to_builtins(counts), Counts)

    @contextmanager
    def request(self, source: str) -> Iterator[Request]:
        """Count a try of a request, and how long it takes."""
        request, began = Request(), time.monotonic()
        try:
            yield request
        except Exception:
            request.is_failed = True
            raise
        finally:
            self._add_request(source, time.monotonic() - began, is_failed=request.is_failed)

    def add(self, source: str, **numbers: int) -> None:
        """Add to counts of a source, by their names."""
        with self._lock:
            counts = self._of(source)
            for name, number in numbers.items():
                setattr(counts, name, getattr(counts, name) + number)

    def add_write_error(self, layer: Layer) -> None:
        """Count what the warehouse did not take; for the run as a whole only where nothing else."""
        with self._lock:
            errors = self._write_errors
            if layer != "run" or not errors:
                errors[layer] = errors.get(layer, 0) + 1

    def _add_request(self, source: str, seconds: float, *, is_failed: bool) -> None:
        with self._lock:
            counts = self._of(source)
            counts.requests += 1
            counts.failed_requests += is_failed
            counts.request_seconds = round(counts.request_seconds + seconds, 6)
            counts.durations = counts.durations or [0] * (len(BUCKETS) + 1)
            counts.durations[bisect_left(BUCKETS, seconds)] += 1

    def _of(self, source: str) -> SourceCounts:
        return self._sources.setdefault(source, SourceCounts())


COUNTS = Counting()
