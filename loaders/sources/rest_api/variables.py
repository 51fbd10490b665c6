"""Variables of the environment in an entry: put in their places when the API is asked."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from loaders.errors import SettingsError

PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
SECRET_NAME = re.compile("KEY|TOKEN|SECRET|PASSWORD|AUTH", re.IGNORECASE)
MIN_SECRET_LENGTH = 4  # what is shorter would blot out ordinary words


class Variables:
    """The variables that an entry names; `secrets` are the values that were put in."""

    def __init__(self, source: str, values: Mapping[str, str]) -> None:
        self._source, self._values = source, values
        self.secrets: set[str] = set()

    def fill(self, node: Any) -> Any:
        """A part of the entry with every `${NAME}` in it replaced.

        Raises:
            SettingsError: a variable is not set.
        """
        if isinstance(node, dict):
            return {key: self.fill(value) for key, value in node.items()}
        if isinstance(node, list):
            return [self.fill(item) for item in node]
        if isinstance(node, str):
            return PLACEHOLDER.sub(lambda match: self.value(match[1]), node)
        return node

    def value(self, name: str) -> str:
        """The value of a variable.

        Raises:
            SettingsError: it is not set.
        """
        value = self._values.get(name)
        if not value:
            raise SettingsError(
                f"source '{self._source}' of sources.yml needs {name}, which is not set; "
                "set it in the environment or in .env"
            )
        self.keep_secret(value)
        return value

    def given(self, name: str) -> str | None:
        """The value of a variable, if it is set; a secret where its name says so."""
        value = self._values.get(name) or None
        if value and SECRET_NAME.search(name):
            self.keep_secret(value)
        return value

    def keep_secret(self, value: str) -> None:
        """Let a value be shown nowhere, nor as an address has it."""
        if len(value) >= MIN_SECRET_LENGTH:
            self.secrets |= {value, quote(value, safe="")}
