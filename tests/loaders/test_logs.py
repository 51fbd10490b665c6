import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from loaders import logs
from loaders.settings import load_settings

SECRET = "s3cr3t-of-a-test"
Configure = Callable[..., logging.Logger]


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    """Leave the root of the parts as it was."""
    root = logging.getLogger(logs.ROOT)
    before = root.handlers[:], root.level, root.propagate
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
def configure() -> Iterator[Configure]:
    """Log to a file until the test is over."""
    with ExitStack() as stack:

        def begin(file: Path, *, is_debug: bool = False) -> logging.Logger:
            stack.enter_context(logs.logging_to(file, "run-1", {SECRET}, is_debug=is_debug))
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
def test_each_event_of_a_run_that_a_request_started_has_both_ids(file: Path) -> None:
    with logs.logging_to(file, "run-1", (), is_debug=False, request_id="request-1"):
        logging.getLogger("assay.some.part").info("begun")
    (event,) = events(file)
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
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logs.logging_to(file, "run-1", {SECRET}, is_debug=False):
        logging.getLogger("assay.landing").info("in it")
    file.unlink()
    file.parent.rmdir()
    logging.getLogger("assay.landing").warning("after it")
    assert not file.exists()
    assert capsys.readouterr().err == "WARNING after it\n"


def test_a_service_logs_whole_to_its_file_and_plainly_to_the_terminal(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.log_service(file, lambda: {"request_id": "r-1"}, {SECRET})
    log = logging.getLogger("assay.http")
    log.info("asked")
    try:
        int(SECRET)
    except ValueError:
        log.exception("it failed")
    asked, failed = events(file)
    assert (asked["request_id"], asked["message"], asked["part"]) == ("r-1", "asked", "http")
    assert "Traceback" in failed["error"]
    told = capsys.readouterr().err
    assert told.startswith("ERROR it failed\ninvalid literal")
    assert SECRET not in file.read_text()


def test_every_secret_variable_is_a_secret_also_as_the_url_decodes_it() -> None:
    url = "postgresql://ada:p%40ssw%3Ard@db.test/lab"
    values = {"DATABASE_URL": url, "API_KEY": "key-1234", "DB_PASSWORD": "other", "PGUSER": "ada1"}
    secrets = logs.secrets_of(load_settings(values, Path("/nowhere")))
    assert secrets == {url, "key-1234", "other", "p@ssw:rd"}


def test_the_password_in_the_address_of_an_index_is_a_secret() -> None:
    for url, secrets in [("https://ada:hunter2@index.test", {"hunter2"}), ("http://[", set())]:
        assert (
            logs.secrets_of(load_settings({"ELASTICSEARCH_URL": url}, Path("/nowhere"))) == secrets
        )


def test_a_secret_within_a_secret_is_hidden_whole() -> None:
    assert logs.hide("x abcdef y", {"abc", "abcdef"}) == "x *** y"
