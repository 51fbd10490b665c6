"""What the entry of an API must not say, though each value of it is of the right type."""

from collections.abc import Iterator, Mapping

from loaders.catalog.rest_api import ApiTable, Offsets, PageNumbers, RestApiSource, SinglePage

Problem = tuple[tuple[str, ...], str]  # under which keys, and what is wrong there
OF_TEMPLATES = ("path", "method", "headers", "body")
HAS_BODY = "a body is sent with method: POST"


def problems_of(spec: RestApiSource) -> Iterator[Problem]:
    """What is wrong with the entry of a source."""
    if spec.bearer_token and spec.auth:
        yield ("auth",), "auth and bearer_token are two ways to say one thing; keep one"
    for name, table in spec.tables.items():
        told = (*_of_request(spec, table), *_of_pages(table), *_of_cursor(spec, table))
        yield from ((("tables", name, *keys), problem) for keys, problem in told)


def _of_request(spec: RestApiSource, table: ApiTable) -> Iterator[Problem]:
    if table.template:
        defaults = ApiTable()
        for key in OF_TEMPLATES:
            if getattr(table, key) != getattr(defaults, key):
                yield (key,), f"{key} stands in the template '{table.template}'"
        if spec.url:
            yield ("template",), "the url stands in the template; take it out of the source"
    elif table.body is not None and table.method == "GET":
        yield ("body",), HAS_BODY
    if table.answer == "bytes":
        parts = ("records", "pagination", "key", "cursor", "total")
        for key in (key for key in parts if getattr(table, key)):
            yield (key,), f"an answer that is taken as bytes has no {key}"


def _of_pages(table: ApiTable) -> Iterator[Problem]:
    pages = table.pagination
    if isinstance(pages, PageNumbers) and bool(pages.size) != bool(pages.size_param):
        yield ("pagination",), "size and size_param belong together"
    named: Mapping[str, object] = {"pagination": pages, "cursor": table.cursor}
    for key, part in named.items():
        if getattr(part, "place", "query") == "body":
            if table.method == "GET" and not table.template:
                yield (key,), HAS_BODY
            elif isinstance(table.body, str | list):
                yield (key,), "a parameter in the body needs a body of keys and values"
    if isinstance(pages, PageNumbers | Offsets) and pages.start < 0:
        yield ("pagination",), "start is 0 or more"
    if table.total and isinstance(pages, SinglePage) and not table.records:
        yield ("total",), "an answer that declares a total is an object; name its records"


def _of_cursor(spec: RestApiSource, table: ApiTable) -> Iterator[Problem]:
    if table.cursor and spec.disposition == "replace":
        yield ("cursor",), "with disposition: replace the models would see only what is new"
