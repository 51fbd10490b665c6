"""The limit on DuckDB: CREATE TABLE AS over an explicit dialect, every column text, in order."""

import sys

import duckdb


def main(database: str, path: str, columns: str) -> None:
    """Make table t of a CSV; `columns` are its names, parted by commas."""
    texts = ", ".join(f"'{name}': 'VARCHAR'" for name in columns.split(","))
    with duckdb.connect(database) as connection:
        connection.execute(
            "create table t as select * from read_csv(?, auto_detect = false, header = true, "
            f"delim = ',', quote = '\"', escape = '\"', columns = {{{texts}}})",
            [path],
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
