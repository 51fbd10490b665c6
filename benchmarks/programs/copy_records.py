"""The limit for records on PostgreSQL: requests, orjson and COPY of each record as text."""

import io
import sys

import orjson
import psycopg2
import requests

# a delimiter and a quote that no JSON holds: every line is one field
COPY = r"copy t from stdin with (format csv, delimiter E'\x02', quote E'\x01')"


def main(database: str, address: str) -> None:
    """Copy the records of all pages into table t."""
    session = requests.Session()
    session.trust_env = False
    connection = psycopg2.connect(database)
    with connection, connection.cursor() as cursor:
        link: str | None = address
        while link:
            answer = session.get(link, timeout=30)
            lines = b"".join(orjson.dumps(item) + b"\n" for item in orjson.loads(answer.content))
            cursor.copy_expert(COPY, io.BytesIO(lines))
            link = answer.links.get("next", {}).get("url")
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
