"""What arrived, in order: ids of 36 characters and the wall clock at arrival. As bytes, for the way between.

8 bytes count | count x 36 bytes id | count x 8 bytes float
"""

import struct
from array import array
from collections.abc import Iterator

ID_LENGTH = 36
_COUNT = struct.Struct("<Q")


class Ledger:
    """Grows by one entry a call; nothing else happens on the way of a call."""

    def __init__(self) -> None:
        self.ids = bytearray()
        self.clock = array("d")

    def __len__(self) -> int:
        return len(self.clock)

    def __iter__(self) -> Iterator[tuple[str, float]]:
        for index, at in enumerate(self.clock):
            yield self.ids[index * ID_LENGTH : (index + 1) * ID_LENGTH].decode(), at

    def add(self, message_id: bytes, at: float) -> None:
        self.ids += message_id
        self.clock.append(at)

    def clear(self) -> None:
        self.ids.clear()
        self.clock = array("d")

    def dump(self) -> bytes:
        return _COUNT.pack(len(self.clock)) + self.ids + self.clock.tobytes()

    @classmethod
    def load(cls, data: bytes) -> "Ledger":
        """What `dump` gave. Raises ValueError when it is cut short."""
        [count] = _COUNT.unpack_from(data)
        middle = _COUNT.size + count * ID_LENGTH
        if len(data) != middle + count * 8:
            raise ValueError("the ledger is cut short")
        ledger = cls()
        ledger.ids += data[_COUNT.size : middle]
        ledger.clock.frombytes(data[middle:])
        return ledger
