import pytest

from loaders.errors import BadParameterError
from tests.conftest import TARGETS
from tests.loaders.pipelines.conftest import Fetch, RunPipeline
from tests.loaders.sources.index_server import IndexServer

NAME = "internal_raw_to_dwh"
ASKED = {"index": "events", "table": "events", "cursor": {"field": "at"}, "batch_size": 2}
both = pytest.mark.parametrize("target", TARGETS)


@pytest.fixture
def events(index: IndexServer, environment: dict[str, str]) -> IndexServer:
    environment["ELASTICSEARCH_URL"] = index.url
    index.put("events", **{f"e{n}": f'{{"at": {n}, "kind": "k{n % 2}"}}' for n in range(1, 6)})
    return index


COUNT = "select count(*), count(distinct document) from raw.events"


@both
@pytest.mark.contract("S2-11")
def test_a_run_goes_on_where_the_last_one_ended(
    run: RunPipeline, events: IndexServer, fetch: Fetch
) -> None:
    first = run(NAME, **ASKED)
    assert first.result is not None
    assert first.result.rows == 5
    events.put("events", e6='{"at": 6, "kind": "k0"}')
    second = run(NAME, **ASKED)
    assert second.result is not None
    assert second.result.rows == 1
    assert fetch(COUNT) == [(6, 6)]


@pytest.mark.contract("S2-11")
def test_a_failure_midway_moves_no_checkpoint(
    run: RunPipeline, events: IndexServer, fetch: Fetch
) -> None:
    def fail(page: int) -> None:
        if page == 2:
            events.fail(500, "_search", times=20)

    events.before_search = fail
    failed = run(NAME, **ASKED)
    assert failed.state == "failed"
    assert failed.sources[0].problems
    events.before_search = lambda _: None
    events.faults.clear()
    assert run(NAME, **ASKED).state == "succeeded"
    assert fetch(COUNT) == [(5, 5)]


@pytest.mark.contract("S2-07")
def test_range_filter_and_fields_are_parameters(
    run: RunPipeline, events: IndexServer, fetch: Fetch
) -> None:
    run(
        NAME,
        index="events",
        table="events",
        range={"field": "at", "start": 2, "end": 5},
        filter={"kind": "k0"},
        fields=["at"],
    )
    (searched, *_) = events.searches()
    assert searched["_source"] == ["at"]
    assert fetch("select count(*) from raw.events") == [(2,)]


@pytest.mark.contract("S2-23")
def test_the_bounds_of_a_range_are_asked_in_utc(run: RunPipeline, events: IndexServer) -> None:
    bounds = {"field": "at", "start": "2026-01-01T01:00:00+01:00", "end": "2026-02-01T00:00:00Z"}
    asked = {"index": "events", "table": "events", "range": bounds, "time_zones": "error"}
    run(NAME, **asked, fail_on_missing=False)
    assert "2026-01-01T00:00:00Z" in str(events.searches()[0])
    with pytest.raises(BadParameterError, match="the range's end: '2026-02-01' has no time zone"):
        run(NAME, **{**asked, "range": {**bounds, "end": "2026-02-01"}})


@pytest.mark.contract("S2-12")
@pytest.mark.usefixtures("events")
def test_a_missing_index_is_an_error_or_a_warning(run: RunPipeline) -> None:
    failed = run(NAME, index="none", table="events")
    assert (failed.state, failed.exit_code) == ("failed", 1)
    warned = run(NAME, index="none", table="events", fail_on_missing=False)
    assert warned.state == "succeeded"
    assert "there is no index" in warned.warnings[0]


@pytest.mark.contract("S2-22")
def test_a_server_that_nobody_names_is_told(run: RunPipeline) -> None:
    with pytest.raises(BadParameterError, match="set ELASTICSEARCH_URL"):
        run(NAME, **ASKED)
