import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from loaders.sources import sample_api


def fetch(url: str) -> tuple[list[dict[str, object]], str | None]:
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response), response.headers["Link"]


def test_the_sample_is_served_on_loopback_in_linked_pages() -> None:
    with sample_api.serve() as url:
        first, link = fetch(url)
        second, _ = fetch(f"{url}?page=2")
        last, end = fetch(f"{url}?page=4")
    assert urlsplit(url).hostname == "127.0.0.1"
    assert link == f'<{url}?page=2>; rel="next"'
    assert [len(page) for page in (first, second, last)] == [25, 25, 25]
    assert end is None
    assert [record["id"] for record in first + second] == list(range(1, 51))


def test_no_other_address_is_served() -> None:
    with sample_api.serve() as url, pytest.raises(urllib.error.HTTPError) as refusal:
        fetch(url.replace("/posts", "/users"))
    assert refusal.value.code == 404
    refusal.value.close()


def test_it_ends_with_the_run() -> None:
    with sample_api.serve() as url:
        pass
    with pytest.raises(urllib.error.URLError):
        fetch(url)
