"""`elt doctor` and `elt list` where sources.yml names an index."""

import json

import pytest
from click.testing import CliRunner

from loaders import catalog
from loaders.catalog import ElasticsearchSource, IndexTable
from loaders.sources.elasticsearch import client
from orchestration import doctor
from orchestration.cli import main
from tests.loaders.sources.index_server import serve

SECRET = "s3cr3t-of-a-test"


def found(monkeypatch: pytest.MonkeyPatch, spec: ElasticsearchSource) -> doctor.Finding:
    """What `elt doctor` says of the source."""
    monkeypatch.setattr(doctor, "load_catalog", lambda _: {"shop": spec})
    (finding,) = [finding for finding in doctor.examine({}) if finding.check == "index"]
    return finding


def source(url: str | None, api_key: str | None = None) -> ElasticsearchSource:
    return ElasticsearchSource({"orders": IndexTable(index="orders")}, url=url, api_key=api_key)


def test_doctor_says_which_server_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(version="2.19.0", distribution="opensearch") as server:
        told = found(monkeypatch, source(server.url))
    assert told.state == f"shop: the server at {server.url} is OpenSearch 2.19.0"
    assert told.mend is None


def test_doctor_says_what_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ELASTICSEARCH_URL" in (found(monkeypatch, source(None)).mend or "")
    nobody = found(monkeypatch, source("http://127.0.0.1:9"))
    assert "cannot be reached: Connection refused" in nobody.state
    with serve(authorization="ApiKey another") as server:
        refused = found(monkeypatch, source(server.url, SECRET))
    assert "401 security_exception" in refused.state
    assert "sources.yml" in (refused.mend or "")
    assert SECRET not in str(refused)
    assert len(server.requests) < client.ATTEMPTS


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (f"https://ada:{SECRET}@index.test:9200", "https://index.test:9200"),
        (None, "(ELASTICSEARCH_URL is not set)"),
    ],
)
def test_list_shows_the_server_and_no_password(
    monkeypatch: pytest.MonkeyPatch, url: str | None, place: str
) -> None:
    monkeypatch.setattr(catalog, "load_catalog", lambda _: {"shop": source(url)})
    (row,) = json.loads(CliRunner().invoke(main, ["list", "--json"]).stdout)
    assert (row["kind"], row["table"], row["place"]) == ("elasticsearch", "orders", place)
