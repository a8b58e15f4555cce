"""`python -m core.alive PORT-VARIABLE [PATH]`: whether the process of this container answers.

For HEALTHCHECK; an image has no curl. Exit code 0 is a 2xx; 1 is anything else, said in one line. It reads
the same two variables as the process, so it looks where that listens, and imports nothing of ours, so it
costs little.
"""

import http.client
import os
import sys
from collections.abc import Mapping

_SECONDS = 4.0
_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def fault(environ: Mapping[str, str], variable: str, path: str) -> str | None:
    """What is wrong; None if it answers as it should."""
    port = environ.get(variable, "")
    if not port.isdecimal() or int(port) == 0:
        return f"{variable} names no port"
    host = environ.get("NOONMARK_HOST", "")
    connection = http.client.HTTPConnection(_ANY.get(host, host), int(port), timeout=_SECONDS)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{path} on port {port} does not answer: {error}"
    finally:
        connection.close()
    return None if 200 <= status < 300 else f"{path} answers {status}"


def main(arguments: list[str]) -> int:
    """The exit code."""
    if len(arguments) not in (1, 2):
        sys.stderr.write("usage: python -m core.alive PORT-VARIABLE [PATH]\n")
        return 2
    path = arguments[1] if len(arguments) == 2 else "/healthz"
    found = fault(os.environ, arguments[0], path)
    if found is not None:
        sys.stderr.write(f"{found}\n")
    return int(found is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
