"""S3 for tests, as moto speaks it on loopback."""

from collections.abc import Iterator
from uuid import uuid4

import pytest


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A stand-in for S3, one for each test process."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_variables(s3_endpoint: str) -> dict[str, str]:
    """A bucket that nobody has made yet, of a test's own."""
    return {
        "RAW_STORE_URL": f"s3://bucket-{uuid4().hex}/lake",
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "key-of-a-test",
        "AWS_SECRET_ACCESS_KEY": "secret-of-a-test",
        "AWS_REGION": "eu-central-1",
    }
