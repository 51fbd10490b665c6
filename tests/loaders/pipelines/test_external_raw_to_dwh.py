from collections.abc import Callable
from pathlib import Path

import pytest

from loaders.errors import BadFormatError, BadParameterError, MissingDataError, MissingFieldError
from loaders.quarantine.sheet import open_sheet
from loaders.settings import load_settings
from loaders.transforms.tsv import write_row
from loaders.warehouse import open_warehouse
from orchestration.rebuild import rebuild
from tests.conftest import TARGETS
from tests.loaders.pipelines.conftest import Fetch, RunPipeline

NAME = "external_raw_to_dwh"
PLACE = {"source": "shop", "table": "orders", "suffix": "day", "type": "files"}
Put = Callable[..., None]
both = pytest.mark.parametrize("target", TARGETS)


@pytest.fixture
def put(store_dir: Path) -> Put:
    def write(content: str | bytes, name: str = "latest.csv") -> None:
        file = store_dir / "shop/files/day" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


@both
@pytest.mark.contract("S2-05", "S2-10")
def test_the_latest_object_lands_once(run: RunPipeline, put: Put, fetch: Fetch) -> None:
    put("id,amount\n1,00501\n2,\n")
    first = run(NAME, **PLACE, format="csv")
    again = run(NAME, **PLACE, format="csv")
    assert [r.result and r.result.rows for r in (first, again)] == [2, 0]
    assert fetch("select id, amount from raw.orders order by 1") == [("1", "00501"), ("2", None)]
    ((uri,),) = fetch("select uri from raw._batches")
    assert uri.endswith("/store/shop/files/day/latest.csv")


@pytest.mark.contract("S2-05")
def test_another_object_than_the_latest_is_read_by_its_key(
    run: RunPipeline,
    put: Put,
    fetch: Fetch,
) -> None:
    put("id\nnew\n")
    put("id\nold\n", "1700000000.csv")
    run(NAME, **PLACE, format="csv", key="shop/files/day/1700000000.csv")
    assert fetch("select id from raw.orders") == [("old",)]


@both
@pytest.mark.contract("S2-05")
def test_columns_are_renamed_and_what_is_of_another_type_is_set_aside(
    run: RunPipeline,
    put: Put,
    fetch: Fetch,
    store_dir: Path,
) -> None:
    object_ = (
        'Order No;Amount;Day\n1;1.5;2026-01-01\n2;"x";2026-01-01\n3;;2026-02-30\n4;2;\n5;9;9;9\n'
    )
    put(object_)
    asked = {
        "transform": {"rename": {"order_no": "order_id"}},
        "types": {"order_id": "integer", "amount": "decimal", "day": "date"},
    }
    record = run(NAME, **PLACE, format="csv", **asked)
    assert record.result is not None
    assert (record.state, record.exit_code) == ("succeeded", 3)
    assert (record.result.rows, record.result.rows_set_aside) == (2, 3)
    assert fetch("select order_id, amount, day from raw.orders order by 1") == [
        ("1", "1.5", "2026-01-01"),
        ("4", "2", None),
    ]
    assert fetch("select _row, line, raw_text, reason from raw._quarantine order by 1") == [
        (2, 3, '2;"x";2026-01-01', "the value of amount is no decimal"),
        (3, 4, "3;;2026-02-30", "the value of day is no date"),
        (5, 6, "5;9;9;9", "4 fields, the header has 3"),
    ]
    assert fetch("select distinct archived_as from raw._batches") == [("files/shop-day.csv",)]
    assert (store_dir / "files/shop-day.csv").read_text() == object_
    again = run(NAME, **PLACE, format="csv", **asked)
    assert again.result is not None
    assert again.state == "succeeded"
    assert (again.result.rows, again.result.rows_set_aside) == (0, 0)


@pytest.mark.contract("S2-05", "S2-22")
def test_the_policy_says_what_a_value_of_another_type_is(
    run: RunPipeline,
    put: Put,
    fetch: Fetch,
) -> None:
    put("id\n1\nx\n")
    with pytest.raises(BadFormatError, match="row 2, line 3: id is 'x', which is no integer"):
        run(NAME, **PLACE, format="csv", types={"id": "integer"}, on_bad_type="error")
    record = run(NAME, **PLACE, format="csv", types={"id": "integer"}, on_bad_type="warn")
    assert record.warnings == ["1 values of id are no integer; they landed as they are"]
    assert fetch("select id from raw.orders order by 1") == [("1",), ("x",)]


@both
@pytest.mark.contract("S2-17", "S2-18")
def test_what_looks_like_null_lands_as_what_it_was(
    run: RunPipeline,
    put: Put,
    fetch: Fetch,
) -> None:
    values: list[str | None] = [
        None,
        "",
        "NULL",
        r"\N",
        "a\\b",
        "a\tb",
        "a\nb",
        "a\r\nb",
        '"',
        "é,;",
    ]
    rows: list[list[str | None]] = [[str(number), value] for number, value in enumerate(values)]
    lines = [write_row(["n", "value"]), *(write_row(row) for row in rows)]
    put(b"".join(lines), "latest.tsv")
    run(NAME, **PLACE, format="tsv")
    assert fetch("select value from raw.orders order by cast(n as integer)") == [
        (value,) for value in values
    ]


