"""Coverage follows one case of each unit test."""

from tests.traced import chosen


def test_one_case_of_each_unit_test_is_followed_the_same_in_every_order() -> None:
    cases = [f"tests/loaders/test_a.py::test_x[{n}]" for n in range(20)]
    followed = chosen(cases)
    assert len(followed) == 1
    assert followed < set(cases)
    assert followed == chosen(reversed(cases))


def test_a_test_without_cases_is_followed() -> None:
    assert chosen(["tests/orchestration/test_a.py::test_x"]) == {
        "tests/orchestration/test_a.py::test_x"
    }


def test_tests_of_the_whole_are_not_followed() -> None:
    assert chosen(["tests/e2e/test_a.py::test_x", "tests/faults/test_b.py::test_y[1]"]) == set()


def test_both_warehouses_are_followed_in_some_tests() -> None:
    cases = (
        f"tests/loaders/test_a.py::test_{n}[{target}]"
        for n in range(40)
        for target in ("duckdb", "postgres")
    )
    followed = "".join(chosen(cases))
    assert followed.count("duckdb") > 10
    assert followed.count("postgres") > 10


def test_some_of_the_slow_tests_are_followed_the_same_in_every_order() -> None:
    slow = [f"tests/loaders/test_a.py::test_{n}" for n in range(100)]
    followed = chosen(slow, slow)
    assert 10 < len(followed) < 50
    assert followed == chosen(reversed(slow), slow)
    quick = "tests/loaders/test_a.py::test_quick"
    assert chosen([*slow, quick], slow) == followed | {quick}
