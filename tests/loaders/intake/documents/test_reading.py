import json
import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.batch import Format
from loaders.intake.decode import detect_encoding
from loaders.intake.documents.answers import TOO_DEEP, problem_of
from loaders.intake.documents.elements import MISSING, NEVER_CLOSED, TOO_LONG
from loaders.intake.documents.reading import format_of, read_documents
from loaders.intake.record import Record
from tests.loaders.intake.documents.test_answers import blanks, documents

one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
PRETTY = json.dumps({"a": [1, {"b": None}], "c": "x, ]"}, indent=2)
# what any writer but the first would write differently
EXACT = [
    '{"b": 1,  "a": 2, "b": 3}',
    '{"v": 1.0}',
    '{"v": 1}',
    '{"v": 1E400}',
    f'{{"v": {2**70}}}',
    f'{{"v": {"9" * 5000}}}',
    '{"v": 0.1000000000000000000000000000000000000001}',
    r'{"v": "\ud800"}',
    r'{"v": "\u0000\/\u00e9"}',
    '{"v": "\u2028é\x7f😀"}',
    "{}",
]


class Inbox:
    """Reads a file with this text, or these bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def records(self, content: str | bytes, kind: Format, encoding: str = "utf-8") -> list[Record]:
        self.path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
        return list(read_documents(self.path, kind, encoding))

    def listed(self, content: str) -> list[str]:
        """The records of a JSON file, all of which are sound."""
        records = self.records(content, "json")
        assert [record.problem for record in records] == [None] * len(records)
        assert [record.fields for record in records] == [[record.text] for record in records]
        return [record.text for record in records]

    def told(self, content: str, kind: Format = "json") -> list[tuple[int, str, str | None]]:
        """Line, text and problem of each record."""
        return [
            (record.line, record.text, record.problem) for record in self.records(content, kind)
        ]

    def format(self, content: str | bytes) -> Format:
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)
        return format_of(self.path, detect_encoding(self.path))


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """Where the file comes in."""
    return Inbox(tmp_path / "came")


@pytest.fixture(params=[1, 2, 3, 7, 1 << 20])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many characters are read at once."""
    monkeypatch.setattr("loaders.intake.documents.window.CHUNK", request.param)
    size: int = request.param
    return size


# What is sound comes out as written


@pytest.mark.usefixtures("window")
def test_the_elements_of_a_list_are_records_as_written(inbox: Inbox) -> None:
    assert inbox.listed("[" + ", \r\n".join(EXACT) + "]\n") == EXACT
    assert inbox.listed("[]") == inbox.listed(" [ \n] ") == []


@pytest.mark.usefixtures("window")
def test_an_object_is_a_record_and_so_is_each_of_several(inbox: Inbox) -> None:
    assert inbox.listed(PRETTY) == [PRETTY]
    assert inbox.listed("\n" + "\n".join([*EXACT, PRETTY])) == [*EXACT, PRETTY]
    assert inbox.listed('{"a": 1}{"b": 2} [{"c": 3}]\n[]') == ['{"a": 1}', '{"b": 2}', '{"c": 3}']


def test_every_line_that_is_not_blank_is_a_record_as_written(inbox: Inbox) -> None:
    text = "\n\r\n".join(f" {document}\t" for document in EXACT)
    records = inbox.records(text, "ndjson")
    assert [record.text for record in records] == EXACT
    assert [record.problem for record in records] == [None] * len(EXACT)
    assert [record.line for record in records] == [1 + 2 * i for i in range(len(EXACT))]


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_record_is_on_the_line_on_which_it_begins(inbox: Inbox, end: str) -> None:
    text = end.join(["", "[", '{"a":', '1}, {"b": 2}', ",", "", '{"c" 3}, {"d": 4}', "]", "x"])
    assert [record.line for record in inbox.records(text, "json")] == [3, 4, 7, 7, 9]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "cp1252"])
