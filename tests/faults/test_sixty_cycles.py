"""Sixty cycles of a hundred records, as fast as they go, and one more that is ended in the middle.

Each cycle asks a stand-in of the API, lands the answer though it is that of the cycle before
(`snapshots: always`), and builds the models. The answer after the last holds a cycle up.
"""

import json
import shutil
import signal
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR
from orchestration import registry
from tests.faults.apis import Misbehaving, misbehaving, reply
from tests.faults.orders import Orders, make_checkout
from tests.faults.served import Served, served

CYCLES, RECORDS = 60, 100
SOURCES = """
sources:
  posts:
    kind: rest_api
    url: ${API_URL}
    disposition: merge
    snapshots: always
    tables: {posts: {}}
schedules:
  continuous: {run: [posts], every: 0.1}
"""
ANSWER = reply(
    json.dumps(
        [
            {"id": n, "userId": n % 10 + 1, "title": f"t {n}", "body": f"b\n{n}"}
            for n in range(1, 101)
        ]
    ),
    Content_Type="application/json",
)
EARLY, LATE = slice(2, 12), slice(-10, None)  # cycles that are compared
AT_MOST = 1.5  # times what an early cycle takes: machines are busy now and then


class Gate:
    """An API that answers so many times, and then when it is allowed to."""

    def __init__(self, api: Misbehaving) -> None:
        self._api = api
        self.url = f"{api.url}/posts"
        self._open = threading.Event()

    def answer(self, times: int) -> None:
        """Answer so many requests; who asks next waits."""
        self._open.set()
        self._open = threading.Event()
        self._api.put("/posts", *[ANSWER] * times, self._hold(self._open))

    @property
    def asked(self) -> int:
        """How often it was asked."""
        return self._api.asked("/posts")

    @staticmethod
    def _hold(is_open: threading.Event) -> Callable[[socketserver.StreamRequestHandler], None]:
        def hold(_: socketserver.StreamRequestHandler) -> None:
            is_open.wait(60)

        return hold

    def close(self) -> None:
        """Hold nobody any more."""
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    with misbehaving() as api:
        held = Gate(api)
        yield held
        held.close()


@pytest.fixture
def posts(environment: dict[str, str], gate: Gate, tmp_path: Path) -> Orders:
    """The project with the posts as its one source, and the models that read them."""
    checkout = make_checkout(tmp_path / "checkout")
    (checkout / "sources.yml").write_text(SOURCES)
    shutil.copy(PROJECT_DIR / "profiles.yml", checkout)
    for path in files_of_models():
        copy = checkout / "dbt_project" / path.relative_to(PROJECT_DIR / "dbt_project")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    variables = {"PYTHONPATH": str(checkout), "API_URL": gate.url, "CSV_DATA_PATH": str(tmp_path)}
    return Orders(checkout, environment | variables)


def files_of_models() -> Iterator[Path]:
    """The dbt project without the models of other sources, and without what only tests need."""
    project = PROJECT_DIR / "dbt_project"
    yield project / "dbt_project.yml"
    yield from (project / "macros").rglob("*.sql")
    yield from (project / "models/staging").glob("_ledger*.yml")
    yield project / "models/staging/posts/_posts__sources.yml"
    yield project / "models/_columns.md"
    for path in (project / "models").rglob("*.sql"):
        if "post" in path.name or path.stem.endswith(("raw_data", "processed_data")):
            yield path


def metric(service: Served, name: str) -> float:
    """A metric as Prometheus reads it, the sum over its labels."""
    lines = service.client.get("/metrics").text.splitlines()
    found = [line for line in lines if line.split("{")[0].split(" ")[0] == name]
    assert found, f"there is no {name}"
    return sum(float(line.rpartition(" ")[2]) for line in found)


@pytest.mark.long
@pytest.mark.usefixtures("models_alone")
@pytest.mark.contract(
    "S3-01", "S3-05", "S3-20", "S3-21", "S3-23", "S3-24", "S3-25", "S3-26", "S3-27", "S3-29"
)
def test_cycles_are_exact_their_metrics_too_and_the_last_costs_no_more(
    posts: Orders, gate: Gate
) -> None:
    gate.answer(CYCLES)
    with served(posts) as service:
        told = service.wait_for(lambda told: told["cycles"] >= CYCLES, patience=60 * CYCLES)
        service.wait_for(lambda _: gate.asked == CYCLES + 1)
        assert (told["cycles"], told["failed"], told["skipped_ticks"]) == (CYCLES, 0, 0)
        assert metric(service, "etl_api_requests_total") == CYCLES
        assert metric(service, "etl_api_requests_failed_total") == 0
        assert metric(service, "etl_api_request_duration_seconds_count") == CYCLES
        assert metric(service, "etl_records_processed_total") == RECORDS * CYCLES
        assert metric(service, "etl_transformation_errors_total") == 0
        assert metric(service, "etl_data_saved_total") == 2 * CYCLES
        assert metric(service, "etl_database_writes_total") == 2 * CYCLES
        assert metric(service, "etl_database_write_errors_total") == 0
        service.end(signal.SIGTERM)
    records = registry.load_all(posts.data_dir / "runs")
    assert [record.state for record in records] == ["interrupted", *["succeeded"] * CYCLES]
    check_exact(posts, CYCLES)
    seconds = [sum(record.seconds.values()) for record in reversed(records[1:])]
    assert min(seconds[LATE]) < AT_MOST * min(seconds[EARLY]), seconds
    kept = {name: count_files(posts.data_dir / name) for name in ("raw", "processed", "landings")}
    assert kept == {"raw": CYCLES, "processed": CYCLES, "landings": 2 * CYCLES}
    gate.answer(1)
    with served(posts) as service:  # the interrupted one is counted as a cycle too
        service.wait_for(lambda told: told["cycles"] >= CYCLES + 2)
        assert service.schedule()["last_state"] == "succeeded"
        service.end(signal.SIGINT)
    check_exact(posts, CYCLES + 1)


def check_exact(posts: Orders, cycles: int) -> None:
    """Every record of each cycle has landed once; the models show the latest of each."""
    sums = posts.fetch(
        "select count(*), count(distinct _batch_id), count(distinct document) from raw.posts"
    )
    assert sums == [(cycles * RECORDS, cycles, RECORDS)]
    assert posts.fetch("select count(*) from raw_data") == [(cycles * RECORDS,)]
    assert posts.fetch("select count(*) from processed_data") == [(RECORDS,)]


def count_files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))
