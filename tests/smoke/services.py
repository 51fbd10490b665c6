"""What the pipelines are run against: real services where settings name them, else stand-ins."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from loaders.settings import PROJECT_DIR, Settings
from loaders.sources import sample_api
from tests.loaders.sources.index_server import serve

AZURITE = "azurite-blob"
NOT_THERE = (
    "not run: no Azure settings, and no azurite (npm install --no-save --prefix .tools azurite)"
)
ACCOUNT = "devstoreaccount1"
# Azurite's own, which every one of them has: no secret
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
PATIENCE_SECONDS = 20.0
Variables = dict[str, str]


def sources(real: Settings, stack: ExitStack) -> Variables:
    """The API and the index server."""
    named = {"API_URL": real.api_url or stack.enter_context(sample_api.serve())}
    if not real.values.get("ELASTICSEARCH_URL"):
        server = stack.enter_context(serve())
        events = {f"e{n}": f'{{"at": {n}, "kind": "seen"}}' for n in range(25)}
        server.put("smoke_events", **events)
        named["ELASTICSEARCH_URL"] = server.url
    return named


def raw_stores(real: Settings, stack: ExitStack, folder: Path) -> dict[str, Variables | None]:
    """The variables of each raw store; None where it cannot be had."""
    scheme = real.raw_store_url.partition(":")[0]
    own: Variables = {"RAW_STORE_URL": real.values.get("RAW_STORE_URL", "")}
    azure: Variables | None = own
    if scheme != "az":
        azure = stack.enter_context(_azurite())
    return {
        "file": {"RAW_STORE_URL": (folder / "store").as_uri()},
        "s3": own if scheme == "s3" else stack.enter_context(_moto()),
        "az": azure,
    }


@contextmanager
def _moto() -> Iterator[Variables]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield {
            "RAW_STORE_URL": f"s3://smoke-{uuid4().hex}/lake",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "key-of-a-stand-in",
            "AWS_SECRET_ACCESS_KEY": "secret-of-a-stand-in",
            "AWS_REGION": "eu-central-1",
        }
    finally:
        server.stop()


@contextmanager
def _azurite() -> Iterator[Variables | None]:
    """Azurite from npm, where it is installed."""
    program = azurite()
    if program is None:
        yield None
        return
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        options = ("--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location", folder)
        place = ("--blobHost", "127.0.0.1", "--blobPort", str(port))
        process = subprocess.Popen([program, *place, *options], stdout=subprocess.DEVNULL)
        try:
            _await(port, process)
            endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
            yield {
                "RAW_STORE_URL": f"az://smoke-{uuid4().hex[:12]}/lake",
                "AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=http;"
                f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};",
            }
        finally:
            process.terminate()
            process.wait()


def azurite() -> str | None:
    """The program: on the path, or where test-system has it; None where it is not installed."""
    return shutil.which(AZURITE) or shutil.which(
        AZURITE, path=str(PROJECT_DIR / ".tools" / "node_modules" / ".bin")
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{AZURITE} does not answer on port {port}")
