"""Which tests coverage follows: one case of every quick unit test, and of some of the slow ones.

Following every line doubles what a landing costs, for dlt's lines are followed too. The other tests
run at full speed. What a part of the tests reaches is a lower bound of what all reach, so the limit
in pyproject.toml stays true.
"""

from collections.abc import Iterable
from zlib import crc32

import pytest

UNITS = ("tests/loaders/", "tests/orchestration/")  # the rest builds, or starts programs
WAREHOUSE = {"environment", "postgres_url"}  # fixtures of tests that most likely land
ONE_IN = 4  # slow tests


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = {item.nodeid for item in items if is_slow(item)}
    followed = chosen((item.nodeid for item in items), slow)
    for item in items:
        if item.nodeid not in followed:
            item.add_marker("no_cover")


def is_slow(item: pytest.Item) -> bool:
    """Whether a test lands, or tries many examples."""
    function = getattr(item, "function", None)
    fixtures = getattr(item, "fixturenames", ())
    return hasattr(function, "hypothesis") or not WAREHOUSE.isdisjoint(fixtures)


def chosen(ids: Iterable[str], slow: Iterable[str] = ()) -> set[str]:
    """One case of each test, always the same: by a checksum, so that all warehouses have some."""
    cases: dict[str, str] = {}
    for each in ids:
        if each.startswith(UNITS):
            test = _test(each)
            cases[test] = min(each, cases.get(test, each), key=_checksum)
    return set(cases.values()) - {each for each in slow if _checksum(_test(each)) % ONE_IN}


def _test(case: str) -> str:
    return case.partition("[")[0]


def _checksum(name: str) -> int:
    return crc32(name.encode())
