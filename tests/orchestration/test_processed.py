import json
from pathlib import Path

import pytest

from loaders.catalog import ApiTable, RestApiSource
from loaders.raw_store.local import LocalStore
from loaders.settings import Settings
from loaders.warehouse import open_warehouse
from orchestration.dbt import BuildOutcome
from orchestration.processed import keep_processed
from orchestration.registry import RunRecord
from tests.loaders.conftest import Answer, Api, Landings, api, landings

__all__ = ["api", "landings"]

VIEW = (
    "create view processed_data as select cast(r._row as bigint) as id, 7 as user_id, "
    "'T\"' as title, 'line\nline é' as body, b.landed_at as processed_at "
    "from raw.posts as r inner join raw._batches as b on b._batch_id = r._batch_id"
)


def record_of(settings: Settings, landings: Landings, source: RestApiSource) -> RunRecord:
    """A run that landed the source and built the models."""
    outcome = landings.land(source, "posts")
    run_id = landings.value("select run_id from raw._batches order by landed_at desc limit 1")
    (settings.runs_dir / run_id).mkdir(parents=True, exist_ok=True)
    return RunRecord(
        run_id=run_id,
        state="running",
        started_at="",
        pid=1,
        target=settings.target,
        target_reason="",
        place="",
        sources=[outcome],
        transform=BuildOutcome(1, 1),
    )


@pytest.mark.contract("S3-12", "S3-13")
def test_the_rows_that_a_run_brought_are_kept_as_a_file(
    settings: Settings, landings: Landings, api: Api
) -> None:
    source = RestApiSource(url=api.url, tables={"posts": ApiTable(path="posts")})
    store = LocalStore(settings.data_dir)
    api.put("/posts", Answer('[{"id": 1}, {"id": 2}]'))
    first = record_of(settings, landings, source)
    landings.execute(VIEW)
    assert keep_processed(settings, open_warehouse(settings), first) == ()
    api.put("/posts", Answer('[{"id": 3}]'))
    second = record_of(settings, landings, source)
    assert keep_processed(settings, open_warehouse(settings), second) == ()
    written = [json.load(store.open(key)) for key in store.keys("processed/processed_data_")]
    assert sorted(document["total_records"] for document in written) == [1, 2]
    document = max(written, key=lambda document: document["total_records"])
    assert document.keys() == {"records", "processed_at", "total_records"}
    assert document["processed_at"].endswith("Z")
    record, other = document["records"]
    assert (record.pop("processed_at"), record) == (
        other["processed_at"],
        {"id": 1, "user_id": 7, "title": 'T"', "body": "line\nline é"},
    )


def test_nothing_is_written_without_something_new_or_without_the_view(
    settings: Settings, landings: Landings, api: Api
) -> None:
    api.put("/posts", Answer('[{"id": 1}]'))
    source = RestApiSource(url=api.url, tables={"posts": ApiTable(path="posts")})
    record = record_of(settings, landings, source)
    assert keep_processed(settings, landings.warehouse, record) == ()
    landings.execute(VIEW)
    again = record_of(settings, landings, source)
    assert keep_processed(settings, landings.warehouse, again) == ()
    record.transform = BuildOutcome(up_to_date_since="run-0")
    assert keep_processed(settings, landings.warehouse, record) == ()
    assert not (settings.data_dir / "processed").exists()


@pytest.mark.contract("S3-14")
def test_a_file_that_cannot_be_written_is_a_warning(
    settings: Settings, landings: Landings, api: Api, tmp_path: Path
) -> None:
    api.put("/posts", Answer('[{"id": 1}]'))
    record = record_of(
        settings, landings, RestApiSource(url=api.url, tables={"posts": ApiTable(path="posts")})
    )
    landings.execute(VIEW)
    (tmp_path / "data" / "processed").write_text("a file, not a folder")
    (warning,) = keep_processed(settings, landings.warehouse, record)
    assert "cannot be used: processed/processed_data_" in warning
    assert list((tmp_path / "data" / "unarchived" / "processed").iterdir())
