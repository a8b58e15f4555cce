"""One range of bytes is understood; anything else is as if it had not been asked for."""

import pytest

from app.artifacts.ranges import Span, Unsatisfiable, wanted

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=0-9", Span(0, 10)),
        ("bytes=3-", Span(3, 7)),
        ("bytes=3-99999", Span(3, 7)),
        ("bytes=-4", Span(6, 4)),
        ("bytes=-99", Span(0, 10)),
        ("Bytes=9-9", Span(9, 1)),
        ("bytes=10-", Unsatisfiable()),
        ("bytes=-0", Unsatisfiable()),
        (None, None),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=٣-٤", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_what_is_asked_of_ten_bytes(header: str | None, expected: object) -> None:
    assert wanted(header, None, size=10, etag=ETAG) == expected


def test_an_empty_file_has_no_range() -> None:
    assert wanted("bytes=0-", None, size=0, etag=ETAG) == Unsatisfiable()
    assert wanted("bytes=-5", None, size=0, etag=ETAG) == Unsatisfiable()


def test_a_range_of_another_content_is_the_whole() -> None:
    assert wanted("bytes=0-0", '"other"', size=10, etag=ETAG) is None
    assert wanted("bytes=0-0", ETAG, size=10, etag=ETAG) == Span(0, 1)
