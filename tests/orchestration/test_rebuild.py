import shutil
from pathlib import Path

import pytest

from loaders.errors import SettingsError
from loaders.settings import load_settings
from orchestration import registry, summary
from orchestration.rebuild import rebuild
from orchestration.run import run


@pytest.mark.contract("S3-43")
def test_a_rebuild_is_a_run_that_says_how_much_it_read_and_how_quickly(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    for name, header in (
        ("users", "user_id,name\n1,Ada\n2\n"),
        ("user_experiments", "experiment_id,user_id,experiment_compound_ids\n"),
        ("compounds", "compound_id\nx\n"),
    ):
        (lab / f"{name}.csv").write_text(header)
    given = {"ELT_DATA_DIR": str(tmp_path / "data"), "CSV_DATA_PATH": str(lab)}
    settings = load_settings(given, tmp_path)
    before = run(settings, ["lab"], transforms=False)
    with pytest.raises(SettingsError, match="only an empty warehouse is rebuilt"):
        rebuild(settings)
    assert len(registry.load_all(settings.runs_dir)) == 1
    size = sum(path.stat().st_size for path in lab.iterdir())
    settings.duckdb_path.unlink()
    shutil.rmtree(lab)

    record = rebuild(settings)
    assert (record.state, record.exit_code) == ("succeeded", 3)
    assert [outcome.books for outcome in record.sources] == [before.sources[0].books]
    done = record.rebuild
    assert done is not None
    assert (done.landings, done.batches, done.bytes) == (1, 3, size)
    assert done.bytes_per_second == pytest.approx(size / done.seconds, abs=1)
    assert registry.load(settings.runs_dir, record.run_id).rebuild == done
    assert f"1 landings, 3 batches, {size} bytes in " in summary.describe(record)