@pytest.mark.parametrize("kind", ["json", "ndjson"])
def test_the_encoding_does_not_matter(inbox: Inbox, encoding: str, kind: Format) -> None:
    mark = "\ufeff" if encoding != "cp1252" else ""
    text = '{"name": "Zoë"}'
    records = inbox.records(f"{mark}{text}", kind, encoding)
    assert records == [Record(1, text, [text])]


def test_bytes_that_are_no_text_are_for_the_caller_to_judge(inbox: Inbox) -> None:
    content = b'{"a": "\xff"}'
    for kind in ("json", "ndjson"):
        (record,) = inbox.records(content, kind)
        assert record.text.encode("utf-8", "surrogateescape") == content
        assert record.problem is None


# What is not stands aside alone

ASIDE = [
    ("null", "the element is not an object: null"),
    ('"te,xt]"', 'the element is not an object: "te,xt]"'),
    ("7", "the element is not an object: 7"),
    ("[1, {}]", "the element is not an object: [1, {}]"),
    ('{"v": NaN}', "not JSON: NaN is not JSON"),
    ('{"v": [-Infinity]}', "not JSON: -Infinity is not JSON"),
    ("NaN", "not JSON: NaN is not JSON"),
    ('{"v" 1}', "not JSON: Expecting ':' delimiter at character 5"),
    ("{'v': 1}", "not JSON: Expecting property name enclosed in double quotes at character 1"),
    ('{"v": 01}', "not JSON: Expecting ',' delimiter at character 7"),
    ('{"v": "\x00"}', "not JSON: Invalid control character at at character 7"),
    (r'{"v": "\x"}', r"not JSON: Invalid \escape at character 7"),
    ('{"v": 1]', "not JSON: Expecting ',' delimiter at character 7"),
    ('{"v": 1} {"v": 2}', "not JSON: text follows a value at character 8"),
    ('{"v": 1}}', "not JSON: text follows a value at character 8"),
    ('{"v": tru}', "not JSON: Expecting value at character 6"),
    ("<p>", "not JSON: Expecting value at character 0"),
]


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize(("element", "reason"), ASIDE)
def test_a_bad_element_of_a_list_stands_aside_alone(
    inbox: Inbox, element: str, reason: str
) -> None:
    assert inbox.told(f'[{{"a": 1}},\n {element} ,\n{{"b": 2}}]') == [
        (1, '{"a": 1}', None),
        (2, element, reason),
        (3, '{"b": 2}', None),
    ]


@pytest.mark.parametrize(("line", "reason"), [*ASIDE, ('{"v":', ""), ('{"a"', ""), ("]", "")])
def test_a_bad_line_stands_aside_alone(inbox: Inbox, line: str, reason: str) -> None:
    first, second, third = inbox.told(f'{{"a": 1}}\n {line}\n{{"b": 2}}', "ndjson")
    assert (first, third) == ((1, '{"a": 1}', None), (3, '{"b": 2}', None))
    assert second[:2] == (2, line)
    assert second[2] == reason or (not reason and str(second[2]).startswith("not JSON"))


@pytest.mark.usefixtures("window")
def test_brackets_nested_too_deep_stand_aside_alone(inbox: Inbox) -> None:
    deep = '{"a": ' + "[" * 5_000 + "]" * 5_000 + "}"
    expected = [(1, "{}", None), (2, deep, TOO_DEEP), (3, "{}", None)]
    assert inbox.told(f"[{{}},\n{deep},\n{{}}]") == expected
    assert inbox.told(f"{{}}\n{deep}\n{{}}") == expected
    assert inbox.told(f"{{}}\n{deep}\n{{}}", "ndjson") == expected


@pytest.mark.usefixtures("window")
def test_a_comma_without_an_element_is_told(inbox: Inbox) -> None:
    assert inbox.told('[,{"a": 1},\n,]') == [
        (1, ",", MISSING),
        (1, '{"a": 1}', None),
        (2, ",", MISSING),
        (2, "]", MISSING),
    ]


