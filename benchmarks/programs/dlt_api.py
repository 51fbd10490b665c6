"""dlt's REST source with its defaults: one resource, pages by the links of headers."""

import sys

import dlt
from dlt.sources.rest_api import rest_api_source


def main(kind: str, database: str, address: str) -> None:
    """Load an API into dlt_default.t of `postgres` or `duckdb`."""
    source = rest_api_source(
        {
            "client": {"base_url": address, "paginator": "header_link"},
            "resources": [{"name": "t", "endpoint": {"path": ""}}],
        }
    )
    dlt.pipeline(
        "dlt_default",
        destination=getattr(dlt.destinations, kind)(database),
        dataset_name="dlt_default",
    ).run(source)


if __name__ == "__main__":
    main(*sys.argv[1:])
