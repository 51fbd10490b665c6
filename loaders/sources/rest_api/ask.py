"""What a table asks of its API: address, parameters, headers, body and credentials."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import msgspec

from loaders.catalog import ApiTable, RestApiSource
from loaders.catalog.rest_api import ApiKeyAuth, BasicAuth, BearerAuth, Offsets, PageNumbers, Since
from loaders.logs import hide
from loaders.sources.addresses import shown
from loaders.sources.marks import fingerprint_of
from loaders.sources.rest_api.templates import fill_template
from loaders.sources.rest_api.variables import Variables

if TYPE_CHECKING:
    import requests


class Ask(msgspec.Struct, frozen=True):
    """A request, filled; the signed parts go onto it and onto those for its further pages.

    `place` is its address as it may be shown.
    """

    url: str
    place: str
    method: Literal["GET", "POST"] = "GET"
    headers: dict[str, str] = {}
    params: dict[str, Any] = {}
    body: Any = None
    signed_headers: dict[str, str] = {}
    signed_params: dict[str, str] = {}
    has_credentials: bool = False

    def request(self, more_headers: Mapping[str, str]) -> "requests.Request":
        """The first request, as a library takes it."""
        import requests

        return requests.Request(
            self.method,
            self.url,
            headers={**self.headers, **more_headers},
            params=dict(self.params),
            json=self.json,
            data=self.text,
            auth=self.auth,
        )

    @property
    def auth(self) -> "Callable[[requests.PreparedRequest], requests.PreparedRequest] | None":
        """What signs a request; None leaves that to user and password of the address."""
        return self._sign if self.signed_headers or self.signed_params else None

    @property
    def json(self) -> Any:
        """The body where it is of keys and values."""
        return None if isinstance(self.body, str) else self.body

    @property
    def text(self) -> bytes | None:
        """The body where it is text."""
        return self.body.encode() if isinstance(self.body, str) else None

    def _sign(self, request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        request.headers.update(self.signed_headers)
        if self.signed_params:
            request.prepare_url(request.url, self.signed_params)
        return request

    def fingerprint(self, expected: ApiTable) -> str:
        """A few characters that change with what is asked, or with how it is cut."""
        asked = (self.url, self.method, self.headers, self.params, self.body)
        told = (asked, expected.records, expected.key, expected.answer)
        since = expected.cursor
        return fingerprint_of((*told, since.field, since.param) if since else told)


def asks_of(spec: RestApiSource, url: str, variables: Variables) -> dict[str, Ask]:
    """What each table asks, with every variable in its place.

    Raises:
        SettingsError: a variable or parameter is missing, or the template.
    """
    return {name: _ask_of(spec, table, url, variables) for name, table in spec.tables.items()}


def _ask_of(spec: RestApiSource, expected: ApiTable, url: str, variables: Variables) -> Ask:
    headers = variables.fill(spec.headers | expected.headers)
    params = variables.fill(expected.params)
    signed_headers, signed_params = _signs(spec, variables)
    if expected.template:
        template = fill_template(expected.template, params, variables)
        address, method, body = template.url, template.method, template.body
        headers, params = {**headers, **template.headers}, {}
    else:
        address = url.rstrip("/") + "/" + expected.path if expected.path else url
        method, body = expected.method, variables.fill(expected.body)
    names_secrets = bool({"authorization", "cookie"} & {name.lower() for name in headers})
    names_secrets = names_secrets or urlsplit(address).username is not None
    ask = Ask(
        address,
        hide(shown(address), variables.secrets),
        method,
        {name: str(value) for name, value in headers.items()},
        params,
        body,
        signed_headers,
        signed_params,
        has_credentials=bool(variables.secrets) or names_secrets,
    )
    return _with_first_page(ask, expected)


def with_parameter(ask: Ask, place: str, name: str, value: Any) -> Ask:
    """The same, with a parameter more, in the query or at a dotted place in the body."""
    if place == "body":
        return msgspec.structs.replace(ask, body=_with(ask.body, name.split("."), value))
    return msgspec.structs.replace(ask, params={**ask.params, name: value})


def _with(body: Any, place: list[str], value: Any) -> Any:
    if not place:
        return value
    key, *within = place
    keys = body if isinstance(body, dict) else {}
    return {**keys, key: _with(keys.get(key), within, value)}


def with_cursor(ask: Ask, since: Since, value: Any) -> Ask:
    """The same, for what is new since a value of the cursor."""
    return ask if value is None else with_parameter(ask, since.place, since.param, value)


def _with_first_page(ask: Ask, expected: ApiTable) -> Ask:
    pages = expected.pagination
    if not isinstance(pages, PageNumbers | Offsets):
        return ask
    ask = with_parameter(ask, pages.place, pages.param, pages.start)
    if pages.size_param:
        ask = with_parameter(ask, pages.place, pages.size_param, pages.size)
    return ask


def _signs(spec: RestApiSource, variables: Variables) -> tuple[dict[str, str], dict[str, str]]:
    """The headers and the parameters that sign a request."""
    auth = spec.auth
    if spec.bearer_token:
        variables.keep_secret(spec.bearer_token)
        return {"Authorization": f"Bearer {spec.bearer_token}"}, {}
    if isinstance(auth, BearerAuth):
        return {"Authorization": f"Bearer {variables.fill(auth.token)}"}, {}
    if isinstance(auth, ApiKeyAuth):
        sign = {auth.name: variables.fill(auth.value)}
        return (sign, {}) if auth.place == "header" else ({}, sign)
    if isinstance(auth, BasicAuth):
        user, password = variables.fill(auth.user), variables.fill(auth.password)
        return {"Authorization": _basic(user, password)}, {}
    return {}, {}


def _basic(user: str, password: str) -> str:
    """The value of the header, in UTF-8 (RFC 7617)."""
    from base64 import b64encode

    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
