"""How a server is named: libpq's keywords, the variables of programs, and URLs."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

# libpq keyword → the variable that profiles.yml, or libpq under dbt, reads it from. Those of
# profiles.yml are ours: PGHOST in a shell would name a server to every later `elt` in it.
LIBPQ_VARIABLES = {
    "host": "ELT_PG_HOST",
    "port": "ELT_PG_PORT",
    "user": "ELT_PG_USER",
    "password": "DBT_ENV_SECRET_PGPASSWORD",  # dbt keeps this prefix out of its logs
    "dbname": "ELT_PG_DATABASE",
    "sslmode": "ELT_PG_SSLMODE",
    "hostaddr": "PGHOSTADDR",
    "service": "PGSERVICE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "options": "PGOPTIONS",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
}


def address_of(named: Mapping[str, str]) -> str:
    """Where it is, as a URL without a password; for people and for psql."""
    if "service" in named:
        return f"postgresql://?service={named['service']}"
    host, query = named.get("hostaddr", named.get("host", "localhost")), ""
    if host.startswith("/"):
        host, query = "", f"?host={host}"
    host = _bracketed(host)
    port = named.get("port", "5432")
    return f"postgresql://{named['user']}@{host}:{port}/{named['dbname']}{query}"


def url_of(database: Mapping[str, str]) -> str:
    """All of it as a URL, password included: for programs, never for people."""
    named = dict(database)
    place = {keyword: named.pop(keyword, "") for keyword in ("user", "password", "dbname")}
    host, port = named.pop("host", "localhost"), named.pop("port", "5432")
    if host.startswith("/"):
        named["host"], host = host, "localhost"
    user, password = quote(place["user"], safe=""), quote(place["password"], safe="")
    query = f"?{urlencode(named, quote_via=quote)}" if named else ""
    host = _bracketed(host)
    return f"postgresql://{user}:{password}@{host}:{port}/{quote(place['dbname'])}{query}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
