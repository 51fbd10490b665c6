import csv
import io

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from loaders.intake.arrow_sums import ArrowSums
from loaders.intake.checksum import total
from loaders.intake.documents.answers import sequence_of
from loaders.intake.documents.sequence import QuotedItems, SequenceRows

DOCUMENTS = st.lists(st.text(st.sampled_from('{}"\\\n\r, é1')).map(lambda text: "{" + text))


@given(DOCUMENTS, st.integers(1, 30))
def test_a_sequence_adds_up_to_what_its_documents_do(documents: list[str], size: int) -> None:
    content = sequence_of([document.encode() for document in documents])
    rows = SequenceRows("document")
    for at in range(0, len(content), size):
        rows.feed(content[at : at + size])
    rows.finish()
    numbers = pa.array(range(1, len(documents) + 1), pa.int64())
    expected = ArrowSums(["document"]).of([pa.array(documents, pa.string())], numbers)
    assert (rows.count, rows.checksum) == (len(documents), total(expected))


@given(DOCUMENTS, st.integers(1, 30))
def test_a_sequence_becomes_csv_of_one_column(documents: list[str], size: int) -> None:
    content = sequence_of([document.encode() for document in documents])
    items = QuotedItems()
    written = [items.quote(content[at : at + size]) for at in range(0, len(content), size)]
    text = b"".join([*written, items.finish()]).decode()
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\x02", quotechar="\x01")
    assert [fields for (fields,) in reader] == documents
