"""What each mode measures and how hard."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from benchmarks import api, ceiling, code, endurance, growth, idle, lateness, memory, throughput
from benchmarks.figures import Flat, Lateness, Tally
from benchmarks.peers import contest, store
from benchmarks.stand import Stand

_RATE = 1000.0
_SLOW_RATE = 100.0
_TIMERS = 10_000_000
_FINISHED = 5_000_000
_BACKLOG = 1_000_000


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how often."""

    jobs: int
    rounds: int
    seconds: float
    """Of each rate and each kind of request."""


QUICK = Scale(jobs=12_000, rounds=2, seconds=4.0)
FULL = Scale(jobs=40_000, rounds=3, seconds=10.0)
GROWTH = Scale(jobs=20_000, rounds=3, seconds=0.0)
ENDURANCE = Scale(jobs=_BACKLOG, rounds=1, seconds=600.0)

Measure = Callable[[Stand, Scale, Tally], Awaitable[Flat]]


async def quick(stand: Stand, scale: Scale, tally: Tally) -> Flat:
    """One scheduler beside its limits, punctuality at 1,000 a second, the API, idling."""
    contenders = {name: throughput.OURS[name] for name in ("http_", "raw_sender_", "bare_loop_")}
    await throughput.rounds(stand, contenders, count=scale.jobs, times=scale.rounds, tally=tally)
    tell(tally, "lateness_", await lateness.steady(stand, rate=_RATE, seconds=scale.seconds))
    every(tally, await api.rates(stand, scale.seconds))
    every(tally, await idle.costs(stand, scale.seconds))
    return named(tally)


async def full(stand: Stand, scale: Scale, tally: Tally) -> Flat:
    """Everything but what takes hours, with the peers."""
    told = {peer: why for peer in contest.PEERS if (why := store.missing(peer))}
    here = [peer for peer in contest.PEERS if peer not in told]
    every(tally, await ceiling.rates(stand, scale.seconds))
    contenders = dict(throughput.OURS)
    for peer in here:
        contenders |= contest.contenders(peer)
    await throughput.rounds(stand, contenders, count=scale.jobs, times=scale.rounds, tally=tally)
    await _punctuality(stand, scale, tally, here)
    for _ in range(scale.rounds):
        every(tally, await api.rates(stand, scale.seconds))
    every(tally, await idle.costs(stand, 3 * scale.seconds))
    every(tally, {"memory_": await memory.in_flight(stand), "wal_": await throughput.wal(stand, scale.jobs)})
    await _code(stand, scale, tally)
    every(tally, await _timers(stand, scale))
    return (
        named(tally) | best(tally, here) | {f"peer_{contest.slug(peer)}": why for peer, why in told.items()}
    )


async def _punctuality(stand: Stand, scale: Scale, tally: Tally, peers: list[str]) -> None:
    half = tally.median("http_jobs_per_s") / 2
    for _ in range(scale.rounds):
        for prefix, rate in (("lateness_100_", _SLOW_RATE), ("lateness_", _RATE), ("lateness_half_", half)):
            tell(tally, prefix, await lateness.steady(stand, rate=rate, seconds=scale.seconds))
        tell(tally, "lateness_at_once_", await lateness.at_once(stand, 10_000))
        tell(tally, "lateness_retries_", await lateness.retries(stand, rate=_RATE, seconds=2.0))
        for peer in peers:
            late = await contest.lateness(stand, peer, rate=_RATE, seconds=scale.seconds)
            tell(tally, f"peer_{contest.slug(peer)}_lateness_", late)


async def _code(stand: Stand, scale: Scale, tally: Tally) -> None:
    for _ in range(scale.rounds):
        every(tally, {"code_process_": await code.processes(stand.folder / "attempts")})
        if code.has_engine():
            every(tally, {"code_docker_": await code.containers(stand.folder / "attempts")})
        for name, printers in (("code_quiet_", 0), ("code_printing_", code.PRINTERS)):
            every(tally, {name: await code.beside_printers(stand, scale.jobs // 2, printers=printers)})


async def _timers(stand: Stand, scale: Scale) -> dict[str, Mapping[str, float]]:
    found = await growth.timers(stand, grown=_TIMERS, jobs=scale.jobs // 2, times=scale.rounds)
    return {"timers_10m_": found}


async def grown(stand: Stand, scale: Scale, tally: Tally) -> Flat:
    """Costs per job when there is much of everything."""
    every(tally, await growth.tenants(stand, [100, 10_000], jobs=scale.jobs, times=scale.rounds))
    every(tally, await growth.replicas(stand, [2, 4, 8], jobs=2 * scale.jobs, times=scale.rounds))
    every(tally, await _timers(stand, scale))
    finished = await growth.finished(stand, grown=_FINISHED, jobs=scale.jobs, times=scale.rounds)
    every(tally, {"finished_5m_": finished})
    return tally.flat()


async def endured(stand: Stand, scale: Scale, tally: Tally) -> Flat:
    """A pinned transaction, a backlog of a million, a soak."""
    every(tally, {"pinned_": await endurance.pinned(stand, scale.seconds)})
    every(tally, {"backlog_1m_": await endurance.backlog(stand, scale.jobs)})
    every(tally, {"soak_": await endurance.soak(stand, scale.seconds)})
    return tally.flat()


def tell(tally: Tally, prefix: str, late: Lateness) -> None:
    """Enter one measurement of lateness."""
    every(tally, {prefix: msgspec.structs.asdict(late)})


def every(tally: Tally, found: Mapping[str, Mapping[str, float]]) -> None:
    """Enter what a section found, by prefix."""
    for prefix, values in found.items():
        tally.add(prefix, values)
        shown = ", ".join(f"{name} {value:,.2f}" for name, value in values.items())
        print(f"  {prefix.rstrip('_'):25} {shown}", flush=True)


def named(tally: Tally) -> Flat:
    """All figures, with the short names by which the main ones are known."""
    flat = tally.flat()
    flat["cpu_us_per_job"] = flat["http_cpu_us_per_job"]
    flat["pg_cpu_us_per_job"] = flat["http_pg_cpu_us_per_job"]
    return flat


def best(tally: Tally, peers: list[str]) -> Flat:
    """The fastest peer over HTTP."""
    rates = {peer: tally.median(f"peer_{contest.slug(peer)}_http_jobs_per_s") for peer in peers}
    if not rates:
        return {"best_peer": "none was run"}
    first = max(rates, key=lambda peer: rates[peer])
    return {"best_peer": first, "best_peer_http_jobs_per_s": rates[first]}
