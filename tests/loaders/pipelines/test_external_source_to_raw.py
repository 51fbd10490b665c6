import json
from pathlib import Path
from typing import Any

import pytest

from loaders.errors import (
    BadFormatError,
    BadParameterError,
    EmptyValueError,
    MissingDataError,
    SettingsError,
    SourceError,
    TemplateNotFoundError,
)
from loaders.raw_store import open_raw_store
from loaders.settings import load_settings
from tests.loaders.conftest import Answer, Api
from tests.loaders.pipelines.conftest import RunPipeline

NAME = "external_source_to_raw"
SENT = '[{"id": 1.0, "note": "a\\nb"},\n {"id": 12345678901234567890123,\n "note": null}]'


@pytest.fixture
def notes(api: Api) -> str:
    api.put("/", Answer(SENT))
    return api.url


def objects(store_dir: Path) -> dict[str, bytes]:
    return {
        file.relative_to(store_dir).as_posix(): file.read_bytes()
        for file in sorted(store_dir.rglob("*"))
        if file.is_file()
    }


@pytest.mark.contract("S2-04", "S2-09")
def test_an_answer_goes_into_the_raw_store_as_it_was_sent(
    run: RunPipeline, notes: str, store_dir: Path
) -> None:
    record = run(NAME, api=notes, source="notes")
    assert record.result is not None
    assert (record.state, record.result.rows) == ("succeeded", 2)
    key, latest = record.result.keys
    assert latest == "notes/api/notes/latest.ndjson"
    assert key.removeprefix("notes/api/notes/").removesuffix(".ndjson").isdecimal()
    lines = b'{"id": 1.0, "note": "a\\nb"}\n{"id": 12345678901234567890123,  "note": null}\n'
    assert objects(store_dir) == {key: lines, latest: lines}


@pytest.mark.contract("S2-04")
def test_nothing_in_the_store_is_overwritten_but_the_latest(
    run: RunPipeline, api: Api, store_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.pipelines.objects.time.time", lambda: 1_800_000_000.5)
    api.put("/", Answer('[{"id": 1}]'), Answer('[{"id": 2}]'))
    run(NAME, api=api.url, source="notes")
    run(NAME, api=api.url, source="notes")
    assert objects(store_dir) == {
        "notes/api/notes/1800000000.ndjson": b'{"id": 1}\n',
        "notes/api/notes/1800000001.ndjson": b'{"id": 2}\n',
        "notes/api/notes/latest.ndjson": b'{"id": 2}\n',
    }


@pytest.mark.contract("S2-04", "S2-16", "S2-17")
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"format": "csv"}, '"id","note"\n"1.0","a\nb"\n"12345678901234567890123",\n'),
        ({"format": "tsv"}, "id\tnote\n1.0\ta\\nb\n12345678901234567890123\t\\N\n"),
        (
            {"format": "csv", "fields": {"paths": {"number": "id"}, "not_null": ["number"]}},
            '"number"\n"1.0"\n"12345678901234567890123"\n',
        ),
        (
            {"transform": {"constants": {"from": "api"}, "rename": {"id": "n"}, "sort": ["-n"]}},
            """{"n":12345678901234567890123,"note":null,"from":"api"}
{"n":1.0,"note":"a\\nb","from":"api"}
""",
        ),
    ],
)
def test_records_are_written_in_the_form_that_is_asked_for(
    run: RunPipeline, notes: str, store_dir: Path, params: dict[str, Any], expected: str
) -> None:
    form = params.get("format", "ndjson")
    run(NAME, api=notes, source="notes", type="rest", suffix="all", **params)
    assert (store_dir / f"notes/rest/all/latest.{form}").read_text() == expected


@pytest.mark.contract("S2-04")
def test_the_same_is_written_to_s3(
    run: RunPipeline, notes: str, s3_variables: dict[str, str], environment: dict[str, str]
) -> None:
    environment |= s3_variables
    record = run(NAME, api=notes, source="notes")
    assert record.result is not None
    assert list(open_raw_store(load_settings(environment)).keys()) == list(record.result.keys)


@pytest.mark.contract("S2-12", "S2-22")
def test_an_api_without_records_is_an_error_or_a_warning(
    run: RunPipeline, api: Api, store_dir: Path
) -> None:
    api.put("/", Answer("[]"))
    with pytest.raises(MissingDataError, match="notes has no records"):
        run(NAME, api=api.url, source="notes")
    record = run(NAME, api=api.url, source="notes", fail_on_missing=False)
    assert (record.state, record.warnings) == (
        "succeeded",
        ["notes has no records; nothing is written"],
    )
    assert objects(store_dir) == {}


