"""How long single statements took, from PostgreSQL's own log: a mean would hide what a claim's worst are."""

import re
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.stand import Room

_ENTRY = re.compile(
    r"^(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC \[\d+\] "
    r"LOG: +duration: (?P<ms>[\d.]+) ms +(?:execute|statement)",
    re.MULTILINE,
)
CLAIM = "INSERT INTO leases"


async def switch_on(room: Room) -> None:
    """For the sessions that this database gets from now on; without the statements' values."""
    name = await room.db.fetchval("SELECT current_database()")
    await room.db.execute(f'ALTER DATABASE "{name}" SET log_min_duration_statement = 0')
    await room.db.execute(f'ALTER DATABASE "{name}" SET log_parameter_max_length = 0')


def durations(text: str, holding: str) -> list[tuple[float, float]]:
    """Epoch seconds and milliseconds of each logged statement that holds these words."""
    found = []
    entries = list(_ENTRY.finditer(text))
    for entry, after in zip(entries, [*entries[1:], None], strict=True):
        statement = text[entry.end() : after.start() if after else len(text)]
        if holding in statement:
            at = datetime.strptime(entry["at"], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
            found.append((at.timestamp(), float(entry["ms"])))
    return found


def claims(log: Path, since: int) -> list[tuple[float, float]]:
    """Claims logged after the first ``since`` bytes."""
    with log.open("rb") as file:
        file.seek(since)
        return durations(file.read().decode(errors="replace"), CLAIM)
