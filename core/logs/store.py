"""Writing what attempts print, fenced, and reading it from any line on.

Writing is safe to repeat: a chunk's key is made of nothing but what it says, so that a second time writes no
second row, even while the first is still on its way. Chunks of one attempt must be written in their order.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.db import Raw
from core.logs.model import Chunk, Line, Mark, Page, Position, Stream

# A lease is held while its chunks are written: who ends it waits, and so whoever sees the end sees the lines.
_APPEND = """
WITH inp AS MATERIALIZED (
  SELECT * FROM unnest(
    $1::uuid[], $2::int2[], $3::uuid[], $4::int[], $5::int2[], $6::float8[], $7::text[], $8::text[],
    $9::text[])
  AS t(job_id, attempt, lease_token, sequence, lines, at, stream, text, mark)),
told AS MATERIALIZED (SELECT DISTINCT job_id, attempt, lease_token FROM inp ORDER BY job_id),
held AS MATERIALIZED (
  SELECT l.lease_token, l.tenant_id FROM told t CROSS JOIN LATERAL (
    SELECT lease_token, tenant_id FROM leases l
    WHERE l.job_id = t.job_id AND l.attempt = t.attempt AND l.lease_token = t.lease_token
    FOR NO KEY UPDATE) l),
kept AS (
  INSERT INTO logs (job_id, attempt, sequence, id, tenant_id, lease_token, at, stream, lines, text, mark)
  SELECT i.job_id, i.attempt, i.sequence, stamp(i.at, 0, i.lease_token), h.tenant_id, i.lease_token, i.at,
         i.stream, i.lines, i.text, i.mark
  FROM (SELECT job_id, attempt, lease_token, sequence, lines, to_timestamp(at) AS at, stream, text, mark
        FROM inp) i JOIN held h ON h.lease_token = i.lease_token
  ON CONFLICT DO NOTHING)
SELECT lease_token FROM held
"""

# A page ends where it has its lines, however many or few a row has. One statement, so that the lines of a job
# that is over are all of them.
_READ = """
SELECT e.state,
       e.state IS NOT NULL OR ($6::int2 IS NOT NULL AND EXISTS (
         SELECT FROM attempts a WHERE a.job_id = $2 AND a.id >= $3 AND a.number = $6)),
       c.attempt, c.sequence, c.stream, c.at, c.text, c.mark
FROM jobs j LEFT JOIN endings e ON e.job_id = j.id LEFT JOIN LATERAL (
  SELECT * FROM (
    SELECT f.*, sum(fresh) OVER (ORDER BY attempt, sequence) - fresh AS before FROM (
      SELECT attempt, sequence, stream, at, text, mark,
             CASE WHEN attempt = $4::int2 THEN least(lines, sequence - $5::int) ELSE lines END AS fresh
      FROM logs WHERE job_id = $2 AND id >= $3 AND (attempt, sequence) > ($4::int2, $5::int)
        AND ($6::int2 IS NULL OR attempt = $6) AND ($7::text IS NULL OR stream = $7)
      ORDER BY attempt, sequence LIMIT $8 + 1) f) counted
  WHERE before <= $8) c ON true
WHERE j.tenant_id = $1 AND j.id = $2 ORDER BY c.attempt, c.sequence
"""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines of a job to read."""

    job_id: UUID
    tenant_id: UUID
    since: UUID
    """Not greater than the id of anything in the job's history."""
    attempt: int | None = None
    stream: Stream | None = None


async def append(db: Raw, chunks: Sequence[Chunk]) -> set[UUID]:
    """Keep these chunks, but for those whose lease is gone; the tokens of the leases that are not."""
    columns = zip(*map(msgspec.structs.astuple, chunks), strict=True)
    rows = await db.fetch(_APPEND, *map(list, columns))
    return {row[0] for row in rows}


async def read(db: Raw, wanted: Wanted, *, after: Position, limit: int) -> Page | None:
    """Up to ``limit`` lines that follow a position; None if there is no such job."""
    rows = await db.fetch(
        _READ, wanted.tenant_id, wanted.job_id, wanted.since, after.attempt, after.number, wanted.attempt,
        wanted.stream, limit,
    )  # fmt: skip
    if not rows:
        return None
    found: list[Line] = []
    for row in rows:
        if row[2] is not None:
            found += _lines(*row[2:], after=after)
    return Page(found[:limit], len(found) > limit, rows[0][0], rows[0][1])


def _lines(
    attempt: int, sequence: int, stream: str, at: datetime, text: str, mark: str | None, *, after: Position
) -> list[Line]:
    """Those lines of a row that follow a position."""
    texts = text.split("\n")
    first = sequence - len(texts) + 1
    skipped = max(0, after.number + 1 - first) if attempt == after.attempt else 0
    last = len(texts) - 1
    return [
        Line(
            Position(attempt, first + place),
            Stream(stream),
            at,
            texts[place],
            Mark(mark) if mark is not None and place == last else None,
        )
        for place in range(skipped, len(texts))
    ]
