"""Which tests coverage follows: one case of every unit test. The others run at full speed.

Following every line doubles what a landing costs, for dlt's lines are followed too. What one case
of each test reaches is a lower bound of what all reach, so the limit in pyproject.toml stays true.
"""

from collections.abc import Iterable
from zlib import crc32

import pytest

UNITS = ("tests/loaders/", "tests/orchestration/")  # the rest builds, or starts programs


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    followed = chosen(item.nodeid for item in items)
    for item in items:
        if item.nodeid not in followed:
            item.add_marker("no_cover")


def chosen(ids: Iterable[str]) -> set[str]:
    """One case of each test, always the same: by a checksum, so that all warehouses have some."""
    cases: dict[str, str] = {}
    for each in ids:
        if each.startswith(UNITS):
            test = each.partition("[")[0]
            cases[test] = min(each, cases.get(test, each), key=lambda name: crc32(name.encode()))
    return set(cases.values())
