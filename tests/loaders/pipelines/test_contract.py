"""What every pipeline has to keep: the standard ones, those in loaders/custom, and the example."""

import inspect
import re
from pathlib import Path

import msgspec
import pytest

from loaders.errors import AssayError, SettingsError
from loaders.pipelines import Pipeline, discovery, external_raw_to_dwh, external_source_to_raw
from loaders.pipelines import internal_raw_to_dwh as internal
from loaders.pipelines.discovery import CUSTOM_DIR, STANDARD, Entry, find_pipelines, load_pipeline
from loaders.settings import PROJECT_DIR
from tests.loaders.pipelines.conftest import RunPipeline

TYPED: tuple[Pipeline, ...] = (external_source_to_raw, external_raw_to_dwh, internal)  # for mypy
ALL = find_pipelines()


@pytest.fixture
def custom_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A custom folder with the example of docs/pipelines.md in it."""
    page = (PROJECT_DIR / "docs/pipelines.md").read_text()
    (code,) = re.findall(r"<!-- the tests run this file -->\n```python\n(.*?)```", page, re.DOTALL)
    folder = tmp_path / "custom"
    folder.mkdir()
    (folder / "copied.py").write_text(code)
    monkeypatch.setattr(discovery, "CUSTOM_DIR", folder)
    return folder


def check(entry: Entry) -> None:
    pipeline = load_pipeline(entry)
    assert entry.purpose, f"{entry.file} has no docstring"
    assert re.fullmatch(r"[a-z][a-z0-9_]*", entry.name)
    assert msgspec.json.schema(pipeline.Params)
    assert list(inspect.signature(pipeline.run).parameters) == ["params", "context"]


@pytest.mark.contract("S2-01", "S2-13")
@pytest.mark.parametrize("name", ALL)
def test_a_pipeline_is_a_typed_module_that_says_what_it_does(name: str) -> None:
    check(ALL[name])


@pytest.mark.contract("S2-13")
def test_a_file_in_the_custom_folder_is_a_pipeline(
    run: RunPipeline, custom_dir: Path, store_dir: Path
) -> None:
    assert list(find_pipelines()) == [*STANDARD, "copied"]
    entry = find_pipelines()["copied"]
    assert (entry.file, entry.is_custom) == (custom_dir / "copied.py", True)
    check(entry)
    store_dir.mkdir()
    (store_dir / "a").write_text("x")
    record = run("copied", key="a", to="b/c")
    assert record.result is not None
    assert (record.pipeline, record.result.keys) == ("copied", ("b/c",))
    assert (store_dir / "b/c").read_text() == "x"


@pytest.mark.contract("S2-13")
def test_a_custom_file_takes_the_place_of_a_standard_one_or_extends_it(
    run: RunPipeline, custom_dir: Path
) -> None:
    (custom_dir / "external_raw_to_dwh.py").write_text(
        "'''Lands nothing, and says so.'''\n"
        "from loaders.pipelines import Result, external_raw_to_dwh as standard\n"
        "Params = standard.Params\n"
        "def run(params, context):\n"
        "    return Result(told={'table': params.table, 'standard': callable(standard.run)})\n"
    )
    record = run("external_raw_to_dwh", source="s", table="t")
    assert record.result is not None
    assert record.result.told == {"table": "t", "standard": True}


@pytest.mark.contract("S2-13", "S2-22")
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def run(", "cannot be imported: SyntaxError"),
        ("import no_such_module", "cannot be imported: ModuleNotFoundError"),
        ("def run(params, context): ...", "has no msgspec.Struct Params"),
        ("import msgspec\nclass Params(msgspec.Struct): ...", r"has no run\(params, context\)"),
    ],
)
def test_a_file_that_is_no_pipeline_is_named_and_stops_no_other(
    run: RunPipeline, custom_dir: Path, code: str, told: str
) -> None:
    (custom_dir / "broken.py").write_text(code)
    with pytest.raises(SettingsError, match=rf"broken\.py .*{told}"):
        run("broken")
    assert "broken" in find_pipelines()
    check(find_pipelines()["copied"])


def test_a_file_that_begins_with_an_underscore_is_none() -> None:
    assert not [entry for entry in ALL.values() if entry.name.startswith("_")]
    assert (CUSTOM_DIR / "__init__.py").is_file()


@pytest.mark.contract("S2-13", "S2-22")
def test_a_pipeline_that_is_called_as_a_source_is_refused(
    run: RunPipeline, custom_dir: Path
) -> None:
    (custom_dir / "copied.py").rename(custom_dir / "notes.py")
    with pytest.raises(SettingsError, match=r"notes\.py: a source of sources\.yml is called notes"):
        run("notes", api="http://127.0.0.1:9/", key="a", to="b")


@pytest.mark.contract("S2-13", "S2-22")
@pytest.mark.parametrize("error", ["KeyError('x')", "OSError(5, 'x')"])
def test_an_error_that_nobody_foresaw_names_the_pipeline(
    run: RunPipeline, custom_dir: Path, error: str
) -> None:
    (custom_dir / "boom.py").write_text(
        f"import msgspec\nclass Params(msgspec.Struct): ...\n"
        f"def run(params, context): raise {error}\n"
    )
    with pytest.raises(AssayError, match=r"pipeline boom \(.*boom\.py\): (Key|OS)Error: .*x"):
        run("boom")