@pytest.mark.contract("S2-09", "S2-22")
def test_what_cannot_be_carried_is_told_and_nothing_is_written(
    run: RunPipeline, api: Api, store_dir: Path
) -> None:
    api.put("/", Answer("down", 404), Answer('[{"id": null}]'), Answer("[1]"))
    with pytest.raises(SourceError, match="answered 404"):
        run(NAME, api=api.url, source="notes")
    fields = {"paths": {"id": "id"}, "not_null": ["id"]}
    with pytest.raises(EmptyValueError, match="record 1 has no value for id"):
        run(NAME, api=api.url, source="notes", format="tsv", fields=fields)
    with pytest.raises(
        BadFormatError, match=r"no record of 1 can be written: record 1: .*not an object: 1"
    ):
        run(NAME, api=api.url, source="notes", format="csv")
    assert objects(store_dir) == {}


@pytest.mark.contract("S2-22")
@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"source": "other"}, "source 'other' is no API of sources.yml, which has notes"),
        ({"source": "runs"}, "the source cannot be called 'runs'"),
        ({"source": "notes", "table": "none"}, "source notes has the tables notes"),
        ({"source": "notes", "fields": {"paths": {}}}, "fields are for csv and tsv"),
        ({"source": "../etc"}, "the parameters of external_source_to_raw at source"),
        ({"source": "notes", "formt": "csv"}, "no parameter 'formt'; the nearest is format"),
        ({"source": "${NOT_SET}"}, "the parameter source needs the variable NOT_SET: set it"),
        ({}, "missing required field `source`"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    run: RunPipeline, params: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadParameterError, match=told.replace("(", r"\(")):
        run(NAME, api="http://127.0.0.1:9/", **params)


def test_json_of_records_stays_readable(run: RunPipeline, notes: str, store_dir: Path) -> None:
    run(NAME, api=notes, source="notes")
    lines = (store_dir / "notes/api/notes/latest.ndjson").read_text().splitlines()
    assert [json.loads(line) for line in lines] == json.loads(SENT)


@pytest.mark.contract("S2-02", "S2-09", "S2-22")
def test_a_template_with_its_parameters_is_an_api(
    run: RunPipeline, api: Api, store_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.sources.rest_api.templates.FOLDER", tmp_path)
    (tmp_path / "weather.yml").write_text('url: "{BASE}/days/{DAY}"\n')
    api.put("/days/mon", Answer('{"rows": [{"t": 1.50}]}'))
    asked = {"source": "weather", "template": "weather", "suffix": "mon", "records": "rows"}
    run(NAME, **asked, params={"BASE": api.url, "DAY": "mon"})
    assert (store_dir / "weather/api/mon/latest.ndjson").read_text() == '{"t": 1.50}\n'
    with pytest.raises(SettingsError, match="template 'weather' needs DAY"):
        run(NAME, **asked, params={"BASE": api.url})
    with pytest.raises(TemplateNotFoundError, match="there is no template 'wether'"):
        run(NAME, **{**asked, "template": "wether"})
    assert len(api.requests) == 1


@pytest.mark.contract("S2-02", "S2-04")
def test_a_body_of_another_kind_is_kept_but_for_its_byte_order_mark(
    run: RunPipeline, api: Api, store_dir: Path
) -> None:
    api.put("/", Answer(b"\xef\xbb\xbfid;x\r\n1;\xe9\r\n"))
    run(NAME, api=api.url, answer="bytes", source="notes", format="csv")
    assert (store_dir / "notes/api/notes/latest.csv").read_bytes() == b"id;x\r\n1;\xe9\r\n"


@pytest.mark.contract("S2-09", "S2-22")
@pytest.mark.parametrize("params", [{"format": "csv"}, {"transform": {"columns": ["id"]}}])
def test_a_record_that_cannot_be_written_is_left_out_and_told(
    run: RunPipeline, api: Api, store_dir: Path, params: dict[str, Any]
) -> None:
    api.put("/", Answer('[{"id": 1}, 2, {"id": 4, "id": 5}, {"id": 3}]'))
    record = run(NAME, api=api.url, source="notes", **params)
    assert record.result is not None
    assert (record.result.rows, record.result.rows_set_aside, record.exit_code) == (2, 2, 3)
    (told,) = record.warnings
    assert told.startswith("2 records are left out; the first: record 2: ")
    assert told.endswith("the element is not an object: 2")
    form = params.get("format", "ndjson")
    lines = (store_dir / f"notes/api/notes/latest.{form}").read_text().splitlines()
    assert [line.strip('"') for line in lines if "id" not in line or form == "ndjson"] == (
        ["1", "3"] if form == "csv" else ['{"id":1}', '{"id":3}']
    )
