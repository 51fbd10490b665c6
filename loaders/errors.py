"""The errors a user meets: each says what, where, and what to do."""


class AssayError(Exception):
    """A failure with a message meant for the user; the CLI prints it without a traceback."""


class SettingsError(AssayError):
    """A setting or a file of settings is unusable; the CLI exits with 2."""


class SourceError(AssayError):
    """A source could not be read or landed; the other sources go on."""


class WarehouseError(AssayError):
    """The warehouse could not be reached, or is in use by another process."""
