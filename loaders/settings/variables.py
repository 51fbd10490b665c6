"""Every variable of the environment: what it is for and what it may be."""

from dataclasses import dataclass

from loaders.errors import SettingsError

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

# Who may name a server when no URL does, in order of precedence: libpq's own names, then DB_*.
DATABASE_VARIABLES: dict[str, tuple[str, ...]] = {
    "host": ("PGHOST", "DB_HOST"),
    "hostaddr": ("PGHOSTADDR",),
    "port": ("PGPORT", "DB_PORT"),
    "dbname": ("PGDATABASE", "DB_NAME"),
    "user": ("PGUSER", "DB_USER"),
    "password": ("PGPASSWORD", "DB_PASSWORD"),
    "sslmode": ("PGSSLMODE",),
    "service": ("PGSERVICE",),
}
NAMES_A_SERVER = ("host", "hostaddr", "port", "dbname", "service")


@dataclass(frozen=True)
class Variable:
    """One variable of the environment: what it is for and what it may be."""

    name: str
    purpose: str
    allowed: str
    default: str = ""
    is_secret: bool = False


OF_A_START = ("ELT_RUN_ID", "ELT_REQUEST_ID")  # in the environment of one process, never in .env
HTTP_ADDRESS = "an http:// or https:// address"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS = ("text", "json")
ENVIRONMENTS = ("dev", "test", "prod")  # NAME__DEV is NAME in the environment dev, and so on