@pytest.mark.usefixtures("window")
def test_a_line_beside_the_lists_and_objects_stands_aside(inbox: Inbox) -> None:
    text = '[{"a": 1}],\n{"b": 2} rest\r\n7\n[{"c": 3}]'
    assert [record[:2] for record in inbox.told(text) if record[2]] == [
        (1, ","),
        (2, "rest"),
        (3, "7"),
    ]
    assert [record[1] for record in inbox.told(text) if not record[2]] == [
        '{"a": 1}',
        '{"b": 2}',
        '{"c": 3}',
    ]


# A file that is cut off


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize("text", ["[", '\n[{"a": 1}', '[{"a": 1},\n', "[{},"])
def test_a_list_that_is_never_closed_is_told_though_no_element_is_cut(
    inbox: Inbox, text: str
) -> None:
    *sound, last = inbox.told(text)
    assert [problem for _, _, problem in sound] == [None] * len(sound)
    assert last == (1 + text.startswith("\n"), "[", NEVER_CLOSED)


@pytest.mark.usefixtures("window")
def test_the_element_that_is_cut_stands_aside(inbox: Inbox) -> None:
    first, cut, never = inbox.told('[{"a": 1},\n{"b": "x, ')
    assert first == (1, '{"a": 1}', None)
    assert cut == (2, '{"b": "x,', "not JSON: Unterminated string starting at at character 6")
    assert never == (1, "[", NEVER_CLOSED)


# Damage that hides where the elements end


@pytest.mark.usefixtures("window")
def test_a_missing_quote_sets_aside_what_it_swallows(inbox: Inbox) -> None:
    text = '[{"a": 1},\n{"b: 2},\n{"c": 3},\n{"d": "x},\n{"e": 5}]'
    told = inbox.told(text)
    assert told[0] == (1, '{"a": 1}', None)
    assert told[-1] == (5, '{"e": 5}', None)
    assert all(problem for _, _, problem in told[1:-1])
    assert "".join(piece for _, piece, _ in told[1:-1]) == text[11:].removesuffix(',\n{"e": 5}]')


