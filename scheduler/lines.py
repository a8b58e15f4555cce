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


class Run(NamedTuple):
    """Lines that follow one another."""

    lines: list[str]
    cut: bool = False
    """Whether the last of them goes on with the next run: it was too long."""


class Splitter:
    """Splits one stream."""

    def __init__(self, *, longest: int = LONGEST_LINE) -> None:
        """`longest` is in bytes, at least that of one character."""
        self._longest = longest
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._after_cr = False

    def feed(self, data: bytes) -> list[Run]:
        """The lines and full pieces that these bytes complete."""
        return self._split(self._decoder.decode(data))

    def end(self) -> list[Run]:
        """The last line, if it had no end. The splitter may be used anew."""
        runs = self._split(self._decoder.decode(b"", final=True))
        if self._rest:
            runs.append(Run([self._rest]))
        self._decoder.reset()
        self._rest, self._after_cr = "", False
        return runs

    def _split(self, decoded: str) -> list[Run]:
        text = decoded.replace("\0", "")
        if not text:
            return []
        if self._after_cr and text[0] == "\n":
            text = text[1:]
        self._after_cr = text.endswith("\r")
        lines = (self._rest + text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
        runs = self._runs(lines)
        self._rest = runs[-1].lines.pop()
        return runs if runs[-1].lines else runs[:-1]

    def _runs(self, lines: list[str]) -> list[Run]:
        """All of them, the last run not cut. Most of the time none is too long, and they stay together."""
        if max(map(len, lines)) * _WIDEST <= self._longest:
            return [Run(lines)]
        runs, together = [], list[str]()
        for line in lines:
            *full, last = self._pieces(line)
            for piece in full:
                runs.append(Run([*together, piece], cut=True))
                together = []
            together.append(last)
        return [*runs, Run(together)]

    def _pieces(self, line: str) -> list[str]:
        if len(line) * _WIDEST <= self._longest:
            return [line]
        raw, start, pieces = line.encode(), 0, []
        while len(raw) - start > self._longest:
            end = start + self._longest
            while raw[end] & 0xC0 == 0x80:
                end -= 1
            pieces.append(raw[start:end].decode())
            start = end
        return [*pieces, raw[start:].decode()]
