"""Templates of requests: filled from parameters and environment, or refused before any request."""

import hashlib
import json
from pathlib import Path

import pytest

from loaders.errors import SettingsError
from loaders.sources.rest_api import templates
from tests.faults.apis import Misbehaving, reply
from tests.loaders.sources.rest_api.conftest import Asking

pytestmark = pytest.mark.contract("S2-02")
FORECAST = """
url: "{BASE_URL}/forecast/{CITY}?days={DAYS}"
method: POST
headers: {X-Unit: "{UNIT}"}
body: {days: "{DAYS}", note: "for {CITY}"}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of templates with one in it."""
    found = tmp_path / "templates"
    found.mkdir()
    (found / "forecast.yml").write_text(FORECAST)
    monkeypatch.setattr(templates, "FOLDER", found)
    return found


def test_placeholders_stand_in_url_headers_and_body(asking: Asking, shop: Misbehaving) -> None:
    asking.environ = {"BASE_URL": f"{shop.url}/", "UNIT": "C"}
    shop.put("/forecast/St.%20Gallen%2F9?days=2", reply('[{"t": 1.50}]'))
    params = {"CITY": "St. Gallen/9", "DAYS": 2}
    assert asking.documents(template="forecast", params=params) == ['{"t": 1.50}']
    (request,) = shop.requests
    assert (request.method, request.headers["x-unit"]) == ("POST", "C")
    assert json.loads(request.body) == {"days": 2, "note": "for St. Gallen/9"}


@pytest.mark.parametrize(
    ("name", "params", "told"),
    [
        ("forecast", {"CITY": "Bern"}, "template 'forecast' needs DAYS"),
        (
            "forecast",
            {"CITY": "B", "DAYS": 1, "TOWN": 1},
            "has no place for TOWN; it has BASE_URL,",
        ),
        ("forecasts", {}, r"there is no template 'forecasts'; .* has: forecast$"),
    ],
)
def test_what_is_missing_is_told_and_nothing_is_asked(
    asking: Asking, shop: Misbehaving, name: str, params: dict[str, str], told: str
) -> None:
    asking.environ = {"BASE_URL": shop.url, "UNIT": "C"}
    with pytest.raises(SettingsError, match=told):
        asking.find(template=name, params=params)
    assert shop.requests == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("url: [", r"broken.yml, line \d"),
        ("method: GET", "url"),
        ("{url: 'http://a.test', verb: GET}", "verb"),
        ("url: 'ftp://a.test'", "no http:// or https:// one"),
    ],
)
def test_a_broken_template_is_told(asking: Asking, folder: Path, text: str, told: str) -> None:
    (folder / "broken.yml").write_text(text)
    with pytest.raises(SettingsError, match=told):
        asking.find(template="broken")


def test_an_answer_that_is_not_json_stays_bytes(
    asking: Asking, shop: Misbehaving, folder: Path
) -> None:
    (folder / "map.yml").write_text('url: "{BASE_URL}/{MAP_KEY}/bern.png?key={MAP_KEY}"')
    asking.environ = {"BASE_URL": shop.url, "MAP_KEY": "s3:cret"}
    body = b"\x89PNG\r\n\x00\xff"
    shop.put("/s3%3Acret/bern.png?key=s3%3Acret", reply(body, Content_Type="image/png"))
    (batch,) = asking.find(template="map", answer="bytes").batches
    received = batch.received
    assert received is not None
    assert Path(received.path).read_bytes() == body
    assert (received.name, received.content_type) == ("bern.png", "image/png")
    (record,) = [json.loads(each) for each in asking.documents(template="map", answer="bytes")]
    sha256 = hashlib.sha256(body).hexdigest()
    assert record == {
        "name": "bern.png",
        "url": f"{shop.url}/***/bern.png",
        "sha256": sha256,
        "bytes": len(body),
        "content_type": "image/png",
    }
    assert "cret" not in f"{batch} {record}"
