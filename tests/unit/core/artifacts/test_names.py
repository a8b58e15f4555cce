"""A name of a file is safe to show, to put in a URL and to save as."""

import pytest

from core.artifacts import names
from core.artifacts.model import Reason, lost


@pytest.mark.parametrize("name", ["report.pdf", "Übersicht 2026 (1).csv", "a:b", "x" * 200, "日本.txt"])
def test_a_plain_name_is_kept_as_it_is(name: str) -> None:
    assert names.normal(name) == name


def test_a_name_is_kept_in_normal_form() -> None:
    assert names.normal("U\N{COMBINING DIAERESIS}.txt") == "Ü.txt"


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../x", "a/b", "a\\b", ".bashrc", "a\0b", "a\nb", "a\x1b[2J", "\u202egnp.exe",
        "\udcff",
        "x" * 201, "語" * 86, " a", "a ", "a\u2028b",
    ],
)  # fmt: skip
def test_anything_else_is_no_name(name: str) -> None:
    assert names.normal(name) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.pdf", "application/pdf"),
        ("a.mp4", "video/mp4"),
        ("a.csv.gz", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_a_name_suggests_its_content(name: str, kind: str) -> None:
    assert names.content_type(name) == kind


@pytest.mark.parametrize("kind", ["text/plain", "text/plain; charset=utf-8", "application/vnd.api+json"])
def test_content_types(kind: str) -> None:
    assert names.is_content_type(kind)


@pytest.mark.parametrize("kind", ["", "text", "text/", "text/plain\r\nSet-Cookie: a=b", "a/b; c", "Ä/b"])
def test_what_is_no_content_type(kind: str) -> None:
    assert not names.is_content_type(kind)


def test_a_lost_file_is_told_by_what_can_be_shown_of_its_name() -> None:
    assert lost("\udcffa\n\x1b[2J", Reason.UNSAFE_NAME).name == "\\udcffa??[2J"
    assert len(lost("x" * 5000, Reason.UNSAFE_NAME).name) == 120
