"""Which first bytes are those of a video."""

import pytest

from app.videos.sniffing import HEAD_BYTES, is_video

_TS = (b"G" + b"\0" * 187) * 6
_M2TS = (b"\0\0\0\0G" + b"\0" * 187) * 6


@pytest.mark.parametrize(
    "head",
    [
        b"\0\0\0\x20ftypisom" + b"\0" * 40,
        b"\0\0\0\x08wide\0\0\0\0mdat",
        b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81",
        b"RIFF\0\0\0\0AVI LIST",
        b"FLV\x01\x05",
        b"OggS\0\x02",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9",
        b"\0\0\x01\xba\x44",
        _TS[:HEAD_BYTES],
        _M2TS[:HEAD_BYTES],
    ],
    ids=lambda head: repr(head[:12]),
)
def test_a_video_is_known_by_its_packing(head: bytes) -> None:
    assert is_video(head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"just a text\n" * 20,
        b"GGGG",
        b"G" * 100,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 20,
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"GIF89a",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"ID3\x04",
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"<?xml version='1.0'?><MPD>",
        b"PK\x03\x04",
        b"\x7fELF",
    ],
    ids=lambda head: repr(head[:12]),
)
def test_anything_else_is_turned_away(head: bytes) -> None:
    assert not is_video(head)
