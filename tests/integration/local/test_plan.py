"""The ports that `make up` takes, and the settings it does not take."""

import socket
from collections.abc import Iterator

import pytest

from local import plan
from local.refusal import Refusal


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_is_taken_is_refused_by_its_number(taken: int) -> None:
    with pytest.raises(Refusal, match=f"port {taken} is taken"):
        plan.read({"PORT": str(taken)})


def test_port_zero_takes_a_free_one() -> None:
    assert plan.free(plan.read({"PORT": "0"}).port)


def test_unchosen_metrics_ports_go_around_what_is_taken(taken: int) -> None:
    chosen = plan.read({"PORT": "0", "SCHEDULERS": "3"})
    assert len(set(chosen.metrics_ports)) == 4
    assert taken not in chosen.metrics_ports


def test_a_chosen_metrics_port_that_is_taken_is_refused_by_its_variable(taken: int) -> None:
    with pytest.raises(Refusal, match="NOONMARK_METRICS_PORT"):
        plan.read({"PORT": "0", "NOONMARK_METRICS_PORT": str(taken)})


def test_metrics_can_be_off() -> None:
    assert plan.read({"PORT": "0", "NOONMARK_METRICS_PORT": "0"}).metrics_ports == [0, 0]


@pytest.mark.parametrize("name", ["PORT", "SCHEDULERS", "NOONMARK_DRAIN_SECONDS"])
def test_a_setting_that_is_no_number_is_named(name: str) -> None:
    with pytest.raises(Refusal, match=name):
        plan.read({name: "many"})