@pytest.mark.contract("S2-05", "S2-16")
def test_documents_keep_their_characters_and_land_transformed(
    run: RunPipeline,
    put: Put,
    fetch: Fetch,
) -> None:
    put('{"id":1.0,"x":"a"}\n{"id":"b","x":"a"}\nno json\n', "latest.ndjson")
    asked = {"transform": {"columns": ["id"], "rename": {"id": "key"}}, "types": {"key": "decimal"}}
    record = run(NAME, **PLACE, **asked)
    assert record.result is not None
    assert record.result.rows_set_aside == 2
    assert fetch("select document from raw.orders") == [('{"key":1.0}',)]
    reasons = [reason for (reason,) in fetch("select reason from raw._quarantine order by line")]
    assert "the value of key is no decimal" in reasons
    assert any(reason.startswith("not JSON") for reason in reasons)


@pytest.mark.contract("S2-05", "S2-12", "S2-22")
def test_a_missing_key_is_told_as_missing(run: RunPipeline) -> None:
    with pytest.raises(MissingDataError, match=r"has no shop/files/day/latest\.csv"):
        run(NAME, **PLACE, format="csv")
    record = run(NAME, **PLACE, format="csv", fail_on_missing=False)
    assert record.state == "succeeded"
    assert record.warnings[0].endswith("has no shop/files/day/latest.csv; nothing lands")


def test_an_object_without_rows_lands_none(run: RunPipeline, put: Put) -> None:
    put("id\n")
    assert run(NAME, **PLACE, format="csv", types={"id": "text"}).state == "succeeded"


def test_the_table_of_a_source_is_its_own(run: RunPipeline) -> None:
    with pytest.raises(BadParameterError, match=r"source 'notes' of sources\.yml has the table"):
        run(NAME, api="http://127.0.0.1:9/", source="shop", table="notes")


@pytest.mark.contract("S2-05", "S2-18")
@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_columns_of_one_name_both_land(run: RunPipeline, put: Put, fetch: Fetch, form: str) -> None:
    put("a,b,a\n1,2,3\n".replace(",", "\t" if form == "tsv" else ","), f"latest.{form}")
    run(NAME, **PLACE, format=form, transform={"constants": {"c": "4"}})
    assert fetch("select a, b, a_2, c from raw.orders") == [("1", "2", "3", "4")]


@pytest.mark.contract("S2-05", "S2-16")
def test_a_document_with_a_key_twice_is_set_aside_before_a_transform(
    run: RunPipeline, put: Put, fetch: Fetch
) -> None:
    put('{"id":1}\n{"id":4,"i\\u0064":5}\n', "latest.ndjson")
    run(NAME, **PLACE, transform={"sort": ["id"]})
    assert fetch("select document from raw.orders") == [('{"id":1}',)]
    assert fetch("select _row, line, raw_text, reason from raw._quarantine") == [
        (2, 2, '{"id":4,"i\\u0064":5}', "the key id stands in the JSON object twice")
    ]


@pytest.mark.contract("S2-05", "S2-22")
def test_a_type_of_a_column_that_is_not_there_is_an_error_or_a_warning(
    run: RunPipeline, put: Put, fetch: Fetch
) -> None:
    put("id\n1\n")
    with pytest.raises(MissingFieldError, match="types names the column zz; the record has id"):
        run(NAME, **PLACE, format="csv", types={"zz": "integer"})
    asked = {"types": {"zz": "integer"}, "transform": {"on_missing": "warn"}}
    record = run(NAME, **PLACE, format="csv", **asked)
    assert record.warnings == ["1 records have no column zz, whose type was not checked"]
    assert fetch("select id from raw.orders") == [("1",)]


@pytest.mark.contract("S2-05", "S2-18")
def test_a_short_line_of_a_tsv_is_set_aside_and_line_ends_are_no_data(
    run: RunPipeline, put: Put, fetch: Fetch
) -> None:
    put("a\tb\r\n1\t2\r\n3\r\n4\t5\r\n", "latest.tsv")
    record = run(NAME, **PLACE, format="tsv")
    assert record.exit_code == 3
    assert fetch("select a, b from raw.orders order by 1") == [("1", "2"), ("4", "5")]
    assert fetch("select _row, line, raw_text, raw_bytes, reason from raw._quarantine") == [
        (2, 3, "3", b"3\r\n", "1 field, the header has 2")
    ]
    put("a\tb\r\n1\t2\n", "latest.tsv")
    with pytest.raises(BadFormatError, match="line 2 of the TSV ends in another way"):
        run(NAME, **PLACE, format="tsv")


@pytest.mark.contract("S1-06", "S3-43")
def test_what_was_set_aside_is_rebuilt_as_it_stood(
    run: RunPipeline, put: Put, fetch: Fetch, environment: dict[str, str]
) -> None:
    put("id;n\n1;2\nx;\xe9\n4;5;6\n".encode("latin-1"))
    run(NAME, **PLACE, format="csv", types={"id": "integer"})
    settings = load_settings(environment)
    sql = "select _row, line, raw_text, raw_bytes, reason from raw._quarantine order by 1"
    before = fetch(sql)
    assert before[0] == (2, 3, "x;é", b"x;\xe9\n", "the value of id is no integer")
    Path(open_warehouse(settings).place).unlink()
    rebuild(settings)
    assert fetch(sql) == before
    with open_warehouse(settings).reading() as reader:
        sheet = open_sheet(reader, "orders")
    assert [row.stage for row in sheet.left_out] == ["transform", "transform"]
