"""Many jobs at once, without blocking: create, list by label, cancel.

NOONMARK_TOKEN=nm_… python -m examples.async_client https://example.com/hook"""

import asyncio
import sys
from uuid import uuid4

import noonmark


async def main(url: str) -> None:
    batch = uuid4().hex
    async with noonmark.AsyncClient() as client:  # One client, so that connections are used again.
        async with asyncio.TaskGroup() as group:
            for number in range(10):
                group.create_task(
                    client.jobs.create(url, body={"number": number}, delay=3600, labels={"batch": batch})
                )

        # Pages are fetched while this iterates.
        waiting = [job async for job in client.jobs.list(labels={"batch": batch}, state="scheduled")]
        print(f"{len(waiting)} jobs wait")
        ended = await asyncio.gather(*(client.jobs.cancel(job.id) for job in waiting))
        print(f"{sum(job.state is noonmark.State.CANCELLED for job in ended)} are cancelled")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
