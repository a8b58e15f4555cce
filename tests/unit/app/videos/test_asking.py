"""What the fields of an upload say, and what its files are called."""

import pytest

from app.videos.asking import Asked, asked, input_name, output_name
from core.errors import Invalid
from core.jobs.videos import Format, Quality, Wish


@pytest.mark.parametrize(
    ("fields", "means"),
    [
        ({}, Asked()),
        ({"quality": "4k", "format": "webm"}, Asked(quality=Quality.ULTRA_HD, format=Format.WEBM)),
        ({"quality": "1080p", "priority": "10"}, Asked(quality=Quality.FULL_HD, priority=10)),
        ({"priority": "critical"}, Asked(priority="critical")),
    ],
    ids=str,
)
def test_fields_say_what_is_to_be_made(fields: dict[str, str], means: Asked) -> None:
    assert asked(fields) == means


@pytest.mark.parametrize(
    ("fields", "places"),
    [
        ({"quality": "../../x"}, {"/quality": "not_allowed"}),
        ({"quality": "720P"}, {"/quality": "not_allowed"}),
        ({"quality": ""}, {"/quality": "not_allowed"}),
        ({"format": "mkv"}, {"/format": "not_allowed"}),
        ({"priority": "101"}, {"/priority": "not_allowed"}),
        ({"priority": "-1"}, {"/priority": "not_allowed"}),
        ({"priority": "²"}, {"/priority": "not_allowed"}),
        ({"a/b": "1"}, {"/a~1b": "unknown_field"}),
        (
            {"quality": "8k", "format": "gif", "priority": "x", "": ""},
            {
                "/quality": "not_allowed",
                "/format": "not_allowed",
                "/priority": "not_allowed",
                "/": "unknown_field",
            },
        ),
    ],
    ids=str,
)
def test_every_field_that_says_something_else_is_told(fields: dict[str, str], places: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refusal:
        asked(fields)
    assert {fault.pointer: fault.code for fault in refusal.value.faults} == places


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("holiday.mov", "holiday.mov"),
        ("C:\\Users\\me\\holiday.mov", "holiday.mov"),
        ("../../etc/passwd", "passwd"),
        ("a/..", "video"),
        (".hidden", "video"),
        ("", "video"),
        ("x\ny.mp4", "video"),
        ("x" * 500, "video"),
        ("Ferien – Zürich.mp4", "Ferien – Zürich.mp4"),
    ],
)
def test_a_video_has_a_name_without_a_path(given: str, name: str) -> None:
    assert input_name(given) == name


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("holiday.mov", "holiday-720p.mp4"),
        ("video", "video-720p.mp4"),
        ("a.b.c", "a.b-720p.mp4"),
        ("x" * 200, "x" * 120 + "-720p.mp4"),
        ("", "video-720p.mp4"),
    ],
)
def test_what_comes_of_it_is_called_after_it(given: str, name: str) -> None:
    assert output_name(Wish(input=given)) == name
