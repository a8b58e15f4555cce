"""Reading one response after another from a connection, with bounded memory.

The parser (llhttp, strict) decides what is HTTP; this file decides what is kept and when to stop. A head
over 64 KiB, interim responses included, is an error. A body over the cap is cut and the status line stands;
so is one that hides in its framing (chunk extensions, trailers). Content codings are never undone.
"""

import re

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from scheduler.sender.reply import Response

MAX_BODY = 64 * 1024
MAX_HEAD = 64 * 1024
_MAX_MESSAGE = 1024 * 1024
_MAX_KEPT_HEADERS = 64
_MAX_KEPT_BYTES = 16 * 1024
_SWITCHING_PROTOCOLS = 101
_KEEP_ALIVE = re.compile(rb"timeout\s*=\s*\"?([0-9]{1,6})", re.IGNORECASE)


class ResponseReader:
    """The responses on one connection, one at a time: `begin`, `feed` until it says over, `response`."""

    __slots__ = (
        "_body",
        "_complete",
        "_has_head",
        "_head_only",
        "_headers",
        "_interim",
        "_parser",
        "_received",
        "_truncated",
        "fault",
        "keep_alive",
        "status",
    )

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._body = bytearray()
        self.begin(head_only=False)

    def begin(self, *, head_only: bool) -> None:
        """Expect the next response; `head_only` if it answers a HEAD, which has no body whatever it says."""
        self._head_only = head_only
        self._headers: list[tuple[bytes, bytes]] = []
        self._received = 0
        self._has_head = self._interim = self._complete = self._truncated = False
        self.keep_alive = False
        self.status = 0
        self.fault: str | None = None

    def feed(self, data: bytes) -> bool:
        """Take bytes in; whether the exchange is over: a response is there, or `fault` says why not."""
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.keep_alive = False
            if not (self._complete or self._truncated):
                self.fault = self.fault or str(error) or type(error).__name__
            return True
        if self._complete or self._truncated:
            return True
        self._received += len(data)
        if self.fault is None and not self._has_head and self._received > MAX_HEAD:
            self.fault = "the head of the response is too large"
        elif self._received > _MAX_MESSAGE:
            self._truncated = True
        return self.fault is not None or self._truncated

    def ends_with_connection(self) -> bool:
        """Whether the response that is being read is whole once the target closes (RFC 9112 6.3, rule 8)."""
        if not self._has_head:
            return False
        framing = {name.lower(): value for name, value in self._headers}
        if coding := framing.get(b"transfer-encoding"):
            return coding.lower().rpartition(b",")[2].strip() != b"chunked"
        return b"content-length" not in framing

    def response(self, *, bytes_sent: int, reused: bool) -> Response:
        """The response just read. Gives its body away, so that an idle connection holds none."""
        body, self._body = self._body, bytearray()
        return Response(
            status=self.status,
            headers=_kept(self._headers),
            body=bytes(body),
            truncated=self._truncated,
            bytes_sent=bytes_sent,
            reused=reused,
        )

    def keep_alive_seconds(self) -> float | None:
        """For how long the target says it keeps an idle connection; none if it does not say."""
        for name, value in self._headers:
            if name.lower() == b"keep-alive" and (found := _KEEP_ALIVE.search(value)):
                return float(found[1])
        return None

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self._complete:
            self.keep_alive = False
            raise ValueError("bytes after the end of the response")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status == _SWITCHING_PROTOCOLS:
            self.fault = "the target switched protocols unasked"
        if status < 200:
            self._interim = True
            self._headers.clear()
            return
        self.status = status
        self._has_head = True
        self._complete = self._head_only

    def on_body(self, data: bytes) -> None:
        room = MAX_BODY - len(self._body)
        self._body += data[:room]
        self._truncated = self._truncated or len(data) > room

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
            return
        self.keep_alive = self._parser.should_keep_alive() and not self._head_only
        self._complete = True


def _kept(headers: list[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    kept = []
    size = 0
    for name, value in headers[:_MAX_KEPT_HEADERS]:
        size += len(name) + len(value)
        if size > _MAX_KEPT_BYTES:
            break
        kept.append((name.decode("latin-1").lower(), value.decode("latin-1")))
    return tuple(kept)
