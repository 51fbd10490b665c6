"""`schedules:` in sources.yml: read as written, or refused with the line."""

import re
from pathlib import Path

import pytest

from loaders.catalog import Schedule, load_catalog, load_schedules
from loaders.errors import SettingsError
from loaders.settings import PROJECT_DIR, Settings, load_settings

SOURCES = """\
sources:
  posts:
    kind: rest_api
    tables:
      posts: {}
  sales:
    kind: files
    path: sales
    tables:
      sales: {file: "*.csv"}
"""
PIPELINES = ("to_raw", "to_dwh")


def load(folder: Path, text: str) -> dict[str, Schedule]:
    path = folder / "sources.yml"
    path.write_text(SOURCES + text, encoding="utf-8")
    return load_schedules(load_settings({"TOKEN": "s3cret"}, folder), PIPELINES, path)


@pytest.mark.contract("S2-25")
def test_sources_and_pipelines_have_intervals_and_cron_expressions(tmp_path: Path) -> None:
    text = """\
schedules:
  often: {run: [posts, sales], every: 30}
  nightly: {cron: "15 2 * * *"}
  to_the_lake:
    pipeline: to_raw
    params: {source: posts, kind: "${TOKEN}", since: 2026-01-31, more: {kind: [x]}, none: null}
    every: 2h
    env: dev
"""
    params = {
        "source": "posts",
        "kind": "${TOKEN}",  # filled in when it runs: no secret is on a command line
        "since": "2026-01-31",
        "more": {"kind": ["x"]},
        "none": None,
    }
    found = load(tmp_path, text)
    assert found == {
        "often": Schedule(run=("posts", "sales"), every=30),
        "nightly": Schedule(cron="15 2 * * *"),
        "to_the_lake": Schedule(pipeline="to_raw", params=params, every="2h", env="dev"),
    }
    assert [schedule.when for schedule in found.values()] == [
        "every 30 s",
        "cron 15 2 * * *",
        "every 2h",
    ]


@pytest.mark.parametrize("text", ["", "schedules:\n", "schedules: {}\n"])
def test_there_need_be_none(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == {}


@pytest.mark.parametrize(
    ("every", "seconds"), [("0.5", 0.5), ("90s", 90), ("5m", 300), ("1h", 3600), ("1d", 86400)]
)
def test_an_interval_is_in_seconds_unless_it_says_its_unit(
    tmp_path: Path, every: str, seconds: float
) -> None:
    found = load(tmp_path, f"schedules: {{often: {{every: {every}}}}}\n")
    assert found["often"].seconds == seconds


@pytest.mark.parametrize(
    ("entry", "line", "told"),
    [
        (["run: [posts]"], 13, "say when: every: 30"),
        (["every: 5", 'cron: "* * * * *"'], 14, "every and cron are two ways to say when"),
        (["run: [posts, nowhere]", "every: 5"], 13, "no source 'nowhere'; there are posts, sales"),
        (["run: [to_raw]", "every: 5"], 13, "'to_raw' is a pipeline; write pipeline: to_raw"),
        (["run: []", "every: 5"], 13, "length >= 1"),
        (["every: 5", "pipeline: nothing"], 14, "no pipeline 'nothing'; there are to_raw, to_dwh"),
        (["run: [posts]", "pipeline: to_raw", "every: 5"], 14, "sources or a pipeline"),
        (["every: 5", "params: {table: x}"], 14, "params are those of a pipeline"),
        (["every: 0"], 13, "every 0 is no time: write seconds, or 5m, 1h, 1d"),
        (["every: -1"], 13, "every -1 is no time"),
        (["every: .nan"], 13, "every nan is no time"),
        (["every: 400d"], 13, "every '400d' is no time"),
        (["every: 5 minutes"], 13, "every '5 minutes' is no time"),
        (["every: true"], 13, "got `bool`"),
        (["run: [posts]", 'cron: "61 * * * *"'], 14, "cron '61 \\* \\* \\* \\*': "),
        (["every: 5", "env: stage"], 14, "Invalid enum value 'stage'"),
        (["every: 5", "at: noon"], 13, "unknown field `at`"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(
    tmp_path: Path, entry: list[str], line: int, told: str
) -> None:
    text = "schedules:\n  odd:\n" + "".join(f"    {part}\n" for part in entry)
    with pytest.raises(SettingsError, match=rf"^sources.yml, line {line}: .*{told}"):
        load(tmp_path, text)


def test_a_run_by_hand_needs_no_sound_schedule(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        load(tmp_path, "schedules: {odd: {run: [nowhere], every: 5}}\n")
    settings: Settings = load_settings({}, tmp_path)
    assert list(load_catalog(settings, tmp_path / "sources.yml")) == ["posts", "sales"]


def test_the_examples_are_read(tmp_path: Path) -> None:
    """Those in the comments of sources.yml, and in the documentation."""
    text = (PROJECT_DIR / "sources.yml").read_text(encoding="utf-8")
    example = re.search(r"^# schedules:\n(?:#   .*\n)+", text, re.MULTILINE)
    assert example
    in_docs = (PROJECT_DIR / "docs/schedules.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(schedules:.*?)```", in_docs, re.DOTALL)
    for block in (re.sub("^# ", "", example[0], flags=re.MULTILINE), *blocks):
        path = tmp_path / "sources.yml"
        path.write_text(f"{SOURCES}{block}", encoding="utf-8")
        assert load_schedules(load_settings({}), ("external_source_to_raw",), path)
