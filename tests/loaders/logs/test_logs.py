import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from loaders import logs
from loaders.settings import Settings, load_settings

SECRET = "s3cr3t-of-a-test"
Configure = Callable[..., logging.Logger]


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    """Leave the root of the parts as it was."""
    root = logging.getLogger(logs.ROOT)
    before = root.handlers[:], root.level, root.propagate
    root.handlers = []
    yield
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    root.handlers, root.level, root.propagate = before


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The log of a run, in a folder that is not there yet."""
    return tmp_path / "run" / "run.log"


def events(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a secret, and a folder for the log of all parts."""
    return settings_with(tmp_path)


def settings_with(tmp_path: Path, **variables: str) -> Settings:
    named = {"API_KEY": SECRET, "ELT_LOG_DIR": str(tmp_path / "logs"), **variables}
    return load_settings(named, Path("/nowhere"))


@pytest.fixture
def configure(settings: Settings) -> Iterator[Configure]:
    """Log to a file until the test is over."""
    with ExitStack() as stack:

        def begin(file: Path, *, is_debug: bool = False) -> logging.Logger:
            stack.enter_context(logs.logging_to(file, "run-1", settings, is_debug=is_debug))
            return logging.getLogger("assay.landing")

        yield begin


def test_an_event_is_a_json_line_with_part_and_run(configure: Configure, file: Path) -> None:
    configure(file).info("landed %s rows", 7)
    (event,) = events(file)
    assert event.pop("at").endswith("+00:00")
    assert event == {
        "level": "INFO",
        "part": "landing",
        "run_id": "run-1",
        "message": "landed 7 rows",
    }


@pytest.mark.contract("S1-14")
def test_each_event_of_a_run_that_a_request_started_has_both_ids(
    file: Path, settings: Settings
) -> None:
    with logs.logging_to(file, "run-1", settings, is_debug=False, request_id="request-1"):
        logging.getLogger("assay.some.part").info("begun")
    for event in (*events(file), *events(settings.log_dir / "etl.log")):
        assert (event["run_id"], event["request_id"]) == ("run-1", "request-1")


def test_a_newline_in_a_value_forges_no_event(configure: Configure, file: Path) -> None:
    configure(file).warning("name\n%s", '{"level": "INFO"}')
    assert [event["message"] for event in events(file)] == ['name\n{"level": "INFO"}']


@pytest.mark.filterwarnings("error")
def test_a_lone_surrogate_is_logged(
    configure: Configure, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(file).info("name \udcff")
    assert "Logging error" not in capsys.readouterr().err
    assert r"name \udcff" in file.read_text(encoding="utf-8")


def test_secrets_reach_neither_file_nor_terminal(
    configure: Configure, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = configure(file, is_debug=True)
    try:
        int(SECRET)
    except ValueError:
        log.exception("no %s", SECRET)
    told = capsys.readouterr().err
    assert "ERROR no ***" in told
    assert SECRET not in told + file.read_text()
    assert "'***'" in events(file)[0]["error"]


def test_the_terminal_has_warnings_only_unless_debugging(
    configure: Configure, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = configure(file)
    log.info("quiet")
    log.warning("loud")
    assert capsys.readouterr().err == "WARNING loud\n"
    configure(file, is_debug=True).debug("all")
    assert capsys.readouterr().err == "DEBUG all\n"


def test_a_second_run_logs_to_its_own_file_alone(
    configure: Configure, file: Path, tmp_path: Path
) -> None:
    configure(file)
    configure(tmp_path / "second.log").info("once")
    assert file.read_text() == ""
    assert len(events(tmp_path / "second.log")) == 1


def test_what_is_logged_after_a_run_does_not_go_to_its_file(
    file: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with logs.logging_to(file, "run-1", settings, is_debug=False):
        logging.getLogger("assay.landing").info("in it")
    file.unlink()
    file.parent.rmdir()
    logging.getLogger("assay.landing").warning("after it")
    assert not file.exists()
    assert capsys.readouterr().err == "WARNING after it\n"


@pytest.mark.contract("S0-10", "S3-15")
def test_runs_and_service_log_to_one_file_as_json_each_with_its_ids(
    file: Path, settings: Settings
) -> None:
    logs.log_service(settings, lambda: {"request_id": "r-1"})
    logging.getLogger("assay.http").info("asked")
    with logs.logging_to(file, "run-1", settings, is_debug=False):
        logging.getLogger("assay.landing").error("no such file")
    logs.log_service(settings, lambda: {"request_id": "r-2"})
    logging.getLogger("assay.http").warning("slow")
    told = [
        (event["level"], event["part"], event.get("run_id"), event.get("request_id"))
        for event in events(settings.log_dir / "etl.log")
    ]
    assert told == [
        ("INFO", "http", None, "r-1"),
        ("ERROR", "landing", "run-1", None),
        ("WARNING", "http", None, "r-2"),
    ]


@pytest.mark.contract("S3-15")
def test_a_service_tells_the_terminal_when_what_and_how_bad_without_tracebacks(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.log_service(settings)
    log = logging.getLogger("assay.http")
    log.info("asked")
    try:
        int(SECRET)
    except ValueError:
        log.exception("it failed")
    _, failed = events(settings.log_dir / "etl.log")
    assert "Traceback" in failed["error"]
    told = capsys.readouterr().err
    first, second, third = told.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ INFO    asked", first)
    assert second.endswith("Z ERROR   it failed")
    assert third == "    invalid literal for int() with base 10: '***'"
    assert SECRET not in (settings.log_dir / "etl.log").read_text()


def test_a_service_tells_containers_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.log_service(settings_with(tmp_path, ELT_LOG_FORMAT="json"))
    logging.getLogger("assay.http").info("asked")
    assert json.loads(capsys.readouterr().err)["message"] == "asked"


@pytest.mark.contract("S3-15")
def test_the_level_is_that_of_the_settings_and_runs_are_still_followed(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = settings_with(tmp_path, ELT_LOG_LEVEL="warning")
    logs.log_service(quiet)
    logging.getLogger("assay.http").info("asked")
    assert capsys.readouterr().err == ""
    with logs.logging_to(file, "run-1", quiet, is_debug=False):
        logging.getLogger("assay.stage").info("Landing posts …")
    assert [event["message"] for event in events(file)] == ["Landing posts …"]
    with logs.logging_to(file, "run-1", quiet, is_debug=False, level="DEBUG"):
        logging.getLogger("assay.landing").debug("a page")
    assert [event["message"] for event in events(tmp_path / "logs/etl.log")] == ["a page"]


def test_a_command_that_is_no_run_logs_where_there_is_a_log(settings: Settings) -> None:
    logs.log_command(settings)
    logging.getLogger("assay.doctor").warning("mend this")
    assert not settings.log_dir.exists()
    settings.log_dir.mkdir()
    logs.log_command(settings)
    logging.getLogger("assay.doctor").warning("mend that")
    (event,) = events(settings.log_dir / "etl.log")
    assert (event["part"], event["message"]) == ("doctor", "mend that")
