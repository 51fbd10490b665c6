"""The alerts go off when they should and not else, as Prometheus' own promtool has it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from loaders.settings import PROJECT_DIR

PROMETHEUS = PROJECT_DIR / "deploy" / "prometheus"


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    installed = PROJECT_DIR / ".tools" / "promtool"
    program = installed if installed.exists() else shutil.which("promtool")
    assert program, "test-system needs promtool: .tools/promtool, or of Debian's prometheus"
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.contract("S3-28")
def test_alerts_go_off_on_faults_and_not_on_clean_runs() -> None:
    done = promtool("test", "rules", PROMETHEUS / "alerts_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


WRONG = {  # of each of the four alerts a threshold that lets its fault pass
    "EtlApiFailures": ("> 0.05", "> 0.5"),
    "EtlApiSlow": ("[30m]))) > 5", "[30m]))) > 50"),
    "EtlTransformationErrors": ("errors_total[30m])) > 0\n        labels: {severity: warning}", ""),
    "EtlDatabaseWriteErrors": ("errors_total[30m])) > 0\n        labels: {severity: critical}", ""),
}


@pytest.mark.contract("S3-28")
def test_wrong_thresholds_are_found(tmp_path: Path) -> None:
    rules = (PROMETHEUS / "alerts.yml").read_text(encoding="utf-8")
    for right, wrong in WRONG.values():
        assert rules.count(right) == 1
        rules = rules.replace(right, wrong or right.replace("> 0", "> 9"))
    (tmp_path / "alerts.yml").write_text(rules, encoding="utf-8")
    shutil.copy(PROMETHEUS / "alerts_test.yml", tmp_path)
    done = promtool("test", "rules", tmp_path / "alerts_test.yml")
    assert done.returncode == 1
    for alert in WRONG:
        assert alert in done.stderr, done.stderr


def test_the_example_is_a_configuration() -> None:
    done = promtool("check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr
