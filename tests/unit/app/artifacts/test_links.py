"""A link opens one file for one purpose until one instant."""

from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from app.artifacts.links import Links, Purpose

ID, OTHER = UUID(int=1), UUID(int=2)
LINKS = Links(b"k" * 32, origin="https://noonmark.example")


def signature(url: str) -> str:
    return parse_qs(urlsplit(url).query)["signature"][0]


def test_a_link_of_ours_is_known() -> None:
    url = LINKS.make(Purpose.UPLOAD, ID, expires=7)
    assert url.startswith(f"https://noonmark.example/v1/artifacts/{ID}/content?expires=7&signature=")
    assert LINKS.is_ours(Purpose.UPLOAD, ID, 7, signature(url))


def test_a_changed_one_is_not() -> None:
    signed = signature(LINKS.make(Purpose.UPLOAD, ID, expires=7))
    assert not LINKS.is_ours(Purpose.DOWNLOAD, ID, 7, signed)
    assert not LINKS.is_ours(Purpose.UPLOAD, OTHER, 7, signed)
    assert not LINKS.is_ours(Purpose.UPLOAD, ID, 8, signed)
    assert not LINKS.is_ours(Purpose.UPLOAD, ID, 7, signed[:-1])
    assert not LINKS.is_ours(Purpose.UPLOAD, ID, 7, "ü")
    assert not Links(b"x" * 32, origin="").is_ours(Purpose.UPLOAD, ID, 7, signed)