def test_what_cannot_be_told_apart_stands_aside_in_pieces(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.intake.documents.window.CHUNK", 50)
    monkeypatch.setattr("loaders.intake.documents.elements.PIECE", 100)
    rest = '{"a: 1},\n' + '{"b": 2},\n' * 200
    first, *pieces, never = inbox.records(f'[{{"x": 0}},\n{rest}]', "json")
    assert (first.text, first.problem) == ('{"x": 0}', None)
    assert "".join(piece.text for piece in pieces) == rest + "]"
    assert all(0 < len(piece.text) <= 100 for piece in pieces)
    assert {piece.problem for piece in pieces} == {
        "not JSON: Invalid control character at at character 8"
    }
    assert [piece.line for piece in pieces] == sorted(piece.line for piece in pieces)
    assert never.problem == NEVER_CLOSED


@pytest.mark.parametrize("kind", ["json", "ndjson"])
def test_a_record_too_long_to_hold_stands_aside_in_pieces_and_the_rest_lands(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, kind: Format
) -> None:
    monkeypatch.setattr("loaders.intake.documents.window.CHUNK", 64)
    monkeypatch.setattr("loaders.intake.documents.elements.SHORT", 64)
    for module in ("reading", "elements"):
        monkeypatch.setattr(f"loaders.intake.documents.{module}.PIECE", 100)
        monkeypatch.setattr(f"loaders.intake.documents.{module}.LARGEST", 1000)
    long = '{"a": "' + "x" * 3000 + '"}'
    text = f"[{{}},\n{long},\n{{}}]" if kind == "json" else f"{{}}\n{long}\n{{}}"
    first, *pieces, last = inbox.records(text, kind)
    assert [(first.line, first.text), (last.line, last.text)] == [(1, "{}"), (3, "{}")]
    assert "".join(piece.text for piece in pieces).strip() == long
    assert {(piece.line, piece.problem) for piece in pieces} == {(2, TOO_LONG)}
    assert max(len(piece.text) for piece in pieces) <= 100


@pytest.mark.parametrize("kind", ["json", "ndjson"])
def test_a_long_record_lands_whole(inbox: Inbox, kind: Format) -> None:
    long = '{"a": "' + r"\"x,]" * 1_000_000 + '"}'
    text = f"[{{}},{long},{{}}]" if kind == "json" else f"{{}}\n{long}\n{{}}"
    records = inbox.records(text, kind)
    assert [(record.text, record.problem) for record in records] == [
        ("{}", None),
        (long, None),
        ("{}", None),
    ]


DAMAGES = ('{"a: 1},', "{,", "[", "NaN,", "}}")


@pytest.mark.parametrize(
    "damage",
    ["", '"', *(pytest.param(each, marks=pytest.mark.long) for each in DAMAGES)],
)
def test_memory_does_not_grow_with_the_file(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr("loaders.intake.documents.window.CHUNK", 1 << 16)
    for name in ("SHORT", "PIECE"):
        monkeypatch.setattr(f"loaders.intake.documents.elements.{name}", 1 << 16)
    record = '{"id": 12345, "name": "Ada", "notes": ["x", "y"]},\n'
    inbox.path.write_text(f"[{damage}" + record * 60_000 + "{}]")
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_documents(inbox.path, "json", "utf-8"))
        assert count > 10
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


# Which format a file is in


@pytest.mark.parametrize(
    ("content", "format"),
    [
        ("", "csv"),
        ("\n", "csv"),
        ("id,name\n1,Ada\n", "csv"),
        ("[id],[name]\n1,Ada\n", "csv"),
        ("[id]\n1\n2\n", "csv"),
        ("{x},y\n1,2\n", "csv"),
        ('"1","2"\n"3","4"\n', "csv"),
        ('"1"\n"2"\n', "csv"),
        ("1\n2\n3\n", "csv"),
        ("7", "csv"),
        ("null", "csv"),
        ('"text"', "csv"),
        ("{'a': 1}\n{'a': 2}\n", "csv"),
        ('{"a": 1}\t5\n{"a": 2}\t6\n', "csv"),
        ('{"a": 1},x\n{"a": 2},y\n', "csv"),
        ('doc\n{"a": 1}\n{"a": 2}\n', "csv"),
        ("{1,2}\n{3,4}\n", "csv"),
        ('{"a"}\n', "csv"),
        ("[", "csv"),
        ('[{"a": 1}]', "json"),
        ("[]", "json"),
        ("{}", "json"),
        ("\ufeff\n [\n]", "json"),
        ('{"a": 1}', "json"),
        ('{"a": 1}\n', "json"),
        (PRETTY, "json"),
        (f"{PRETTY}\n{PRETTY}", "json"),
        (f"[{PRETTY},\n{PRETTY}]", "json"),
        ('[\n{"a": 1}\n]', "json"),
        ('[\n{"a": 1},\n{"a": 2}\n]', "json"),
        ('[{"a": 1}, {"a"', "json"),
        ('[{"a" 1}, {"a": 2}]', "csv"),
        ('[{"a": 01}, {"a": 2}]', "json"),
        ("[1, 2, 3]", "json"),
        ("[null,\n null]", "json"),
        ("[" * 5_000, "json"),
        ('{"a": 1},\n{"a": 2},\n', "json"),
        ("[" + "1," * 200_000 + "1]", "json"),
        ('{"a": "' + "x" * 500_000 + '"}\n{"a": 2}', "json"),
        ('{"a": 1}\n{"a": 2}\n', "ndjson"),
        ('\n{"a": 1}\r\n\r\n{"a": 2}', "ndjson"),
        ('{"a": 1}\r{"a": 2}\r', "ndjson"),
        ('{"a": 1}\nnull\n7\n{"a"\n', "ndjson"),
        ('{"a"\n{"a": 2}\n{"a": 3}\n', "ndjson"),
        ('{"a": NaN}\n{"a": 2}\n', "ndjson"),
        ("[1]\n[2]\n", "ndjson"),
        ('{"a": ' + "9" * 5000 + "}\n{}\n", "ndjson"),
        ('{"a": 1}\n' * 100_000, "ndjson"),
        (b"PAR1" + bytes(9) + b"PAR1", "parquet"),
        (b"PAR1not parquet at allPAR1", "parquet"),
        (b"PARE" + bytes(9) + b"PARE", "parquet"),
        (b"PAR1\x15\x04\x15" + bytes(20), "parquet"),
        (b"PAR1,PAR2\n1,2\n", "csv"),
        (b"PAR1", "csv"),
        (b"PAR1PAR1", "csv"),
    ],
)
def test_the_content_tells_the_format(inbox: Inbox, content: str | bytes, format: Format) -> None:  # noqa: A002
    assert inbox.format(content) == format


def test_the_format_is_told_in_any_encoding(inbox: Inbox) -> None:
    assert inbox.format('[{"a": "é"}]'.encode("utf-16")) == "json"
    assert inbox.format('{"a": "é"}\n{"a": "è"}\n'.encode("cp1252")) == "ndjson"


# Properties


def is_record(text: str) -> bool:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        value = json.loads(text, parse_constant=refuse, parse_int=str)
    except ValueError:
        return False
    return isinstance(value, dict)


json_like = st.text(st.sampled_from('{}[]",:\\ \n\r1e.-aul\0é\udcff'), max_size=40)


@given(text=json_like, chunk=st.integers(1, 8))
@one_folder
def test_of_any_text_everything_is_in_a_record_or_is_structure(
    inbox: Inbox, text: str, chunk: int
) -> None:
    content = text.encode("utf-8", "surrogateescape")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loaders.intake.documents.window.CHUNK", chunk)
        records = inbox.records(content, "json")
    rest, at = "", 0
    for record in records:
        assert (record.problem is None) == is_record(record.text)
        if record.problem in {MISSING, NEVER_CLOSED}:  # they name structure
            continue
        found = text.index(record.text, at)
        assert record.line == 1 + len(re.findall(r"\r\n|\r|\n", text[:found]))
        rest, at = rest + text[at:found], found + len(record.text)
    assert set(rest + text[at:]) <= set("[], \t\r\n")


@given(text=json_like)
@one_folder
def test_of_any_lines_each_that_is_not_blank_is_a_record(inbox: Inbox, text: str) -> None:
    records = inbox.records(text.encode("utf-8", "surrogateescape"), "ndjson")
    lines = [line.strip(" \t\r\n") for line in re.split(r"[\r\n]", text)]
    assert [record.text for record in records] == [line for line in lines if line]
    for record in records:
        assert (record.problem is None) == is_record(record.text)


@given(content=st.binary())
@one_folder
def test_any_bytes_are_read(inbox: Inbox, content: bytes) -> None:
    inbox.path.write_bytes(content)
    encoding = detect_encoding(inbox.path)
    assert format_of(inbox.path, encoding)
    for kind in ("json", "ndjson"):
        for record in inbox.records(content, kind, encoding):
            assert record.text


@given(elements=st.lists(documents, max_size=5), data=st.data(), chunk=st.integers(1, 9))
@one_folder
def test_every_element_is_cut_as_it_was_written(
    inbox: Inbox, elements: list[str], data: st.DataObject, chunk: int
) -> None:
    inner = ",".join(data.draw(blanks) + element + data.draw(blanks) for element in elements)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loaders.intake.documents.window.CHUNK", chunk)
        records = inbox.records(f"[{inner or data.draw(blanks)}]", "json")
    assert [record.text for record in records] == elements
    for record in records:
        assert (record.problem is None) == record.text.startswith("{")


@given(text=documents | st.text(st.sampled_from('{}[]",:\\ 1e.-+aultrfsn0\n\x1f/u'), max_size=20))
@settings(max_examples=1000)
def test_what_is_json_is_judged_as_the_standard_reader_does(text: str) -> None:
    assert (problem_of(text.strip()) is None) == is_record(text.strip())
