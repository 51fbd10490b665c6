"""Try every operation of the service with what nobody expects: `make fuzz`.

Schemathesis reads the OpenAPI document of a service on loopback, over the sample data, and makes
requests of it, right ones and wrong ones: with a key nothing may go wrong, by any of its checks;
without one nothing but 401 may come back. Where the service would start a run, a stand-in ends at
once. The stream of a run's events is left out: it lasts as long as its run.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from loaders.settings import Settings, load_settings
from orchestration.http.app import create_app
from orchestration.http.runs import Runs
from orchestration.http.server import config_of, listening
from tests.orchestration import stand_in

KEY = "the-key-of-the-fuzzer"
ELT = str(Path(sys.executable).parent / "elt")
SCHEMATHESIS = str(Path(sys.executable).parent / "st")
STREAMS = "/events$"
HOOKS = Path(__file__).parent / "hooks.py"
CONFIG = Path(__file__).parent / "schemathesis.toml"
WITHOUT_KEY = {"FUZZ_KEY": "a-key-that-is-none", "SCHEMATHESIS_HOOKS": str(HOOKS)}


def main() -> int:
    """Fuzz with the key and without it; the worse exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="for each operation")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        with _service(_sample(folder)) as url:
            codes = [
                _fuzz(url, options, {"FUZZ_KEY": KEY}),
                _fuzz(url, options, WITHOUT_KEY, "--checks", "only_unauthorised"),
            ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"with a key: {_told(codes[0])}; without one: {_told(codes[1])}")
    return max(codes)


def _sample(folder: Path) -> Settings:
    """The settings of a service over the sample data, which is landed and modelled first."""
    variables = {"ELT_DATA_DIR": str(folder / "data"), "API_KEYS": KEY}
    subprocess.run([ELT, "run"], env=os.environ | variables, check=True, stdout=subprocess.DEVNULL)
    os.environ.update(variables)  # from which the service takes other environments
    return load_settings()


@contextmanager
def _service(settings: Settings) -> Iterator[str]:
    app = create_app(settings)
    app.state.service.runs = Runs(settings, _stand_in(settings))
    with listening("127.0.0.1", 0) as listener:
        server = uvicorn.Server(config_of(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.05)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _stand_in(settings: Settings) -> tuple[str, ...]:
    """The command of runs that end at once, well, whatever they are asked to do."""
    behaviour = json.dumps({"*": {"record": {}}})
    return (sys.executable, "-S", stand_in.__file__, str(settings.runs_dir), behaviour)


def _fuzz(url: str, options: argparse.Namespace, variables: Mapping[str, str], *more: str) -> int:
    seed = [] if options.seed is None else ["--seed", str(options.seed)]
    command = [
        *(SCHEMATHESIS, "--config-file", str(CONFIG), "run", f"{url}/openapi.json", "--no-color"),
        *("--max-examples", str(options.examples), "--exclude-path-regex", STREAMS),
        *("--generation-database", "none", "--request-timeout", "30", "--continue-on-failure"),
        *seed,
        *more,
    ]
    with tempfile.TemporaryDirectory() as folder:  # it writes where it works
        environment = {**os.environ, **variables}
        return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def _told(code: int) -> str:
    return "nothing found" if code == 0 else "see above"


if __name__ == "__main__":
    sys.exit(main())
