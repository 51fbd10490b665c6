"""Objects that no landing told of lose the records of a person, and keep their names."""

import json
from pathlib import Path

import pytest

from loaders.erasure.answers import cut_answers
from loaders.erasure.loose import loose_keys, mend, without
from loaders.erasure.masking import MaskingError
from loaders.erasure.subjects import Subject, terms_of
from loaders.raw_store.local import LocalStore

ADA = "ada@example.org"
SUBJECT = Subject(terms_of(["users.id=1", "posts.userId=1"], {}))


@pytest.mark.parametrize(
    ("suffix", "before", "after"),
    [
        (".csv", b'id,name\n1,"Ada\nL"\n2,"x, y"\n01,\n', b'id,name\n2,"x, y"\n'),
        (".csv", b"mail,n\nada@example.org,7\nbob@x.org,8\n", b"mail,n\nbob@x.org,8\n"),
        (".tsv", b'id\tname\n1\t"\n2\t"b\n', b'id\tname\n2\t"b\n'),
        (".ndjson", b'{"id":1}\n{"id": 2}\n', b'{}\n{"id": 2}\n'),
        (
            ".json",
            b'{"records":[\n{"id":1},\n{"id":2}\n],"n":2}',
            b'{"records":[\n{},\n{"id":2}\n],"n":2}',
        ),
        (".json", b'[{"a": {"mail": "ada@example.org"}}, {"id": 3}]', b'[{}, {"id": 3}]'),
    ],
)
def test_a_record_goes_by_its_field_or_by_a_telling_value(
    suffix: str, before: bytes, after: bytes
) -> None:
    assert without(before, suffix, SUBJECT, [ADA]) == after


def test_an_object_is_of_the_source_that_its_key_begins_with(tmp_path: Path) -> None:
    store, path = LocalStore(tmp_path / "store"), tmp_path / "object"
    contents = {
        "lab/users/daily/latest.csv": "id,n\n1,x\n2,y\n",
        "shop/orders/daily/latest.csv": "id,n\n1,x\n",
        "processed/processed_data_1.json": '[{"id": 1, "user_id": 9}, {"id": 2, "user_id": 1}]',
        "files/users.csv": "id\n1\n",
        "runs/1/run.csv": "id\n1\n",
    }
    for key, content in contents.items():
        path.write_text(content)
        store.put(key, path)
    assert "runs/1/run.csv" not in set(loose_keys(store, is_shared=True))
    sources = {"users": "lab", "posts": "posts"}
    mended = mend(store, SUBJECT, [], tmp_path / "work", sources, is_shared=True)
    assert mended == ["lab/users/daily/latest.csv", "processed/processed_data_1.json"]
    assert store.path_of(mended[0]).read_text() == "id,n\n2,y\n"
    assert json.loads(store.path_of(mended[1]).read_text()) == [{"id": 1, "user_id": 9}, {}]
    for key in contents.keys() - set(mended):
        assert store.path_of(key).read_text() == contents[key]


def test_a_record_that_came_twice_leaves_the_answers_twice(tmp_path: Path) -> None:
    answers, sequence = tmp_path / "answers", tmp_path / "sequence"
    answers.write_bytes(b'[{"n":2,"data":[{"id":1},{"id":2}]},\n{"data":[{"id":1}, {"id":3}]}]')
    sequence.write_bytes(b'\x1e{"id":1}\n\x1e{"id":2}\n\x1e{"id":3}\n')
    cut_answers(answers, sequence, {1}, tmp_path / "cut")
    assert (tmp_path / "cut").read_bytes() == (
        b'[{"n":2,"data":[{},{"id":2}]},\n{"data":[{}, {"id":3}]}]'
    )
    answers.write_bytes(b'[{"id": 1}]')
    with pytest.raises(MaskingError, match="not there as it landed"):
        cut_answers(answers, sequence, {1}, tmp_path / "cut")
