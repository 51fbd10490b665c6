"""An erasure is a run: all that was made of raw follows, everything is searched again, and told."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from zstandard import compress

from loaders.erasure import work
from loaders.errors import AssayError, SettingsError
from loaders.profiles import make_profiles
from loaders.raw_store import open_raw_store
from loaders.settings import Settings
from loaders.warehouse import open_warehouse
from orchestration import doctor, erasure, registry
from orchestration.dbt import BuildOutcome, Failure
from orchestration.erasure import cleaning, proof
from orchestration.registry import RunRecord
from orchestration.rollback import rollback
from orchestration.run import run
from orchestration.scheduling.states import FILE, Entry, ScheduleState
from orchestration.scheduling.states import states as schedule_states
from tests.conftest import TARGETS, Elt
from tests.orchestration.publishing.conftest import Builder

ADA = "ada.lovelace@example.org"
USERS = f"user_id,name,email\n1,Ada Lovelace,{ADA}\n2,Bob,\n"
EXPERIMENTS = "experiment_id,user_id,experiment_compound_ids\n7,1,c\n8,2,c\n9,1,{ADA},late\n"
Land = Callable[[], RunRecord]


@pytest.fixture
def environment(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A lab with Ada in it."""
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / "users.csv").write_text(USERS)
    (lab / "user_experiments.csv").write_text(EXPERIMENTS.replace("{ADA}", ADA))
    (lab / "compounds.csv").write_text("compound_id\nc\n")
    return {**environment, "CSV_DATA_PATH": str(lab)}


