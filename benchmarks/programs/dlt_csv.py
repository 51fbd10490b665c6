"""dlt as its first page shows it: rows of csv.DictReader into a pipeline, nothing set."""

import csv
import sys
from pathlib import Path

import dlt


def main(kind: str, database: str, path: str) -> None:
    """Load a CSV into dlt_default.t of `postgres` or `duckdb`."""
    pipeline = dlt.pipeline(
        "dlt_default",
        destination=getattr(dlt.destinations, kind)(database),
        dataset_name="dlt_default",
    )
    with Path(path).open(encoding="utf-8", newline="") as file:
        pipeline.run(csv.DictReader(file), table_name="t")


if __name__ == "__main__":
    main(*sys.argv[1:])
