"""What the raw store tells of the landings of a warehouse: a history, in its order."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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


def read_history(store: RawStore, name: str | None = None) -> History:
    """Read the history of that name; without a name, the only one.

    Raises:
        SettingsError: there is none, or there are several and no name says which.
        AssayError: the store cannot be read, an object there is no landing, or two landings have
            one number.
    """
    keys: dict[str, set[str]] = {}
    for key in store.keys(f"{FOLDER}/"):
        keys.setdefault(key.split("/")[1], set()).add(key)
    if name is None:
        landed = sorted(history for history in keys if _stems(keys[history]))
        if len(landed) > 1:
            raise SettingsError("\n".join(_choice(store, landed, keys)))
        name = landed[0] if landed else None
    if name is None or name not in keys:
        wanted = f"history {name}" if name else "landing"
        there = f"; it has {', '.join(sorted(keys))}" if keys else ""
        raise SettingsError(f"the raw store {store.url} has no {wanted}{there}")
    told = _in_order(store, keys[name])
    _refuse_twice(store, told)
    return History(name, told)


def _choice(store: RawStore, names: Collection[str], keys: Mapping[str, set[str]]) -> Iterator[str]:
    """The histories to choose from, a line each."""
    yield (
        f"the raw store {store.url} has the landings of {len(names)} warehouses; say which with "
        "--history NAME:"
    )
    for name in names:
        told = _in_order(store, keys[name])
        entries = [entry for past in told if past.landed for entry in past.landed.batches.values()]
        sources = ", ".join(sorted({past.landing.source for past in told}))
        rows = sum(entry.books.landed for entry in entries)
        last = max((entry.landed_at for entry in entries), default="never")
        yield f"  {name}: {sources}; {rows} rows, the last landed at {last}"


def each(act: Callable[[str], Made], keys: Iterable[str]) -> list[Made]:
    """Do it for each key, several at once: a store may be far away."""
    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(act, keys))


def _in_order(store: RawStore, keys: set[str]) -> list[Told]:
    """By the number of the latest landing then; what nobody confirmed comes last.

    Clocks may have been off: a moment only decides between landings that no model sees.
    """
    return sorted(each(lambda stem: _read(store, keys, stem), _stems(keys)), key=_place)


def _stems(keys: set[str]) -> list[str]:
    """The landings that have not failed, by their keys without an ending."""
    stems = {key.removesuffix(PLANNED) for key in keys if not key.endswith((LANDED, FAILED))}
    return sorted(stem for stem in stems if stem + FAILED not in keys)


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
