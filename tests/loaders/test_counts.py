"""What a run does is counted by source, in fixed buckets, from any thread."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from loaders.counts import BUCKETS, Counting, Counts


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (0.05, 0), (0.051, 1), (0.1, 1), (29.9, 9), (30.0, 9), (30.1, 10)],
)
def test_a_bucket_takes_what_is_up_to_its_bound(
    monkeypatch: pytest.MonkeyPatch, seconds: float, bucket: int
) -> None:
    moments = iter([0.0, seconds])
    monkeypatch.setattr("loaders.counts.time", SimpleNamespace(monotonic=lambda: next(moments)))
    counting = Counting()
    with counting.request("shop"):
        pass
    shop = counting.so_far.sources["shop"]
    assert [at for at, requests in enumerate(shop.durations) if requests] == [bucket]
    assert len(shop.durations) == len(BUCKETS) + 1
    assert (shop.requests, shop.failed_requests, shop.request_seconds) == (1, 0, seconds)


def test_what_is_raised_fails_a_request_and_being_told_to_end_does_not() -> None:
    counting = Counting()
    with pytest.raises(ValueError, match="no JSON"), counting.request("shop"):
        raise ValueError("no JSON")
    with pytest.raises(KeyboardInterrupt), counting.request("shop"):
        raise KeyboardInterrupt
    with counting.request("shop") as request:
        request.is_failed = True
    shop = counting.so_far.sources["shop"]
    assert (shop.requests, shop.failed_requests, sum(shop.durations)) == (3, 2, 3)


def test_threads_lose_no_count_and_a_copy_does_not_go_on() -> None:
    counting = Counting()

    def work(_: int) -> None:
        with counting.request("files"):
            counting.add("files", raw_files=1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(400)))
    before = counting.so_far
    work(0)
    assert (before.sources["files"].requests, before.sources["files"].raw_files) == (400, 400)
    assert sum(before.sources["files"].durations) == 400
    counting.begin()
    assert counting.so_far == Counts()
    counting.begin(before)
    counting.add("files", raw_writes=1)
    assert counting.so_far.sources["files"].requests == 400
    assert before.sources["files"].raw_writes == 0


def test_the_run_counts_as_one_write_error_only_where_nothing_else_does() -> None:
    counting = Counting()
    counting.add_write_error("run")
    assert counting.so_far.write_errors == {"run": 1}
    counting.begin()
    counting.add_write_error("raw")
    counting.add_write_error("raw")
    counting.add_write_error("run")
    assert counting.so_far == Counts({}, {"raw": 2})
