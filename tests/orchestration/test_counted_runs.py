"""Runs, from their requests to the sums: real ones, but that small tables stand for dbt's."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from loaders.catalog import ApiTable, RestApiSource
from loaders.counts import COUNTS
from loaders.errors import WarehouseError
from loaders.landing import land_source
from loaders.settings import Settings
from orchestration import builds
from orchestration.accounts import UNTOLD, keep_so_far
from orchestration.dbt import BuildOutcome
from orchestration.judged import count_judged
from orchestration.processed import keep_processed
from orchestration.recording import Held, add_outcome, recorded_run
from orchestration.registry import Registry, RunRecord, Totals, load, numbers, open_registry
from tests.faults.apis import Misbehaving, misbehaving, reply
from tests.loaders.conftest import Landings, landings
from tests.orchestration.test_processed import VIEW

__all__ = ["landings"]

HUNDRED = json.dumps([{"id": number, "title": "a"} for number in range(100)])
REJECTED = (
    "create schema if not exists ops",
    "create table ops.rejected_records (_batch_id varchar, _row bigint, is_set_aside boolean)",
)
POSTS = {("posts", "posts")}
ON_DUCKDB = pytest.mark.parametrize("target", ["duckdb"])


@pytest.fixture
def api() -> Iterator[Misbehaving]:
    """An API that answers a hundred posts at once."""
    with misbehaving() as running:
        running.put("/posts", reply(HUNDRED))
        yield running


class Cycles:
    """Cycles of one API; each is a run that lands, and builds unless it is told not to."""

    def __init__(self, settings: Settings, landings: Landings, api: Misbehaving) -> None:
        self.settings, self.landings = settings, landings
        tables = {"posts": ApiTable(path="posts")}
        self.spec = RestApiSource(tables, api.url, snapshots="always")

    def run(self, *, fails: bool = False, builds_too: bool = True) -> RunRecord:
        with recorded_run(self.settings, lambda _: None, is_debug=False) as held:
            self.land(held)
            if builds_too:
                self.build(held, fails=fails)
        return held.record

    def land(self, held: Held) -> None:
        run_id = held.record.run_id
        add_outcome(
            held.record,
            land_source(self.settings, held.warehouse, "posts", self.spec, run_id),
        )

    def build(self, held: Held, *, fails: bool = False) -> None:
        warehouse, record = held.warehouse, held.record
        builds.begin(warehouse, record.run_id, "made from", "ledger")
        if fails:
            return
        record.transform = BuildOutcome(1, 1)
        warehouse.commit([builds.completed(record.run_id, [])])
        count_judged(warehouse, record.run_id, POSTS)
        assert keep_processed(self.settings, warehouse, record) == ()

    def totals(self) -> Totals:
        with open_registry(self.settings) as records:
            found = records.totals()
        assert found is not None
        return found

    def __getitem__(self, labelled: tuple[str, ...]) -> float:
        metric, *labels = labelled
        return self.totals()[metric, tuple(labels)].value


@pytest.fixture
def cycles(settings: Settings, landings: Landings, api: Misbehaving) -> Cycles:
    return Cycles(settings, landings, api)


@pytest.mark.contract("S3-20", "S3-21", "S3-23", "S3-24", "S3-25", "S3-26", "S3-27")
def test_cycles_of_a_hundred_records(cycles: Cycles, landings: Landings, api: Misbehaving) -> None:
    cycles.run(builds_too=False)
    landings.execute(VIEW)
    for statement in REJECTED:
        landings.execute(statement)
    with recorded_run(cycles.settings, lambda _: None, is_debug=False) as held:
        cycles.build(held)  # by a run of its own
    landings.execute(  # of an earlier batch, which has been judged
        "insert into ops.rejected_records select _batch_id, 1, true from raw._batches"
    )
    api.put("/posts", reply("", "503 Busy", Retry_After="0"), reply(HUNDRED))
    cycles.run(fails=True)
    cycles.run()
    assert cycles[numbers.REQUESTS, "posts"] == 4
    assert cycles[numbers.FAILED, "posts"] == 1
    assert cycles[numbers.PROCESSED, "posts"] == 300
    assert cycles[numbers.LANDED, "posts", "posts"] == 300
    assert cycles[numbers.SAVED, "posts", "raw"] == 3
    assert cycles[numbers.SAVED, "posts", "processed"] == 1  # of the run that landed and built
    assert cycles[numbers.WRITES, "posts", "raw"] == 3
    assert cycles[numbers.WRITES, "posts", "processed"] == 2  # the last had two batches
    assert cycles[numbers.ERRORS, "posts", "models"] == 0
    assert [cycles[numbers.WRITE_ERRORS, layer] for layer in numbers.LAYERS] == [0, 0, 0]
    assert cycles[numbers.RUNS, "elt", "succeeded"] == 4


@ON_DUCKDB
@pytest.mark.contract("S3-08", "S3-24")
def test_what_models_refuse_counts_once_for_the_build_that_judges_it_first(
    cycles: Cycles, landings: Landings
) -> None:
    cycles.run(builds_too=False)
    for statement in (*REJECTED, VIEW):
        landings.execute(statement)
    landings.execute(  # two records, one of them for two reasons, and a value that did not cast
        "insert into ops.rejected_records select _batch_id, n, n < 3 from raw._batches "
        "cross join (select 1 as n union all select 2 union all select 2 union all select 3) as n"
    )
    for _ in range(2):
        with recorded_run(cycles.settings, lambda _: None, is_debug=False) as held:
            cycles.build(held)
        assert cycles[numbers.ERRORS, "posts", "models"] == 2
        assert cycles[numbers.WRITES, "posts", "processed"] == 1
    cycles.run()
    assert cycles[numbers.ERRORS, "posts", "models"] == 2
    assert cycles[numbers.WRITES, "posts", "processed"] == 2


@ON_DUCKDB
def test_a_run_that_is_told_to_end_counts_what_it_landed(
    cycles: Cycles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told_to_end(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("loaders.landing.open_rows_of", told_to_end)  # when it has just landed
    with (
        pytest.raises(KeyboardInterrupt),
        recorded_run(cycles.settings, lambda _: None, is_debug=False) as held,
    ):
        cycles.land(held)
    assert held.record.sources[0].problems == (UNTOLD,)
    assert cycles[numbers.PROCESSED, "posts"] == 100
    assert cycles[numbers.REQUESTS, "posts"] == 1
    assert cycles[numbers.WRITES, "posts", "raw"] == 1
    assert cycles[numbers.RUNS, "elt", "interrupted"] == 1


@ON_DUCKDB
def test_a_killed_run_counts_what_it_told_and_what_the_ledger_knows(
    cycles: Cycles, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = cycles.settings

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "save", save_while_it_goes_on)
        patch.setattr("orchestration.accounts.complete", lambda *_: None)
        run_id = begin_and_be_killed(cycles)
    assert load(settings.runs_dir, run_id).counts.sources["posts"].requests == 1
    died = load(settings.runs_dir, run_id)
    died.state, died.pid = "running", 2**22 + 1  # no process has it
    with open_registry(settings) as records:
        records.save(died)
        assert [run.state for run in records.newest()] == ["interrupted"]
    assert (numbers.PROCESSED, ("posts",)) not in cycles.totals()  # nobody has asked the ledger
    with recorded_run(settings, lambda _: None, is_debug=False):
        pass
    assert cycles[numbers.PROCESSED, "posts"] == 100
    assert cycles[numbers.REQUESTS, "posts"] == 1
    assert cycles[numbers.WRITES, "posts", "raw"] == 1
    assert cycles[numbers.RUNS, "elt", "interrupted"] == 1


class Killed(BaseException):
    """The end of a process, as far as it can be told here."""


def begin_and_be_killed(cycles: Cycles) -> str:
    """A run that had written down its requests, and not what they brought; its id."""
    with suppress(Killed), recorded_run(cycles.settings, print, is_debug=False) as held:
        cycles.land(held)
        held.record.sources.clear()
        keep_so_far(cycles.settings, held.record)
        raise Killed
    return held.record.run_id


SAVE = Registry.save


def save_while_it_goes_on(records: Registry, record: RunRecord) -> None:
    """What a killed run can save: nothing of its end."""
    if record.ended_at is None:
        SAVE(records, record)


@ON_DUCKDB
@pytest.mark.contract("S3-27")
def test_what_the_warehouse_does_not_take_is_a_write_error(
    cycles: Cycles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise WarehouseError("it went away")

    with pytest.raises(WarehouseError), recorded_run(cycles.settings, print, is_debug=False):
        refuse()
    assert cycles[numbers.WRITE_ERRORS, "run"] == 1
    monkeypatch.setattr("loaders.landing.run_pipeline", refuse)
    assert cycles.run(builds_too=False).state == "failed"
    assert cycles[numbers.WRITE_ERRORS, "raw"] == 1
    assert cycles[numbers.WRITE_ERRORS, "run"] == 1
    assert cycles[numbers.SOURCE_FAILURES, "posts"] == 1
    assert cycles[numbers.REQUESTS, "posts"] == 1


@ON_DUCKDB
def test_what_is_kept_midway_holds_no_secret(settings: Settings) -> None:
    hidden = replace(settings, api_keys=("s3cret-of-sixteen-letters",))
    with recorded_run(hidden, lambda _: None, is_debug=False) as held:
        COUNTS.add("posts", raw_files=1)
        held.record.warnings = ["it said s3cret-of-sixteen-letters"]
        keep_so_far(hidden, held.record)
        kept = (settings.runs_dir / held.record.run_id / "run.json").read_text()
    assert '"raw_files": 1' in kept
    assert "s3cret" not in kept
