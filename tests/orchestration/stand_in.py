"""Stands in for `elt` where only its starter is looked at: a real process, a real record.

Called as `stand_in.py RUNS_DIR BEHAVIOUR run NAME…`; the behaviour is JSON: for a name, or for
any other by `*`, what is done. It imports nothing of the project, so that it starts quickly.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    runs_dir, name = Path(sys.argv[1]), sys.argv[4] if len(sys.argv) > 4 else ""
    if (env := os.environ.get("ELT_ENV", "prod")) != "prod":
        runs_dir = runs_dir.parent / env / "runs"
    behaviour = json.loads(sys.argv[2])
    said = behaviour.get(name, behaviour.get("*", {}))
    run_id = os.environ.get("ELT_RUN_ID") or f"20260101T000000Z-{time.time_ns()}"
    record = {"run_id": run_id, "state": "running", **said.get("record", {})}
    kept_in = runs_dir if "record" in said else None
    save(record, kept_in)
    note(runs_dir, f"begin {name}")
    if "notes_its_call" in said:
        call = [*sys.argv[3:], os.environ.get("ELT_REQUEST_ID", "")]
        note(runs_dir, json.dumps(call))
    for line in said.get("logs", ()):
        with (runs_dir / run_id / "run.log").open("a") as log:
            log.write(json.dumps({"part": "stage", "message": line}) + "\n")
    if "waits_for" in said:
        wait_for(Path(said["waits_for"]))
    if said.get("until_told"):
        signal.signal(signal.SIGTERM, lambda *_: end(record, kept_in, "interrupted", 1))
        note(runs_dir, "waits")
    if said.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"])
        note(runs_dir, f"waits {child.pid}")
    if said.get("tells_starter_to_end"):
        os.kill(os.getppid(), signal.SIGTERM)
    while said.get("until_told") or said.get("stubborn"):
        time.sleep(0.01)  # not pause(): a signal just before it would be heard only after it
    print(said.get("prints", f"{name} is done"), flush=True)
    note(runs_dir, f"end {name}")
    exit_code = said.get("exit", 0)
    if "lingers_for" in said:
        save({**record, "state": "succeeded"}, kept_in)
        wait_for(Path(said["lingers_for"]))
    end(record, kept_in, "failed" if exit_code in (1, 2) else "succeeded", exit_code)


def end(record: dict[str, Any], kept_in: Path | None, state: str, exit_code: int) -> None:
    save({**record, "state": state}, kept_in)
    sys.exit(exit_code)


def save(record: dict[str, Any], runs_dir: Path | None) -> None:
    if runs_dir is None:
        return
    folder = runs_dir / record["run_id"]
    folder.mkdir(parents=True, exist_ok=True)
    whole = {
        "started_at": "2026-01-01T00:00:00Z",
        "pid": os.getpid(),
        "pid_since": since(),
        "target": "duckdb",
        "target_reason": "",
        "place": "",
        **record,
    }
    part = folder / "run.part"
    part.write_text(json.dumps(whole))
    part.replace(folder / "run.json")
    mark = runs_dir / ".under_way" / record["run_id"]
    mark.parent.mkdir(exist_ok=True)
    mark.touch()
    if record["state"] != "running":
        mark.unlink()


def since() -> int | None:
    try:
        stat = Path("/proc/self/stat").read_text(errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def note(runs_dir: Path, line: str) -> None:
    with (runs_dir.parent / "notes").open("a") as notes:
        notes.write(f"{line}\n")


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


if __name__ == "__main__":
    main()
