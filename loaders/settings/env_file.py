"""`.env`, read word for word; a line that says nothing is an error, not a silence."""

from pathlib import Path
from typing import TYPE_CHECKING

from loaders.errors import SettingsError
from loaders.settings.variables import OF_A_START, VARIABLES, without_postfix

if TYPE_CHECKING:
    from dotenv.parser import Binding

OURS = "ELT_"  # how the variables begin that nobody else has


def read_env_file(file: Path) -> dict[str, str | None]:
    """What the file says; a folder of that name is somebody's virtual environment.

    Raises:
        SettingsError: naming the file and the line.
    """
    try:
        if not file.exists() or file.is_dir():
            return {}
        from dotenv.parser import parse_stream  # late: most projects have no such file

        with file.open(encoding="utf-8-sig") as lines:
            bindings = list(parse_stream(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from None
    for binding in bindings:
        problem = _problem_of(binding)
        if problem:
            raise SettingsError(f"{file}, line {_line(binding)}: {problem}")
    return {binding.key: binding.value for binding in bindings if binding.key}


def _problem_of(binding: "Binding") -> str | None:
    """Why a line of `.env` says nothing; the line is not shown, for it may hold a secret."""
    name = binding.key or ""
    is_word_alone = binding.value is None and bool(name) and not name.isidentifier()
    if binding.error or is_word_alone:
        return "is not of the form NAME=value (quotes must close)"
    names = [variable.name for variable in VARIABLES]
    if name.upper().startswith(OURS) and without_postfix(name)[0] not in names:
        from difflib import get_close_matches

        nearest = get_close_matches(name.upper(), names, n=1, cutoff=0)[0]
        return f"{name} is no variable; the nearest is {nearest}"
    if binding.value and without_postfix(name)[0] in OF_A_START:
        return f"{name} is for one run; give it to that alone, in its environment"
    return None


def _line(binding: "Binding") -> int:
    """Where the line begins: blank ones before it belong to the binding too."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
