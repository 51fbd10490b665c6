"""`DATABASE_URL` → libpq keywords: the forms that libpq, SQLAlchemy and asyncpg users write."""

from collections.abc import Mapping

from loaders.settings.variables import SSL_MODES, refuse

URL_SCHEMES = ("postgresql", "postgres")


def parse_url(url: str) -> dict[str, str]:
    """Read a URL as libpq does; `+driver` behind the scheme is what SQLAlchemy users write.

    Raises:
        VariableError: naming the part that is wrong, without showing the URL.
    """
    scheme, separator, rest = url.partition("://")
    name, _, driver = scheme.partition("+")
    if not separator or name not in URL_SCHEMES:
        raise refuse("DATABASE_URL", url, "the scheme is another one")
    if driver == "asyncpg":
        rest = _with_sslmode(rest)
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import parse_dsn

    try:
        parsed = parse_dsn(f"postgresql://{rest}")
    except ProgrammingError as error:
        raise refuse("DATABASE_URL", url, _unreadable_part(str(error))) from None
    named = {keyword: str(value) for keyword, value in parsed.items()}
    wrong = _wrong_part(named)
    if wrong:
        raise refuse("DATABASE_URL", url, wrong)
    return named


def is_port(value: str) -> bool:
    """Whether it is the number of a port."""
    return value.isascii() and value.isdigit() and 0 < int(value) < 65536


def is_allowed(keyword: str, value: str) -> bool:
    """Whether a libpq keyword may have the value."""
    if keyword == "port":
        return is_port(value)
    return keyword != "sslmode" or value in SSL_MODES


def _unreadable_part(message: str) -> str:
    """What libpq could not read; its message would quote the URL, and with it the password."""
    parts = {
        "URI query parameter": "an option behind the ? is none that libpq knows",
        "percent-encoded": "a % is not followed by two hexadecimal digits; a % itself is %25",
        "IPv6": "the [ ] around an IPv6 address do not close, or hold nothing",
    }
    found = (part for words, part in parts.items() if words in message)
    return next(found, "a part cannot be read; / ? # @ and : in a name or a password are encoded")


def _wrong_part(named: Mapping[str, str]) -> str | None:
    if any("," in named.get(keyword, "") for keyword in ("host", "hostaddr")):
        return "there are several hosts; name one"
    if not is_allowed("port", named.get("port", "1")):
        return "the port is none from 1 to 65535"
    if not is_allowed("sslmode", named.get("sslmode", SSL_MODES[0])):
        return f"sslmode is none of {', '.join(SSL_MODES)}"
    return None


def _with_sslmode(rest: str) -> str:
    """Asyncpg's name for sslmode is ssl; a password may hold `?` and `&` too."""
    place, mark, query = rest.rpartition("?")
    parameters = [
        f"sslmode={parameter[4:]}"
        if parameter[:4] == "ssl=" and parameter != "ssl=true"
        else parameter
        for parameter in query.split("&")
    ]
    return place + mark + "&".join(parameters) if mark else rest
