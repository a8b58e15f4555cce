"""What each mode measures and how hard."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from benchmarks import api, idle, lateness, throughput
from benchmarks.figures import Flat, Lateness, Tally
from benchmarks.stand import Stand

_RATE = 1000.0


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how often."""

    jobs: int
    rounds: int
    seconds: float
    """Of each rate and each kind of request."""


QUICK = Scale(jobs=12_000, rounds=2, seconds=4.0)
FULL = Scale(jobs=40_000, rounds=5, seconds=10.0)

Measure = Callable[[Stand, Scale, Tally], Awaitable[Flat]]


async def quick(stand: Stand, scale: Scale, tally: Tally) -> Flat:
    """One scheduler beside its limits, punctuality at 1,000 a second, the API's create, idling."""
    contenders = {name: throughput.OURS[name] for name in ("http_", "raw_sender_", "bare_loop_")}
    await throughput.rounds(stand, contenders, count=scale.jobs, times=scale.rounds, tally=tally)
    tell(tally, "lateness_", await lateness.steady(stand, rate=_RATE, seconds=scale.seconds))
    every(tally, await api.rates(stand, scale.seconds))
    every(tally, await idle.costs(stand, scale.seconds))
    return named(tally)


def tell(tally: Tally, prefix: str, late: Lateness) -> None:
    """Enter one measurement of lateness."""
    tally.add(prefix, msgspec.structs.asdict(late))
    print(f"  {prefix.rstrip('_'):25} p50 {late.p50_ms:.2f} p99 {late.p99_ms:.2f} max {late.max_ms:.1f} ms")


def every(tally: Tally, found: Mapping[str, Mapping[str, float]]) -> None:
    """Enter what a section found, by prefix."""
    for prefix, values in found.items():
        tally.add(prefix, values)
        shown = ", ".join(f"{name} {value:,.1f}" for name, value in values.items())
        print(f"  {prefix.rstrip('_'):25} {shown}")


def named(tally: Tally) -> Flat:
    """All figures, with the short names by which the main ones are known."""
    flat = tally.flat()
    for short, long in (
        ("cpu_us_per_job", "http_cpu_us_per_job"),
        ("pg_cpu_us_per_job", "http_pg_cpu_us_per_job"),
    ):
        if long in flat:
            flat[short] = flat[long]
    return flat
