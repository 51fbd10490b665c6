import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.inputs import CAREFUL, COLUMNS, Row, records, rows, write_csv, write_folder
from benchmarks.servers import PAGE_SIZE, api, pages_of
from loaders.intake.examine import examine


def test_a_file_is_the_same_each_time_and_a_row_has_47_bytes_or_so(tmp_path: Path) -> None:
    first = write_csv(tmp_path / "first.csv", 3_000).read_bytes()
    assert first == write_csv(tmp_path / "second.csv", 3_000).read_bytes()
    assert 40 < len(first) / 3_000 < 54
    with (tmp_path / "first.csv").open(newline="") as file:
        header, *read = list(csv.reader(file))
    assert tuple(header) == COLUMNS
    assert list(map(tuple, read)) == list(rows(3_000))


def test_the_files_of_a_folder_hold_all_rows_once(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "many", files=4, rows_each=10)
    numbers = [
        int(line.split(",")[0])
        for file in sorted(folder.iterdir())
        for line in file.read_text().splitlines()[1:]
    ]
    assert numbers == list(range(1, 41))


@pytest.mark.parametrize("line", CAREFUL.values(), ids=CAREFUL)
def test_a_careful_file_is_out_of_the_strict_grammar(
    tmp_path: Path, line: Callable[[Row], str]
) -> None:
    plain = write_csv(tmp_path / "plain.csv", 2_000)
    careful = write_csv(tmp_path / "careful.csv", 2_000, line=line)
    assert examine(plain).regular_rows == 2_000
    assert examine(careful).regular_rows is None


def test_pages_hold_every_record_once() -> None:
    pages = [json.loads(page) for page in pages_of(PAGE_SIZE * 2 + 1)]
    assert [len(page) for page in pages] == [PAGE_SIZE, PAGE_SIZE, 1]
    assert [record for page in pages for record in page] == list(records(PAGE_SIZE * 2 + 1))


def test_the_api_links_its_pages() -> None:
    import requests

    with api(PAGE_SIZE + 1) as address:
        first = requests.get(address, timeout=10)
        second = requests.get(first.links["next"]["url"], timeout=10)
    assert (len(first.json()), len(second.json())) == (PAGE_SIZE, 1)
    assert "next" not in second.links
