"""The page of results: written from the results alone, so it can be written again without measuring."""

from pathlib import Path

from benchmarks import plots, results
from benchmarks.aims import AIMS, Found
from benchmarks.plots import Bar
from benchmarks.programs import ROOT
from benchmarks.tables import ALL, GROWTH, PEERS, Row, Table

DOCS = ROOT / "docs"

_NAME = "Noonmark"

_INTRO = """# Benchmarks

Written by `make bench` from [its results](../benchmarks/results/latest.json); do not edit. Everything was
measured by real processes on one machine, with PostgreSQL's full durability (`synchronous_commit=on`), the
receiver and the load included. A figure is the median of its rounds, with the least and the most beside it.
On another machine all figures move; the ratios move less.

`make bench-quick` takes three minutes, `make bench` at most forty, `make bench-growth` and
`make bench-endurance` half an hour or so each. The peers need `node` with `npm` and, for bullmq,
`redis-server` (Debian: `apt-get install nodejs npm redis-server`); `wrk`, if it is there, says what the
receiver takes. redis runs without its append-only file: what bullmq has acknowledged is lost when it crashes,
unlike everybody else's. Each peer runs in the set-up that its documentation calls the fastest, and deletes
what is done; ours keeps every attempt and its answer.
"""


def write(found: Found, docs: Path = DOCS) -> None:
    """The page and its plots."""
    folder = docs / "benchmarks"
    folder.mkdir(exist_ok=True)
    for name, plot in drawn(found).items():
        (folder / name).write_text(plot)
    (docs / "benchmarks.md").write_text(rendered(found))


def rendered(found: Found) -> str:
    """The whole page."""
    parts = [_INTRO, _machine(found), _aims(found)]
    for table in ALL:
        parts.append(_table(table, found))
        parts += [f"![{table.title}](benchmarks/{name})\n" for name in _PLOTS.get(table.title, ())]
    return "\n".join(parts)


_PLOTS = {
    "Throughput": ("throughput.svg", "cost.svg"),
    "Lateness": ("lateness.svg",),
    "Growth": ("growth.svg",),
}


def drawn(found: Found) -> dict[str, str]:
    """The plots by file name."""
    rates, late = _bars("http_jobs_per_s", found), _bars("lateness_p99_ms", found)
    grown = [
        Bar(row.label, value, ours=True)
        for row in GROWTH.rows
        if (value := results.number(found, row.keys[0])) is not None
    ]
    return {
        "throughput.svg": plots.bars("HTTP jobs, one worker", "jobs/s, more is better", rates),
        "cost.svg": plots.bars("CPU of an HTTP job, with its store", "µs, less is better", _costs(found)),
        "lateness.svg": plots.bars("Lateness at 1,000 jobs/s", "p99 ms, less is better", late),
        "growth.svg": plots.bars("CPU of a job in a big database", "1 is a small one's", grown),
    }


def _bars(figure: str, found: Found) -> list[Bar]:
    """Ours and the peers' that were measured."""
    rows = [(_NAME, figure), *((name, f"peer_{slug}_{figure}") for slug, name in PEERS.items())]
    bars = []
    for label, key in rows:
        value = results.number(found, key)
        if value is not None:
            low, high = results.number(found, f"{key}_min"), results.number(found, f"{key}_max")
            bars.append(Bar(label, value, low, high, ours=label == _NAME))
    return bars


def _costs(found: Found) -> list[Bar]:
    """Of the worker and of what keeps its jobs, together."""
    rows = [(_NAME, "http_cpu_us_per_job", "http_pg_cpu_us_per_job")]
    rows += [
        (name, f"peer_{slug}_http_cpu_us_per_job", f"peer_{slug}_http_store_cpu_us_per_job")
        for slug, name in PEERS.items()
    ]
    bars = []
    for label, worker, store in rows:
        own, other = results.number(found, worker), results.number(found, store)
        if own is not None and other is not None:
            bars.append(Bar(label, own + other, ours=label == _NAME))
    return bars


def _machine(found: Found) -> str:
    said = {key.removeprefix("machine_"): value for key, value in found.items() if key.startswith("machine_")}
    when = [
        f"{key.removeprefix('measured_').removesuffix('_at')} {value}"
        for key, value in found.items()
        if key.startswith("measured_") and key.endswith("_at")
    ]
    lines = [f"- {name}: {value if isinstance(value, str) else f'{value:g}'}" for name, value in said.items()]
    return "\n".join(["## Machine", "", *lines, f"- measured: {', '.join(when)}", ""])


def _aims(found: Found) -> str:
    lines = ["## Aims", "", "| what | aim | measured | |", "|---|---|---|---|"]
    for aim in AIMS:
        value = aim.measured(found)
        bound = f"{'≤' if aim.at_most else '≥'} {aim.bound:,.4g}"
        seen = "not measured" if value is None else f"{value:,.3g}"
        verdict = "" if value is None else ("met" if aim.met(value) else "**missed**")
        lines.append(f"| {aim.says} | {bound} | {seen} | {verdict} |")
    return "\n".join([*lines, ""])


def _table(table: Table, found: Found) -> str:
    head = [f"## {table.title}", "", table.says, "", f"| {' | '.join(table.columns)} |"]
    rule = f"|{'---|' * len(table.columns)}"
    return "\n".join([*head, rule, *(_line(row, found) for row in table.rows), ""])


def _line(row: Row, found: Found) -> str:
    return f"| {' | '.join([row.label, *(_cell(key, found) for key in row.keys)])} |"


def _cell(key: str, found: Found) -> str:
    """A figure with its spread; why there is none, if somebody said."""
    if key == "-":
        return ""
    value = results.number(found, key)
    if value is None:
        return why_not(key, found)
    low, high = results.number(found, f"{key}_min"), results.number(found, f"{key}_max")
    spread = "" if low is None or high is None else f" ({_said(low)}–{_said(high)})"
    return _said(value) + spread


def why_not(key: str, found: Found) -> str:
    """`not run: …` of a peer that could not run here."""
    for slug in PEERS:
        if key.startswith(f"peer_{slug}_") and isinstance(why := found.get(f"peer_{slug}"), str):
            return f"not run: {why}"
    return "not measured"


def _said(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
