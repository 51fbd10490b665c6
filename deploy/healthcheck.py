"""Whether the service in this container and its warehouse work: exit code 0, or 1 and why.

A program by itself, for HEALTHCHECK: quick to start, and deaf to the proxies of the environment.
"""

import http.client
import os
import sys

SECONDS = 4  # /health itself answers within two


def main() -> int:
    """Ask /health on loopback; what is wrong goes to standard error, where the engine keeps it."""
    port = int(os.environ.get("APP_PORT") or os.environ.get("SERVER_PORT") or 8000)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        told = answer.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"the service does not answer on port {port}: {error}\n")
        return 1
    finally:
        connection.close()
    if answer.status != 200:
        sys.stderr.write(f"the service answers {answer.status}: {told}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
