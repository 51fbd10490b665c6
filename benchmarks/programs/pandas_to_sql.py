"""pandas: read_csv as text, then to_sql with its defaults. It needs SQLAlchemy."""

import sys

import pandas as pd


def main(database: str, path: str) -> None:
    """Load a CSV into table t of a database that SQLAlchemy names."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame.to_sql("t", database, index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
