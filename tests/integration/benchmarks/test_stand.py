"""The test stand, its receiver and a small measurement of each kind."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks import costs, growing, lateness, modes, stand, throughput
from benchmarks.figures import Tally
from benchmarks.modes import Scale
from benchmarks.programs import Broken, Program, python
from benchmarks.receiver.control import Receiver
from benchmarks.stand import Stand


@pytest.fixture
async def opened() -> AsyncIterator[Stand]:
    async with stand.opened() as made:
        yield made


@pytest.mark.heavy
async def test_a_backlog_is_drained_and_its_cost_is_known(opened: Stand) -> None:
    cost = await throughput.http(opened, 2000)
    assert cost.jobs_per_s > 0 and cost.cpu_us_per_job > 0 and cost.pg_cpu_us_per_job > 0
    assert cost.wal_bytes_per_job > 100 and cost.buffers_per_job > 1


@pytest.mark.heavy
async def test_no_call_comes_before_its_instant_and_none_is_missing(opened: Stand) -> None:
    late = await lateness.steady(opened, rate=200.0, seconds=1.0)
    assert (late.early, late.missing) == (0, 0)


@pytest.mark.heavy
async def test_the_contenders_without_http_say_their_marks(opened: Stand) -> None:
    for contender in (throughput.bare_loop, throughput.unsent):
        assert (await contender(opened, 1500))["jobs_per_s"] > 0


async def test_a_program_that_ends_early_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no')"]
    async with Program("broken", command, {}, folder=tmp_path) as program:
        with pytest.raises(Broken, match="no"):
            await program.line()


async def test_the_receiver_process_counts_a_raw_senders_calls(tmp_path: Path) -> None:
    receiver = await Receiver.started(tmp_path, {})
    try:
        command = python("benchmarks.raw_sender", receiver.url(), "200", "8")
        async with Program("raw-sender", command, {}, folder=tmp_path) as sender:
            await receiver.until(200, sender)
            assert len(await receiver.ledger()) == 200
    finally:
        await receiver.close()


def test_the_cpu_of_a_process_grows_as_it_works() -> None:
    before = costs.of_process(os.getpid())
    sum(index * index for index in range(3_000_000))
    assert costs.of_process(os.getpid()) > before


@pytest.mark.heavy
@pytest.mark.timeout(300)
async def test_the_quick_mode_finds_every_figure_it_is_for(opened: Stand) -> None:
    found = await modes.quick(opened, Scale(jobs=1500, rounds=1, seconds=1.0), Tally())
    assert found.keys() >= {
        "http_jobs_per_s",
        "raw_sender_per_s",
        "cpu_us_per_job",
        "pg_cpu_us_per_job",
        "lateness_p50_ms",
        "lateness_p99_ms",
        "api_create_per_s",
        "api_bare_insert_per_s",
        "idle_scheduler_statements_per_s",
    }
    assert (found["lateness_early"], found["api_create_refused"]) == (0, 0)


@pytest.mark.heavy
async def test_a_database_grows_by_copies_of_what_the_product_wrote(opened: Stand) -> None:
    async with opened.room() as room:
        await growing.timers(room, 1000)
        assert await room.db.fetchval("SELECT count(*) FROM timers JOIN jobs ON jobs.id = job_id") == 1001