VARIABLES = (
    Variable("ELT_TARGET", "which warehouse", "duckdb or postgres", "duckdb"),
    Variable("ELT_ENV", "the environment; dev and test are kept apart", ", ".join(ENVIRONMENTS)),
    Variable(
        "DATABASE_URL",
        "the PostgreSQL server; chooses postgres where ELT_TARGET is not set",
        "postgresql://user:password@host:port/database?sslmode=… "
        "(also postgres://, postgresql+asyncpg://)",
        is_secret=True,
    ),
    Variable("CSV_DATA_PATH", "folder of the lab's CSV files", "a folder", "seeds/lab"),
    Variable(
        "API_URL",
        "the API that the posts are read from; unset: the bundled sample, served on loopback",
        HTTP_ADDRESS,
    ),
    Variable("API_KEY", "sent to the API as a bearer token", "any text", is_secret=True),
    Variable(
        "ELASTICSEARCH_URL",
        "the Elasticsearch or OpenSearch server that indexes are read from",
        HTTP_ADDRESS,
    ),
    Variable("ELASTICSEARCH_API_KEY", "sent to it as an API key", "an encoded key", is_secret=True),
    Variable("ELASTICSEARCH_USERNAME", "its user, where there is no API key", "a name"),
    Variable("ELASTICSEARCH_PASSWORD", "the user's password", "any text", is_secret=True),
    Variable(
        "ELT_DATA_DIR",
        "warehouse, raw files, run records",
        "a folder that can be written",
        "data",
    ),
    Variable(
        "ELT_LOG_DIR",
        "where all parts log; unset: the project's folder logs, or that of ELT_DATA_DIR",
        "a folder",
        "logs",
    ),
    Variable("ELT_LOG_LEVEL", "the least of what is logged", ", ".join(LOG_LEVELS), "INFO"),
    Variable(
        "ELT_LOG_FORMAT",
        "how the service and the schedule log to standard error",
        ", ".join(LOG_FORMATS),
        "text",
    ),
    Variable("NO_COLOR", "set: no colours on a terminal (https://no-color.org)", "any text"),
    Variable(
        "RAW_STORE_URL",
        "where everything is archived as it was received; unset: the data folder",
        "file:///folder, s3://bucket/prefix or az://container/prefix",
    ),
    Variable("AWS_ACCESS_KEY_ID", "key of S3; unset: what boto finds", "any text"),
    Variable("AWS_SECRET_ACCESS_KEY", "its secret", "any text", is_secret=True),
    Variable("AWS_SESSION_TOKEN", "token of temporary credentials", "any text", is_secret=True),
    Variable("AWS_REGION", "region of S3", "a region, such as eu-central-1"),
    Variable(
        "AWS_ENDPOINT_URL",
        "a server that speaks S3, where that is not Amazon's",
        HTTP_ADDRESS,
    ),
    Variable("AZURE_STORAGE_ACCOUNT_NAME", "account of Azure Blob", "a name"),
    Variable(
        "AZURE_STORAGE_ACCOUNT_KEY",
        "its key; unset: Azure Identity is asked",
        "any text",
        is_secret=True,
    ),
    Variable(
        "AZURE_STORAGE_CONNECTION_STRING",
        "account and key in one, in place of both",
        "a connection string",
        is_secret=True,
    ),
    Variable(
        "AZURE_STORAGE_ENDPOINT_URL",
        "where the account's blobs are, where that is not Azure's public cloud",
        HTTP_ADDRESS,
    ),
    Variable(
        "ELT_MAX_UNPACKED_BYTES",
        "how much a compressed file may unpack to",
        "a whole number of bytes from 1",
        "10737418240",
    ),
    Variable(
        "ELT_RUN_ID",
        "the id of a run, given to its process alone by whoever starts it",
        "an id such as 20261120T171500Z-4f9a1c",
    ),
    Variable(
        "ELT_REQUEST_ID",
        "the request that a run serves, given likewise, for its log",
        "up to 200 characters of ASCII, without blanks",
    ),
    Variable("APP_HOST", "the address the service listens on", "a host", "127.0.0.1"),
    Variable("APP_PORT", "the port the service listens on", "1 to 65535", "8000"),
    Variable("SERVER_PORT", "as APP_PORT, where that is not set", "1 to 65535"),
    Variable(
        "API_KEYS",
        "the keys that requests to the service need; unset: none, and it listens on loopback only",
        "keys of at least 16 characters, with commas between",
        is_secret=True,
    ),
    Variable(
        "MAX_UPLOAD_BYTES",
        "how much one request to the service may upload",
        "a whole number of bytes from 1",
        "1073741824",
    ),
    Variable(
        "INGEST_ALLOWED_HOSTS",
        "hosts that clients may have the service extract from though they are not public",
        "names or addresses, each with or without a port, with commas between",
    ),
    Variable("INGESTION_URL", "the ingestion service, where it runs by itself", HTTP_ADDRESS),
    Variable("LOADING_URL", "the loading service, likewise", HTTP_ADDRESS),
    Variable("TRANSFORMATION_URL", "the transformation service, likewise", HTTP_ADDRESS),
    Variable(
        "ALERT_WEBHOOK_URL",
        "where a run that failed, or was found dead, is told",
        HTTP_ADDRESS,
        is_secret=True,
    ),
    Variable(
        "ALERT_WEBHOOK_SECRET",
        "what alerts are signed with",
        "whsec_ and 24 to 64 bytes in base64, or another text of at least 16 characters",
        is_secret=True,
    ),
    Variable("FETCH_INTERVAL", "seconds between scheduled cycles", "a whole number from 1", "30"),
    Variable("PGHOST", "server, where DATABASE_URL leaves it open", "a host or socket folder"),
    Variable("PGHOSTADDR", "its numeric address, where that is known", "an IP address"),
    Variable("PGPORT", "port, likewise", "1 to 65535"),
    Variable("PGDATABASE", "database, likewise", "a name"),
    Variable("PGUSER", "role, likewise", "a name"),
    Variable("PGPASSWORD", "password, likewise", "any text", is_secret=True),
    Variable("PGSSLMODE", "how TLS is used, likewise", ", ".join(SSL_MODES)),
    Variable("PGSERVICE", "a section of pg_service.conf that names the server", "a name"),
    Variable("DB_HOST", "as PGHOST, where that is not set", "a host"),
    Variable("DB_PORT", "as PGPORT, where that is not set", "1 to 65535"),
    Variable("DB_NAME", "as PGDATABASE, where that is not set", "a name"),
    Variable("DB_USER", "as PGUSER, where that is not set", "a name"),
    Variable("DB_PASSWORD", "as PGPASSWORD, where that is not set", "any text", is_secret=True),
    *(
        Variable(
            f"ASSAY_{role.upper()}_PASSWORD",
            f"what `elt setup-roles` makes the password of the role assay_{role}",
            "any text",
            is_secret=True,
        )
        for role in ("loader", "transformer", "reader")
    ),
)


class VariableError(SettingsError):
    """One variable has a value that is not allowed; the others may be sound."""

    def __init__(self, variable: str, message: str) -> None:
        super().__init__(message)
        self.variable = variable


def without_postfix(name: str) -> tuple[str, str | None]:
    """A variable's name and the environment for which alone it is given: `API_KEY__DEV`."""
    for environment in ENVIRONMENTS:
        base = name.removesuffix(f"__{environment.upper()}")
        if base and base != name:
            return base, environment
    return name, None


def variable(name: str) -> Variable:
    """The variable of that name."""
    return next(item for item in VARIABLES if item.name == name)


def refuse(name: str, value: str, why: str = "") -> VariableError:
    """The refusal of a value; `why` names the part that is wrong where the value is not shown."""
    known = variable(name)
    is_shown = not known.is_secret and "@" not in value  # a URL with a password
    shown = repr(value) if is_shown else "a value that is not shown"
    part = f", in which {why}" if why else ""
    return VariableError(name, f"{name} is {shown}{part}; allowed: {known.allowed}")