@pytest.fixture
def builds(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Models without dbt: two builds that have Ada, and each erasure makes one more of raw.

    What is put in the list fails the next build.
    """
    run(settings, ["lab"], transforms=False)
    builder, failures = Builder(open_warehouse(settings)), list[str]()

    def build(number: int) -> None:
        suffix = builder.make(number)
        builder.run(f"create table features{suffix}.people as select name from raw.users")
        from orchestration import publishing

        made = [*builder.relations, "features.people"]
        publishing.publish(builder.warehouse, f"run-{number}", suffix, made)

    def transform(*arguments: Any, is_asked: bool) -> None:
        record = arguments[2]
        record.seconds["transform"] = 0.0
        if failures:
            record.transform = BuildOutcome(failures=(Failure("model", "people", "it broke"),))
            return
        build(len(registry.load_all(settings.runs_dir)))
        record.transform = BuildOutcome()
        assert is_asked

    build(1)
    build(2)
    monkeypatch.setattr(erasure, "transform", transform)
    return failures


def count(settings: Settings, sql: str) -> int:
    with open_warehouse(settings).reading() as reader:
        return int(reader.fetch(f"select count(*) from {sql}").rows[0][0])


@pytest.mark.contract("S3-44")
def test_a_person_is_erased_everywhere_and_the_proof_is_in_the_record(
    settings: Settings, builds: list[str]
) -> None:
    assert not builds
    quoting = settings.runs_dir / "20260101T000000Z-000000"
    quoting.mkdir()
    (quoting / "run.log").write_text(f'{{"message": "cannot cast {ADA}"}}\n')
    states = {"nightly": Entry(ScheduleState(name="nightly", when="1d", last_message=ADA))}
    (settings.data_dir / FILE).write_bytes(msgspec.json.encode(states))
    with registry.open_registry(settings) as records:
        quoted = records.get(registry.load_all(settings.runs_dir)[-1].run_id)
        quoted.errors = [f"cannot cast {ADA}"]
        records.save(quoted)
    make_profiles(open_warehouse(settings), ["users"], "run-2")  # their least name is hers
    record = erasure.erase(settings, ["person=1"])
    done = record.erasure
    assert (record.state, record.exit_code, done and done.found) == ("succeeded", 0, 0)
    assert done is not None
    assert (done.rows, done.quarantined, done.archived, done.files) == (2, 1, 2, 3)
    (nightly,) = schedule_states(settings)
    assert set(nightly.last_message or "") == {"*"}
    assert count(settings, "raw.users") == 1
    assert count(settings, "features.people") == 1
    assert "lovelace" not in (quoting / "run.log").read_text()
    assert not list(settings.data_dir.glob(".erasure.json*"))
    with registry.open_registry(settings) as records:
        assert records.get(quoted.run_id).errors == ["cannot cast [erased]"]
    kept = registry.load(settings.runs_dir, record.run_id)
    assert kept.erasure == done
    assert all(place.found == 0 for place in done.places)
    told = json.dumps([repr(kept), (settings.runs_dir / record.run_id / "run.log").read_text()])
    assert "Lovelace" not in told
    assert ADA not in told
    with pytest.raises(Exception, match="there is none before it"):
        rollback(settings)


def test_words_of_our_own_records_are_not_taken_for_the_persons_nor_is_a_long_text_too_long(
    settings: Settings, environment: dict[str, str], builds: list[str]
) -> None:
    assert not builds
    landed = registry.load_all(settings.runs_dir)[0]
    header, ada, bob = "user_id,name,email,state,life\n", f"1,Ada,{ADA},", "2,Bob,,,\n"
    users = Path(environment["CSV_DATA_PATH"]) / "users.csv"
    users.write_text(f"{header}{ada}succeeded,{'She wrote. ' * 6_000}\n{bob}")
    run(settings, ["lab"], transforms=False)
    record = erasure.erase(settings, ["person=1"])
    assert (record.state, record.errors) == ("succeeded", [])
    assert registry.load(settings.runs_dir, landed.run_id) == landed
    with registry.open_registry(settings) as records:
        assert records.get(landed.run_id) == landed


@pytest.mark.parametrize("target", ["duckdb"])
def test_where_the_models_fail_the_run_says_what_they_still_show_and_is_finished_later(
    settings: Settings, builds: list[str]
) -> None:
    builds.append("fails")
    record = erasure.erase(settings, ["person=1"])
    assert (record.state, record.exit_code) == ("failed", 1)
    assert "still show what was erased" in record.warnings[-1]
    assert count(settings, "raw.users") == 1
    assert count(settings, "features.people") == 2
    note = settings.data_dir / ".erasure.json"
    assert note.stat().st_mode & 0o777 == 0o600
    builds.clear()
    (finding,) = doctor._erasure(settings)
    assert finding.mend == "run `elt erase`"
    finished = erasure.erase(settings, [])
    assert (finished.state, finished.erasure and finished.erasure.rows) == ("succeeded", 2)
    assert count(settings, "features.people") == 1
    assert not note.exists()
    with pytest.raises(SettingsError, match="name who is to be erased"):
        erasure.erase(settings, [])


@pytest.mark.parametrize("target", ["duckdb"])
def test_what_is_left_is_found_and_fails_the_run_without_its_value(
    settings: Settings, builds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not builds
    clean = cleaning.clean

    def quoted_again(*arguments: Any) -> Any:
        done = clean(*arguments)
        (settings.data_dir / "notes.txt").write_text(f"ask {ADA}")
        return done

    monkeypatch.setattr(cleaning, "clean", quoted_again)
    record = erasure.erase(settings, ["person=1"])
    assert record.erasure is not None
    assert record.exit_code == 1
    assert {place.place: place.found for place in record.erasure.places if place.found} == {
        "files of runs, logs and uploads, byte by byte": 1
    }
    assert (settings.data_dir / ".erasure.json").exists()


@pytest.mark.parametrize("target", ["duckdb"])
def test_what_was_unpacked_to_be_searched_is_removed_whatever_goes_wrong(
    settings: Settings, builds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not builds

    def look(*arguments: Any, **_: Any) -> None:
        folder = next(each for each in arguments if isinstance(each, Path))
        folder.mkdir(parents=True)
        (folder / "content").write_text(ADA)
        raise AssayError("the store fell silent")

    monkeypatch.setattr(work, "look", look)
    for begin in (erasure.preview, erasure.erase):
        with pytest.raises(AssayError, match="fell silent"):
            begin(settings, ["person=1"])
    assert not list(settings.runs_dir.rglob("content"))


@pytest.mark.parametrize("target", ["duckdb"])
def test_what_only_looks_packed_stops_no_proof_and_is_told(settings: Settings) -> None:
    packed = {
        "two.zst": compress(b"one") + compress(ADA.encode()),
        "more.gz": gzip.compress(ADA.encode()) + b"no gzip",
        "odd.zip": b"PK\3\4 " + ADA.encode(),
        "odd.csv": b"PAR1,remark\n1,\n",
        "none.csv": b"name\nBob\n",
    }
    for name, content in packed.items():
        place = settings.data_dir / "web" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    sealed: list[str] = []
    found = proof._objects(settings, open_raw_store(settings), [ADA.encode()], sealed)
    assert (found.searched, found.found) == (5, 3)
    assert sealed == ["web/more.gz", "web/odd.csv", "web/odd.zip"]


@pytest.mark.parametrize("target", ["duckdb"])
def test_it_shows_what_would_go_and_asks(settings: Settings, builds: list[str], elt: Elt) -> None:
    assert not builds
    shown = elt("erase", "--subject", "person=1", "--dry-run", "--json")
    assert json.loads(shown.stdout) == {"rows": 2, "quarantined": 1, "archived_batches": 2}
    assert "raw.users: 1 rows and 0 in quarantine" in shown.stderr
    assert elt("erase", "--subject", "person=1").returncode == 1  # nobody answered
    assert count(settings, "raw.users") == 2
    for wrong, why in (
        ("users.nobody=1", "raw.users has no column nobody"),
        ("nobody.user_id=1", "nothing has landed in raw.nobody"),
        ("1", "write TABLE.COLUMN=VALUE, or person=VALUE"),
    ):
        refused = elt("erase", "--subject", wrong, "--yes")
        assert (refused.returncode, why in refused.stderr) == (2, True)
    nobody = elt("erase", "--subject", "users.user_id=99", "--dry-run")
    assert "nothing was found that has such a value" in nobody.stderr
    in_part = elt("erase", "--subject", f"users.email={ADA}", "--dry-run")
    assert "raw.user_experiments holds texts of the subject, too" in in_part.stderr
    done = elt("erase", "--subject", "users.user_id=1", "--yes")
    assert done.returncode == 0, done.stderr
    assert "raw.user_experiments was not named and holds texts of the subject" in done.stdout
    assert "raw.user_experiments has a column user_id too, which was not named" in done.stdout
    assert "STILL IN" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("target", TARGETS)
def test_a_real_build_without_them_is_published(settings: Settings) -> None:
    assert run(settings, ["lab"]).exit_code in (0, 3)
    record = erasure.erase(settings, ["person=1"])
    assert record.exit_code == 0
    assert record.erasure is not None
    assert record.erasure.rows == 2
    assert count(settings, "user_features where cast(user_id as varchar) = '1'") == 0
    assert count(settings, "user_features") == 1
