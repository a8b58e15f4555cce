"""Small rules of single measurements: marks, instants, ratios, copies, logs."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import aims, endurance, growing, growth, lateness, machine, marks, statement_log, work
from benchmarks.marks import Marks
from benchmarks.peers import contest
from benchmarks.peers.store import HERE
from benchmarks.programs import ROOT
from benchmarks.readings import Cost
from benchmarks.tables import ALL, PEERS


def test_marks_are_said_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    counting = Marks(100)
    for _ in range(100):
        counting.add(1)
    said = [marks.parse(line)[0] for line in capsys.readouterr().out.splitlines()]
    assert said == [15, 85]


@pytest.mark.parametrize("size", [100, 1024])
def test_a_body_is_json_of_the_size_that_was_asked_for(size: int) -> None:
    body = work.body(size)
    assert len(body) == size and json.loads(body)["invoice"] == 1042


def test_a_steady_rate_has_even_steps() -> None:
    assert lateness.spread(10.0, 4.0, 1.0) == [10.0, 10.25, 10.5, 10.75]


def test_second_calls_leave_out_the_first_of_each_job() -> None:
    calls = [("a", 1.0), ("b", 1.5), ("a", 2.0), ("b", 3.0)]
    assert list(lateness.second_calls(calls)) == [("a", 2.0), ("b", 3.0)]


def test_growth_is_the_ratio_of_medians() -> None:
    small = Cost(1000.0, 10.0, 30.0, 0.1, 5.0, 100.0)
    big = Cost(500.0, 10.0, 70.0, 0.1, 10.0, 100.0)
    found = growth.ratios([small, small, big], [big])
    assert (found["ratio"], found["buffers_ratio"], found["rate_ratio"]) == (2.0, 2.0, 0.5)


def test_a_copy_has_every_column_and_what_is_replaced() -> None:
    statement = growing.copying("timers", ["job_id", "due_at"], "job_id", {"job_id": "g.id"})
    assert statement.startswith("INSERT INTO timers (job_id, due_at) SELECT g.id, s.due_at FROM")


def test_claims_are_found_in_the_log_with_their_time() -> None:
    log = (
        "2026-11-22 02:00:00.500 UTC [7] LOG:  duration: 1.250 ms  execute __a__: \n"
        "\tWITH picked AS (\n\t...)\n\tINSERT INTO leases (job_id) SELECT 1\n"
        "2026-11-22 02:00:01.000 UTC [7] LOG:  duration: 9.000 ms  execute __b__: SELECT 1\n"
    )
    [(at, took)] = statement_log.durations(log, statement_log.CLAIM)
    assert took == 1.25 and at % 1 == 0.5


def test_the_first_and_the_last_tenth_are_compared() -> None:
    timed = [(float(second), 1.0 if second < 50 else 4.0) for second in range(101)]
    assert endurance.tenths(timed) == (1.0, 4.0)


def test_the_machine_is_described_without_its_name() -> None:
    said = " ".join(str(value) for value in machine.described("18.6").values())
    assert "18.6" in said and "/" not in said.replace("(R)", "")


def test_every_figure_of_an_aim_stands_on_the_page() -> None:
    shown = {key for table in ALL for row in table.rows for key in row.keys}
    source = Path(aims.__file__).read_text()
    asked = set(re.findall(r'"((?:[a-z]+_)+[a-z0-9]+)"', source)) - shown
    assert asked <= {
        "best_peer_http_jobs_per_s",
        "cpu_us_per_job",
        "pg_cpu_us_per_job",
        "pinned_claim_p99_ratio",
        "wal_create_and_run",
    }


def test_the_page_knows_every_peer() -> None:
    assert {contest.slug(peer) for peer in contest.PEERS} == set(PEERS)


def test_no_lock_of_the_peers_names_a_registry() -> None:
    locks = [HERE / "package-lock.json", ROOT / "requirements" / "bench.txt"]
    assert not any(re.search(r'https?://[^"\s]+\.(tgz|whl|gz)', lock.read_text()) for lock in locks)
