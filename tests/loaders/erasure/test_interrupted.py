"""An erasure that is killed at any write is finished by the next one, as if nothing had been."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from loaders.catalog import ApiTable, FileTable, RestApiSource
from loaders.erasure import work
from loaders.erasure.note import Note
from loaders.erasure.subjects import Subject, terms_of
from loaders.raw_store import open_raw_store
from loaders.raw_store.local import LocalStore
from loaders.settings import load_settings
from loaders.verification import verify
from loaders.warehouse import DuckDB, open_warehouse
from tests.loaders.conftest import Answer, Api, Landings, lab_of
from tests.loaders.erasure.test_work import ADA, HEADER, KEPT, MOMENT, everything
from tests.loaders.test_rebuild import held, lose, rebuild_all, zipped

WRITES = ((LocalStore, "put"), (LocalStore, "replace"), (LocalStore, "remove"), (DuckDB, "commit"))
SUBJECT = Subject(terms_of(["users.user_id=1", "posts.user=1"], {}))


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(monkeypatch: pytest.MonkeyPatch, number: int, *, is_after: bool) -> Iterator[None]:
    """The process is killed at its nth write, before it or when it is done."""
    calls = count(1)

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            is_last = next(calls) == number
            if is_last and not is_after:
                raise Killed
            done = original(*arguments, **named)
            if is_last:
                raise Killed
            return done

        return call

    with monkeypatch.context() as patched:
        for kind, name in WRITES:
            patched.setattr(kind, name, wrapped(getattr(kind, name)))
        yield


def carry_out(landings: Landings) -> None:
    """Erase, as a run does; a killed one's note is the same."""
    store = open_raw_store(landings.settings)
    note = Note("run-9", MOMENT, SUBJECT.terms)
    folder = landings.settings.runs_dir / "looked"
    looked = work.look(landings.settings, landings.warehouse, store, SUBJECT, folder)
    assert not looked.shelved.missing
    work.carry_out(landings.settings, landings.warehouse, store, looked, note)


def land(folder: Path, api: Api) -> Landings:
    """Ada in a plain file, in an archive and in an answer."""
    settings = load_settings({"ELT_DATA_DIR": str(folder / "data")}, folder)
    landings = Landings(settings, open_warehouse(settings))
    spec = lab_of(folder, users=FileTable(file="*"))
    (folder / "lab" / "1.csv").write_text(HEADER + f"1,Ada,{ADA}\n2,Bob,\n1,Ada,{ADA},late\n")
    zipped_users = zipped(a=HEADER + f"6,Max,\n1,Ada,{ADA}\n", b=HEADER + "7,Mo,\n")
    (folder / "lab" / "2.zip").write_bytes(zipped_users)
    landings.land(spec)
    api.put("/posts", Answer(f'[{{"id": 1, "user": 1, "by": "{ADA}"}}, {{"id": 2}}]'))
    landings.land(RestApiSource(url=api.url, tables={"posts": ApiTable(path="posts")}), "posts")
    return landings


def left(landings: Landings) -> dict[str, list[str]]:
    """What raw holds of it, and what it says of the erasure."""
    columns = {
        "users": "_batch_id, _row, user_id, name, email",
        "posts": "_batch_id, _row, document",
        "_quarantine": "_batch_id, _row, raw_text",
        "_erasures": "_batch_id, rows_landed, rows_quarantined, run_id",
        "_batches": "_batch_id, checksum, rows_read, rows_landed, rows_quarantined",
    }
    return {
        table: sorted(map(repr, landings.fetch(f"select {names} from raw.{table}")))
        for table, names in columns.items()
    }


class Copies:
    """What has landed, again and again."""

    def __init__(self, folder: Path, api: Api) -> None:
        self._folder = folder
        (folder / "first").mkdir()
        land(folder / "first", api)

    def copy(self, name: str) -> Landings:
        """All of it, in a folder of its own."""
        folder = self._folder / name
        shutil.copytree(self._folder / "first", folder)
        settings = load_settings({"ELT_DATA_DIR": str(folder / "data")}, folder)
        return Landings(settings, open_warehouse(settings))


def kill_and_finish(copies: Copies, number: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Kill an erasure at its nth write and finish it; whether it came so far."""
    sound, killed = copies.copy(f"sound-{number}"), copies.copy(f"killed-{number}")
    carry_out(sound)
    try:
        with killed_at(monkeypatch, number, is_after=number % 2 == 0):
            carry_out(killed)
    except Killed:
        carry_out(killed)
    else:
        return False
    assert left(killed) == left(sound)
    assert ADA.encode() not in everything(killed)
    assert not [verdict.problems for verdict in verify(killed.warehouse) if verdict.problems]
    keys = [sorted(open_raw_store(each.settings).keys()) for each in (sound, killed)]
    assert keys[0] == keys[1]
    after = held(killed)
    lose(killed, *KEPT)
    rebuild_all(killed)
    assert held(killed) == after
    return True


@pytest.mark.contract("S3-44")
def test_killed_in_the_raw_store_and_run_again_it_ends_the_same(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = Copies(tmp_path, api)
    for number in (3, 8):
        assert kill_and_finish(copies, number, monkeypatch)


@pytest.mark.long
def test_killed_at_any_write_and_run_again_it_ends_the_same(
    tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = Copies(tmp_path, api)
    ended = next(n for n in count(1) if not kill_and_finish(copies, n, monkeypatch))
    assert ended > 8
