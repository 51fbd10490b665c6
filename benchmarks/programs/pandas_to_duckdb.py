"""pandas: read_csv as text, then DuckDB reads the frame (to_sql has no dialect for it)."""

import sys

import duckdb
import pandas as pd


def main(database: str, path: str) -> None:
    """Load a CSV into table t of a DuckDB file."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    with duckdb.connect(database) as connection:
        connection.register("frame", frame)
        connection.execute("create table t as select * from frame")


if __name__ == "__main__":
    main(*sys.argv[1:])
