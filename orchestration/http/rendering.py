"""Pages for people, from templates: escaped, with no secret and nothing of another host."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse

from loaders import logs

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = Path(__file__).parent / "assets"
PLACE = "/assets"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
LETTERS_AROUND = "\n\t"  # of what is not printable, what does no harm
UNITS = (("day", 86400), ("hour", 3600), ("min", 60), ("s", 1))  # seconds
SHORT = ("min", "s")  # names that are the same of many


class Pages:
    """The templates of a service; `secrets` are hidden in whatever they show."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = secrets

    def page(self, template: str, **shown: Any) -> HTMLResponse:
        """A page that no script can run on, and that no other site can show in a frame."""
        text = self._environment.get_template(template).render(place=PLACE, marks=MARKS, **shown)
        return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})

    @cached_property
    def _environment(self) -> "Environment":
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=self._shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {
            "number": number,
            "ago": ago,
            "moment": moment,
            "span": span,
            "day_of": day_of,
        }
        return environment

    def _shown(self, value: Any) -> Any:
        """What a value shows: letters that would steer the text around them become visible."""
        from markupsafe import Markup

        if not isinstance(value, str) or isinstance(value, Markup):
            return value
        return visible(logs.hide(value, self._secrets))


def visible(text: str) -> str:
    """The text, with a mark for each letter that is none: controls, and turns of direction."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in LETTERS_AROUND else "\ufffd" for c in text)


def number(value: float) -> str:
    """With a comma after each thousand."""
    return f"{value:,}"


def moment(value: datetime | str) -> str:
    """To the minute, in UTC."""
    return f"{_moment(value):%Y-%m-%d %H:%M}"


def day_of(value: datetime, unit: str) -> str:
    """What a period of history is called by its first moment."""
    forms = {"hour": "%Y-%m-%d %H:00", "month": "%Y-%m"}
    return f"{value:{forms.get(unit, '%Y-%m-%d')}}"


def ago(value: datetime | str, now: datetime) -> str:
    """How long before now, in the largest unit that fits."""
    seconds = (now - _moment(value)).total_seconds()
    if seconds < 0:
        return f"in {_span(-seconds)}"
    return f"{_span(seconds)} ago"


def span(value: timedelta) -> str:
    """A span of time in the largest unit that it is a whole number of."""
    seconds = round(value.total_seconds())
    name, size = next((name, size) for name, size in UNITS if seconds % size == 0)
    return _count(seconds // size, name)


def _span(seconds: float) -> str:
    name, size = next(((name, size) for name, size in UNITS if seconds >= size), UNITS[-1])
    return _count(int(seconds // size), name)


def _count(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 or unit in SHORT else f"{count} {unit}s"


def _moment(value: datetime | str) -> datetime:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _mark(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:12]


# what tells one version of a file from another, so that browsers may keep each for good
MARKS = {path.name: _mark(path) for path in sorted(ASSETS.iterdir())}
