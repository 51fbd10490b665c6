import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.contestants import Contestant
from benchmarks.grounds import DuckDBGround
from benchmarks.rounds import Result, Scenario, hold


class Notes:
    """A ground of text files: a table is a file, a row is a line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.elt_variables: dict[str, str] = {}

    def clear(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for file in self.folder.iterdir():
            file.unlink()

    def execute(self, sql: str) -> None:
        (self.folder / "t").write_text(f"{sql}\n")

    def count(self, table: str) -> int | None:
        file = self.folder / table
        return len(file.read_text().splitlines()) if file.exists() else None


def lander(folder: Path, rows: int, *, expected: int = 2) -> Contestant:
    """It adds so many lines to t."""
    ground = Notes(folder)
    program = "import sys; open(sys.argv[1], 'a').write('row\\n' * int(sys.argv[2]))"
    command = (sys.executable, "-S", "-c", program, str(folder / "t"), str(rows))
    return Contestant(folder.name, ground, "t", expected, command)


def outcome(contestants: list[Contestant], rounds: int, scratch: Path) -> tuple[list[Result], str]:
    told: list[str] = []
    results = hold(Scenario("Notes", contestants), rounds, scratch, told.append)
    return results, "".join(line.split(": ")[1] for line in told)


def test_rounds_are_interleaved_there_and_back(tmp_path: Path) -> None:
    entrants = [lander(tmp_path / name, 2) for name in "abc"]
    results, order = outcome(entrants, 3, tmp_path)
    assert order == "abccbaabc"
    assert [len(result.turns) for result in results] == [3, 3, 3]


def test_who_lands_wrong_rows_is_out_and_shown(tmp_path: Path) -> None:
    entrants = [lander(tmp_path / "a", 1), lander(tmp_path / "b", 2)]
    (wrong, right), order = outcome(entrants, 2, tmp_path)
    assert wrong.problem == "wrong rows: 1 instead of 2"
    assert wrong.turns == []
    assert (right.problem, len(right.turns)) == ("", 2)
    assert order == "abb"


def test_a_table_that_is_not_there_is_no_empty_table(tmp_path: Path) -> None:
    silent = replace(lander(tmp_path / "a", 0, expected=0), table="other")
    (result,), _ = outcome([silent], 1, tmp_path)
    assert result.problem == "wrong rows: there is no table other"


def test_a_failure_is_shown_with_its_reason(tmp_path: Path) -> None:
    command = (sys.executable, "-S", "-c", "raise ValueError('no such mode')")
    failing = replace(lander(tmp_path / "a", 2), command=command)
    absent = replace(lander(tmp_path / "b", 2), command=("/no/such/program",))
    (failed, missing), _ = outcome([failing, absent], 2, tmp_path)
    assert failed.problem == "failed: ValueError: no such mode"
    assert missing.problem.startswith("failed: ")


def test_who_cannot_take_part_takes_no_turn(tmp_path: Path) -> None:
    absent = replace(lander(tmp_path / "a", 2), missing="did not install: no wheel")
    (result,), order = outcome([absent], 2, tmp_path)
    assert (result.problem, result.turns, order) == ("did not install: no wheel", [], "")


def test_the_setup_is_made_anew_before_every_turn(tmp_path: Path) -> None:
    entrant = replace(lander(tmp_path / "a", 1), setup="header")
    (result,), _ = outcome([entrant], 3, tmp_path)
    assert (result.problem, len(result.turns)) == ("", 3)


def test_a_rerun_keeps_what_landed_before_it(tmp_path: Path) -> None:
    entrant = replace(lander(tmp_path / "a", 1), is_rerun=True)
    (result,), _ = outcome([entrant], 2, tmp_path)
    assert len(result.turns) == 1  # the first run and the first turn: two rows
    assert result.problem == "wrong rows: 3 instead of 2"


def test_peers_take_part_in_the_first_rounds_only(tmp_path: Path) -> None:
    entrants = [lander(tmp_path / "a", 2), replace(lander(tmp_path / "b", 2), is_peer=True)]
    (ours, peer), _ = outcome(entrants, 5, tmp_path)
    assert (len(ours.turns), len(peer.turns)) == (5, 3)


def test_a_ground_that_cannot_be_used_fails_its_contestant_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "b" / "warehouse.duckdb"
    spoil = f"import pathlib; pathlib.Path({str(file)!r}).write_text('no database' * 1000)"
    spoiler = Contestant(
        "b", DuckDBGround(file.parent), "t", 2, (sys.executable, "-S", "-c", spoil)
    )
    (ours, other), _ = outcome([lander(tmp_path / "a", 2), spoiler], 2, tmp_path)
    assert (ours.problem, len(ours.turns)) == ("", 2)
    assert other.problem.startswith("failed: ")
