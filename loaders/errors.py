"""The errors a user meets: each says what, where, and what to do."""


class AssayError(Exception):
    """A failure with a message meant for the user; the CLI prints it without a traceback."""


class SettingsError(AssayError):
    """A setting or a file of settings is unusable; the CLI exits with 2."""


class SourceError(AssayError):
    """A source could not be read or landed; the other sources go on."""


class MissingTableError(SettingsError):
    """There is no such table."""


class MissingRowError(SettingsError):
    """A table has no such row, or there is no such table."""


class WarehouseError(AssayError):
    """The warehouse could not be reached, or is in use by another process."""


class QueryError(WarehouseError):
    """A user's statement fails, takes too long, or is answered with too much."""


class RefusedQueryError(QueryError):
    """A user's statement is not run: it would write, or is not one statement that reads."""


class BadParameterError(SettingsError):
    """A parameter of a pipeline is unknown, missing, or has a value that makes no sense."""


class MissingColumnError(BadParameterError):
    """A table has no such column."""


class AmbiguousRowError(BadParameterError):
    """What names a row names several, or one that came from no single raw row."""


class TemplateNotFoundError(SettingsError):
    """There is no template of that name."""


class MissingFieldError(SourceError):
    """A record has no field of a name that the settings of a transform need."""


class EmptyValueError(SourceError):
    """A field that must have a value has none."""


class BadFormatError(SourceError):
    """A text is not of the form that it has to have: a moment, a row, a document."""


class MissingDataError(SourceError):
    """What a pipeline is to read is not there: an object of the raw store, an index."""


class AssayWarning(UserWarning):
    """Something that a run goes on with, and that its user has to know."""


class MissingFieldWarning(AssayWarning):
    """Records have no field of a name that the settings of a transform name."""


class MissingDataWarning(AssayWarning):
    """What a pipeline is to read is not there, and it was told to go on."""


class BadFormatWarning(AssayWarning):
    """Values are not of their type and landed as they are, or records cannot be written."""


class TimeZoneWarning(AssayWarning):
    """A moment has no time zone, and was taken for UTC."""
