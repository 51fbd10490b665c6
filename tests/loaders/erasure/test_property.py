"""Whatever a file holds and whoever goes: every other row is as it was, and a rebuild gives it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import example, given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from loaders.batch import Batch, batch_id
from loaders.catalog import FileTable
from loaders.erasure.masking import mask, rows_of
from loaders.erasure.search import in_content
from loaders.erasure.subjects import Subject, terms_of
from tests.loaders.conftest import find, lab_of

FIELDS = st.text(st.sampled_from('ab0,"\n é'), max_size=4)
PEOPLE = st.sampled_from(["1", "2", " 2 ", "02", "3"])
Rows = Sequence[tuple[str, str]]


def _batch(folder: Path, rows: Rows, newline: str, encoding: str) -> Batch:
    (folder / "lab").mkdir()
    lines = ["user_id,name"]
    lines += [f'{person},"{name.replace(chr(34), chr(34) * 2)}"' for person, name in rows]
    (folder / "lab" / "users.csv").write_bytes((newline.join(lines) + newline).encode(encoding))
    table = FileTable(file="*", columns=("user_id", "name"))
    (batch,) = find(lab_of(folder, users=table)).batches
    return batch


@bounded(max_examples=60)
@given(
    st.lists(st.tuples(PEOPLE, FIELDS), min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le"]),
)
@example([("2", "a\nb"), ("1", '"'), ("02", "")], "\r\n", "utf-8-sig")
def test_every_other_row_is_as_it_was(rows: Rows, newline: str, encoding: str) -> None:
    subject = Subject(terms_of(["users.user_id=2"], {}))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        batch = _batch(folder, rows, newline, encoding)
        assert batch.id == batch_id("lab", "users", batch.sha256)
        before = list(rows_of(batch))
        gone = in_content(subject, batch)
        mask(batch, gone, folder / "masked")
        content = (folder / "masked").read_bytes()
        Path(batch.path).write_bytes(content)
        after = list(rows_of(batch))
        assert [row for row in after if row.number not in gone] == [
            row for row in before if row.number not in gone
        ]
        assert not in_content(subject, batch)
