"""A receiver that is safe to copy: it verifies, deduplicates and fences what Noonmark delivers.

NOONMARK_WEBHOOK_SECRET=whsec_… python -m examples.receiver --port 9000"""

import argparse
import json
import os
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from noonmark import Delivery, InvalidSignature, verify

SECRETS = os.environ.get("NOONMARK_WEBHOOK_SECRET", "").split()
MAX_BODY, MAX_REMEMBERED = 1024 * 1024, 100_000
newest, lock = dict[str, int](), Lock()  # The newest attempt seen of each job, by webhook-id.


def accept(delivery: Delivery) -> str:
    """Delivery is at least once, so a real receiver stores the id in the same transaction as its work."""
    with lock:
        before = newest.get(delivery.id)
        newest[delivery.id] = max(delivery.attempt, before or 0)
        if len(newest) > MAX_REMEMBERED:
            del newest[next(iter(newest))]  # The one that came first.
    if before is None:
        return "verified"  # This id comes for the first time: the work belongs here.
    return "duplicate" if delivery.attempt >= before else "duplicate (older attempt)"


def lateness(body: bytes, arrived: datetime) -> str:
    try:
        late = arrived - datetime.fromisoformat(json.loads(body)["fire_at"])
        return f"late={late.total_seconds() * 1000:.0f}ms "
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
        return ""  # The body is the sender's own business; it need not name a time.


class Receiver(BaseHTTPRequestHandler):
    protocol_version, timeout = "HTTP/1.1", 60  # Connections are kept open, but not idle for ever.

    def do_POST(self) -> None:
        arrived, length = datetime.now(UTC), self.headers.get("Content-Length", "0")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            return self.answer(411)
        if len(length) > 9 or int(length) > MAX_BODY:
            return self.answer(413)
        body = self.rfile.read(int(length))  # The raw bytes: parsed and written anew they would not verify.
        try:
            status, verdict = 200, accept(verify(SECRETS, dict(self.headers.items()), body))
        except InvalidSignature as refused:
            status, verdict = 401, f"REFUSED {refused.reason}"
        name, attempt = self.headers.get("webhook-id", "-"), self.headers.get("x-noonmark-attempt", "-")
        line = f"{arrived:%FT%T.%fZ} {self.command} {self.path} {name} attempt={attempt} {verdict} "
        line += lateness(body, arrived) + body.decode(errors="replace")[:80]
        # A stranger may have written parts of this: it must not break the line or steer the terminal.
        print("".join(c if c.isprintable() else "·" for c in line) + "\n", end="", flush=True)
        self.answer(status)

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_POST

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if status in (411, 413):  # A body left unread would be taken for the next request.
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Receive, verify and print deliveries.")
    options.add_argument("--port", type=int, default=9000, help="0 takes any free port")
    options.add_argument("--host", default="127.0.0.1", help="0.0.0.0 in a container")
    if not SECRETS:
        options.error("set NOONMARK_WEBHOOK_SECRET to your signing secrets (whsec_…, parted by spaces)")
    ThreadingHTTPServer.request_queue_size = 256  # Many deliveries may be due in the same instant.
    given = options.parse_args()
    with ThreadingHTTPServer((given.host, given.port), Receiver) as server:
        print(f"listening http://{given.host}:{server.server_port}", flush=True)
        server.serve_forever()
