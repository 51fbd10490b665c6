"""The official client for a source: who asks, of whom; it hands over answers as bytes."""

import base64
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from loaders.catalog import ElasticsearchSource

if TYPE_CHECKING:
    from elastic_transport import NodeConfig
    from elasticsearch import Elasticsearch

KINDS = ("application/json", "application/vnd.elasticsearch+json", "application/*", "text/*")
PORTS = {"http": 80, "https": 443}


def make_client(spec: ElasticsearchSource, url: str, seconds: int) -> "Elasticsearch":
    """A client that has so many seconds for a request, and neither parses answers nor retries."""
    from elasticsearch import Elasticsearch

    logging.getLogger("elastic_transport").setLevel(logging.CRITICAL)  # errors are told once
    raw: Any = _Bytes()
    return Elasticsearch(
        [_node(spec, url)],
        serializers=dict.fromkeys(KINDS, raw),
        max_retries=0,  # the client tries again without a pause
        request_timeout=seconds,
    )


class _Bytes:
    """Reads no answer: what a server sent stays as it is. Writes as JSON what is no bytes yet."""

    mimetype = "application/json"

    def loads(self, data: bytes) -> bytes:
        """The bytes themselves."""
        return data

    def dumps(self, data: object) -> bytes:
        """JSON; a `msgspec.Raw` within goes as it came."""
        import msgspec

        return msgspec.json.encode(data)


def _node(spec: ElasticsearchSource, url: str) -> "NodeConfig":
    from elastic_transport import HttpHeaders, NodeConfig

    parts = urlsplit(url)
    options: dict[str, Any] = {"ca_certs": spec.ca_certs} if spec.ca_certs else {}
    return NodeConfig(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or PORTS[parts.scheme],
        path_prefix=parts.path.rstrip("/"),
        headers=HttpHeaders(_authorization(spec)),  # not the client's: its transport has not those
        **options,
    )


def _authorization(spec: ElasticsearchSource) -> dict[str, str]:
    """The key, or user and password, or those that stand in the address; none where none is given.

    The catalog has seen to it that there are not both.
    """
    parts = urlsplit(spec.url or "")
    user, password = spec.username, spec.password
    if spec.api_key:
        return {"authorization": f"ApiKey {spec.api_key}"}
    if user is None and parts.username:
        user, password = unquote(parts.username), unquote(parts.password or "")
    if not user:
        return {}
    pair = f"{user}:{password or ''}".encode()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
