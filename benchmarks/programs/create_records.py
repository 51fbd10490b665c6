"""The limit for records on DuckDB: requests, orjson, a file of lines and CREATE TABLE AS."""

import sys
from pathlib import Path

import duckdb
import orjson
import requests

# a delimiter that no JSON holds, and no quote: every line is one field
CREATE = (
    "create table t as select * from read_csv(?, auto_detect = false, header = false, "
    r"delim = '\x02', quote = '', escape = '', columns = {'document': 'VARCHAR'})"
)


def main(database: str, address: str) -> None:
    """Make table t of the records of all pages."""
    session = requests.Session()
    session.trust_env = False
    spool = Path(database).with_suffix(".lines")
    link: str | None = address
    with spool.open("wb") as file:
        while link:
            answer = session.get(link, timeout=30)
            file.writelines(orjson.dumps(item) + b"\n" for item in orjson.loads(answer.content))
            link = answer.links.get("next", {}).get("url")
    with duckdb.connect(database) as connection:
        connection.execute(CREATE, [str(spool)])


if __name__ == "__main__":
    main(*sys.argv[1:])
