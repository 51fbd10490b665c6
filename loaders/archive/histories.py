"""What the raw store tells of the landings of a warehouse: a history, in its order."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple, TypeVar

import msgspec

from loaders.archive.records import FAILED, FOLDER, LANDED, PLANNED, Landed, Landing
from loaders.archive.shelf import WRITERS
from loaders.errors import AssayError, SettingsError
from loaders.raw_store import RawStore

Made = TypeVar("Made")


class Told(NamedTuple):
    """A landing of the past; `landed` is None where a killed run never confirmed it."""

    key: str
    landing: Landing
    landed: Landed | None


class History(NamedTuple):
    """The landings of one warehouse, in their order."""

    name: str
    landings: list[Told]

    @property
    def bytes(self) -> int:
        """How much of it is to be read, in bytes."""
        manifests = (manifest for told in self.landings for manifest in told.landing.manifests)
        return sum(manifest.batch.bytes for manifest in manifests if manifest.is_new)


def read_history(store: RawStore, target: str, name: str | None = None) -> History:
    """Read the history of that name; else the latest one, of a warehouse of that kind if any.

    Raises:
        SettingsError: there is none.
        AssayError: the store cannot be read, an object there is no landing, or two landings have
            one number.
    """
    keys = set(store.keys(f"{FOLDER}/"))
    latest: dict[str, str] = {}
    for key in keys:
        _, _, rest = key.partition("/")
        history, _, moment = rest.partition("/")
        latest[history] = max(latest.get(history, ""), moment)
    if name is None:
        kind = {history for history in latest if history.startswith(f"{target}-")}
        name = max(kind or latest, key=lambda history: latest[history], default=None)
    if name not in latest:
        wanted = f"history {name}" if name else "landing"
        there = f"; it has {', '.join(sorted(latest))}" if latest else ""
        raise SettingsError(f"the raw store {store.url} has no {wanted}{there}")
    return History(name, _in_order(store, {key for key in keys if key.split("/")[1] == name}))


def each(act: Callable[[str], Made], keys: Iterable[str]) -> list[Made]:
    """Do it for each key, several at once: a store may be far away."""
    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(act, keys))


def _in_order(store: RawStore, keys: set[str]) -> list[Told]:
    """By the number of the latest landing then; what nobody confirmed comes last.

    Clocks may have been off: a moment only decides between landings that no model sees.
    """
    stems = sorted(key.removesuffix(PLANNED) for key in keys if not key.endswith((LANDED, FAILED)))
    told = each(lambda stem: _read(store, keys, stem), [s for s in stems if s + FAILED not in keys])
    told.sort(key=_place)
    _refuse_twice(store, told)
    return told


def _refuse_twice(store: RawStore, told: Iterable[Told]) -> None:
    """Refuse two landings of one number: the warehouse went on before all of it was there."""
    seen: dict[int, str] = {}
    for key, _, landed in told:
        if landed is None or landed.landing_id is None:
            continue
        other = seen.setdefault(landed.landing_id, key)
        if other != key:
            raise AssayError(
                f"landing {landed.landing_id} stands twice in the raw store {store.url}: "
                f"{other + LANDED} and {key + LANDED}"
            )


def _place(told: Told) -> tuple[bool, int, bool, str]:
    landed = told.landed
    if landed is None:
        return True, 0, False, told.key
    return False, landed.after, landed.landing_id is None, told.key


def _read(store: RawStore, keys: set[str], stem: str) -> Told:
    landing = _decoded(store, stem + PLANNED, Landing)
    is_confirmed = stem + LANDED in keys
    return Told(stem, landing, _decoded(store, stem + LANDED, Landed) if is_confirmed else None)


def _decoded(store: RawStore, key: str, kind: type[Made]) -> Made:
    with closing(store.open(key)) as file:
        content = file.read()
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        raise AssayError(f"{store.url}/{key} tells of no landing: {error}") from None
