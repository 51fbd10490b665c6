"""Who is meant: by columns, by fields of documents, as ids are cleaned."""

import pytest

from loaders.erasure.subjects import Subject, cleaned, leaves, terms_of
from loaders.errors import BadParameterError

KINDS = {"person": ["users.user_id", "orders.document.customer"]}


@pytest.mark.parametrize(
    ("values", "is_theirs"),
    [
        ({"user_id": "17"}, True),
        ({"user_id": " \u00a0+017\t"}, True),
        ({"user_id": "170"}, False),
        ({"user_id": None}, False),
        ({"other": "17"}, False),
        ({"_extra": '{"user_id": "17"}'}, True),
        ({"document": '{"user_id": 17}'}, True),
        ({"document": '{"user": {"user_id": 17}}'}, False),
        ({"document": "{broken"}, False),
    ],
)
def test_a_row_is_theirs_by_a_column_or_a_field(
    values: dict[str, str | None], is_theirs: bool
) -> None:
    assert Subject(terms_of(["users.user_id=17"], {})).has("users", values) is is_theirs
    assert not Subject(terms_of(["users.user_id=17"], {})).has("people", values)


def test_a_field_within_fields_and_lists_is_named_by_its_path() -> None:
    subject = Subject(terms_of(["posts.author.mails=ada@x.org"], {}))
    assert subject.has("posts", {"document": '{"author": [{"mails": ["b", "ada@x.org "]}]}'})
    assert subject.has("posts", {"author": '{"mails": "ada@x.org"}'})
    assert not subject.has("posts", {"document": '{"mails": "ada@x.org"}'})


def test_a_kind_of_sources_yml_names_all_of_its_columns() -> None:
    subject = Subject(terms_of(["person= 017 "], KINDS))
    assert [(term.place, term.value) for term in subject.terms] == [
        ("users.user_id", "17"),
        ("orders.document.customer", "17"),
    ]


@pytest.mark.parametrize("subject", ["ada@x.org", "users=17", "users.user_id=", "users.user_id= "])
def test_what_names_nobody_is_refused_and_its_value_not_told(subject: str) -> None:
    with pytest.raises(BadParameterError, match=r"write TABLE\.COLUMN=VALUE, or person=VALUE"):
        terms_of([subject], KINDS)


def test_words_are_compared_letter_by_letter() -> None:
    assert cleaned(" Ada\u2009") == "Ada"
    assert cleaned("00a") == "00a"
    assert cleaned("-05") == "-5"


def test_the_leaves_of_a_row_are_its_texts_and_those_in_documents() -> None:
    held = {"a": "Ada", "b": None, "document": '{"x": [1, {"y": "z"}, true, null]}'}
    assert list(leaves(held)) == ["Ada", "1", "z"]
