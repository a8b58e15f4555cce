"""Edits of a waiting job, as the receiver sees them."""

import hashlib

import msgspec

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.work import Work


async def test_an_edited_target_is_what_is_called(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(1, settings=CALM) as [scheduler]:
        await work.beating(scheduler)
        [job_id] = await work.submit(delay_seconds=3, target={"headers": {"Authorization": "Bearer t"}})
        [promise] = work.promises
        target = {
            "url": f"{work.fleet.target}{promise.path}-edited",
            "method": "PUT",
            "headers": {"X-Team": "billing"},
            "body": {"edited": True},
        }
        answer = await work.api.patch(f"/v1/jobs/{job_id}", json={"target": target, "delay_seconds": 0})
        assert answer.status_code == 200, answer.text
        work.promises[0] = msgspec.structs.replace(
            promise,
            path=f"{promise.path}-edited",
            method="PUT",
            body_sha256=hashlib.sha256(b'{"edited":true}').hexdigest(),
        )
        await work.ended()
    [arrival] = work.arrivals()
    assert (arrival.request.method, arrival.request.attempt) == ("PUT", 1)
    await work.check()
