"""From the bytes that a program prints to lines of text; one `Splitter` for each of its streams.

What comes out does not depend on how the bytes were cut on their way here. A line ends with LF, CR LF or CR.
What is no UTF-8 becomes U+FFFD, and NUL, which PostgreSQL cannot store, goes. A line longer than the limit
comes in pieces, as soon as one is full: nothing longer than a piece is ever held back.
"""

import codecs
from typing import NamedTuple

from core.logs.model import LONGEST_LINE

_WIDEST = 4
"""Bytes of a character."""


class Piece(NamedTuple):
    """A line, or a part of one that was too long."""

    text: str
    cut: bool = False
    """Whether the line goes on with the next piece."""


class Splitter:
    """Splits one stream."""

    def __init__(self, *, longest: int = LONGEST_LINE) -> None:
        """`longest` is in bytes, at least that of one character."""
        self._longest = longest
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._after_cr = False

    def feed(self, data: bytes) -> list[Piece]:
        """The lines and full pieces that these bytes complete."""
        return self._split(self._decoder.decode(data))

    def end(self) -> list[Piece]:
        """The last line, if it had no end. The splitter may be used anew."""
        pieces = self._split(self._decoder.decode(b"", final=True))
        if self._rest:
            pieces.append(Piece(self._rest))
        self._decoder.reset()
        self._rest, self._after_cr = "", False
        return pieces

    def _split(self, decoded: str) -> list[Piece]:
        text = decoded.replace("\0", "")
        if not text:
            return []
        if self._after_cr and text[0] == "\n":
            text = text[1:]
        self._after_cr = text.endswith("\r")
        *lines, rest = (self._rest + text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
        pieces: list[Piece] = []
        for line in lines:
            pieces += self._pieces(line)
        *full, last = self._pieces(rest)
        self._rest = last.text
        return pieces + full

    def _pieces(self, line: str) -> list[Piece]:
        if len(line) * _WIDEST <= self._longest:
            return [Piece(line)]
        raw, start, pieces = line.encode(), 0, []
        while len(raw) - start > self._longest:
            end = start + self._longest
            while raw[end] & 0xC0 == 0x80:
                end -= 1
            pieces.append(Piece(raw[start:end].decode(), cut=True))
            start = end
        return [*pieces, Piece(raw[start:].decode())]
