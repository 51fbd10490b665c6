"""Which values tell a person from all others."""

import pytest

from loaders.erasure.values import (
    MOST,
    candidates_of,
    chosen,
    contains,
    is_distinctive,
    spellings,
    unshared,
    without_our_own,
)


@pytest.mark.parametrize(
    ("value", "is_so"),
    [
        ("ada@example.org", True),
        ("Ada Lovelace", True),
        ("491701234567", True),
        ("17", False),
        ("Ada", False),
        ("2026-11-22T10:00:00Z", False),
        ("12345.678", False),
    ],
)
def test_long_texts_are_searched_for_numbers_and_moments_are_not(value: str, is_so: bool) -> None:
    assert is_distinctive(value) is is_so


def test_what_stands_in_a_row_that_stays_is_not_searched_for() -> None:
    candidates = candidates_of([" ada@x.org ", "Caffeine", "Ada Lovelace", "7"])
    left = unshared(candidates, ["Bob\nCaffeine", "notes of ada@x.org, and others"])
    assert left == {"Ada Lovelace"}


def test_a_word_of_our_own_records_is_not_searched_for() -> None:
    assert without_our_own({"succeeded", "started_at", "Ada Lovelace"}) == {"Ada Lovelace"}


def test_who_was_named_is_searched_for_however_much_else_there_is() -> None:
    others = [f"a longer text of hers, number {number}" for number in range(MOST)]
    found = chosen(["ada@x.org", *others], ["ada@x.org"])
    assert len(found) == MOST
    assert found[-1] == "ada@x.org"


def test_a_value_within_a_longer_word_is_another_one() -> None:
    assert contains("1,ada@x.org,2", "ada@x.org")
    assert not contains("Adamson", "Adams")


def test_a_value_is_looked_for_as_files_and_documents_spell_it() -> None:
    spelt = set(spellings('Zoë "Z"'))
    assert {'Zoë "Z"'.encode(), 'Zoë "Z"'.encode("cp1252"), 'Zoë ""Z""'.encode()} <= spelt
    assert b'Zo\\u00eb \\"Z\\"' in spelt
