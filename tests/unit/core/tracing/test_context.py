"""Reading and writing `traceparent`."""

import pytest

from core.tracing.context import Context, parse, stored, write

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("flags", "sampled"), [("01", True), ("00", False), ("03", True), ("02", False), ("ff", True)]
)
def test_a_traceparent_names_a_span_and_whether_it_is_recorded(flags: str, sampled: bool) -> None:
    assert parse(f"00-{TRACE}-{SPAN}-{flags}") == Context(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        TRACE,
        f"00-{TRACE}-{SPAN}",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
    ],
)
def test_what_is_no_traceparent_names_nothing(text: str | None) -> None:
    assert parse(text) is None


def test_a_version_to_come_may_say_more() -> None:
    assert parse(f"01-{TRACE}-{SPAN}-01-more") == Context(TRACE, SPAN, sampled=True)


@pytest.mark.parametrize("sampled", [True, False])
def test_what_is_written_reads_the_same(sampled: bool) -> None:
    context = Context(TRACE, SPAN, sampled)
    assert parse(write(context)) == stored(write(context)) == context


def test_a_row_that_holds_only_a_trace_still_belongs_to_it() -> None:
    found = stored(TRACE)
    assert found is not None
    assert (found.trace_id, found.sampled) == (TRACE, True)
    assert parse(write(found)) == found


@pytest.mark.parametrize("text", [None, "", "t", "0" * 32])
def test_a_row_without_a_trace_belongs_to_none(text: str | None) -> None:
    assert stored(text) is None
