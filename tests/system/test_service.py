"""The README's service section does what it says, command by command, with curl."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request

from tests.e2e.test_readme import clone, commands_of
from tests.system.test_docs_site import page

__all__ = ["clone", "page"]  # fixtures


@pytest.mark.contract("S0-01", "S0-07", "S0-15", "S1-01", "S1-02", "S1-08", "S4-01", "S4-14")
@pytest.mark.parametrize("target", ["duckdb"])
def test_the_service_answers_every_command(clone: Path, environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    serve, *asks, end = commands_of("Over HTTP")
    lines = [f"{ask.replace('8000', port)} || echo failed\necho" for ask in asks]
    script = "\n".join(["set -m", serve.replace("8000", port), "echo", *lines, end, "wait %1"])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=clone,
        env=os.environ | environment | {"MAKEFLAGS": "", "APP_PORT": port, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "failed" not in done.stdout.splitlines(), done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line[:1] in {"{", "["}]
    ready, uploaded, triggered, runs, user, chunk, rows, asked = answers
    assert ready["status"] == "ready"
    assert uploaded[0]["sales_order_number"].startswith("SO")
    assert triggered["message"] == "ETL process completed successfully."
    assert runs["runs"][0]["run_id"] == triggered["run_id"]
    assert (user["user_id"], user["total_experiments"] > 0) == ("1", True)
    assert chunk[0]["order_date"].endswith("T00:00:00")
    assert rows["rows"][0]["order_date"] >= rows["rows"][1]["order_date"]
    assert asked["data"][0]["lines"] > len(chunk)
    assert "<svg" in (clone / "chart.html").read_text(encoding="utf-8")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port))).close()


@pytest.mark.contract("S0-09")
@pytest.mark.parametrize(
    ("path", "shown"), [("/docs", "/trigger_etl"), ("/redoc", "Download OpenAPI specification")]
)
def test_the_documentation_works_in_a_browser_without_any_other_host(
    page: Page, tmp_path: Path, path: str, shown: str
) -> None:
    elt = Path(sys.executable).parent / "elt"
    with subprocess.Popen(
        [elt, "serve", "--port", "0", "--json"],
        env=os.environ | {"ELT_DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            asked: list[Request] = []
            problems: list[str] = []
            page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 -- it wants a function
            page.on(
                "console", lambda told: problems.append(told.text) if told.type == "error" else None
            )
            page.goto(url.rstrip("/") + path)
            page.get_by_text(shown).first.wait_for(state="attached", timeout=20_000)
            page.screenshot(path=tmp_path / "page.png")
            sent = [each.url for each in asked if each.failure != "csp"]  # else it was kept back
        finally:
            process.terminate()
    assert [each for each in sent if not each.startswith((url, "data:", "blob:"))] == []
    # ReDoc's own mark would come from its maker's host: the policy keeps it from being asked for
    assert [told for told in problems if "logo-mini.svg" not in told] == []
