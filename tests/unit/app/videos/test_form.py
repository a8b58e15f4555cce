"""Reading a form while it arrives, in pieces of every size."""

from collections.abc import AsyncIterator

import pytest

from app.errors import Rejected
from app.videos import form
from app.videos.form import Form, Pieces

FILE = b"a file\r\n--not the end\r\n-- of it" * 3


def part(name: str, content: bytes, *, file: str | None = None) -> bytes:
    named = f'; filename="{file}"' if file is not None else ""
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def whole(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b--\r\n"


async def in_pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def kept(name: str, pieces: Pieces) -> tuple[str, bytes]:
    return name, b"".join([piece async for piece in pieces])


async def read(body: bytes, *, size: int = 10_000) -> Form[tuple[str, bytes]]:
    return await form.read(in_pieces(body, size), "b", file="video", keep=kept)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
async def test_a_form_is_the_same_in_pieces_of_any_size(size: int) -> None:
    body = whole(part("quality", b"720p"), part("video", FILE, file="a.mp4"), part("format", "ü".encode()))
    read_ = await read(body, size=size)
    assert (read_.fields, read_.file) == ({"quality": "720p", "format": "ü"}, ("a.mp4", FILE))


async def test_fields_may_come_after_the_file() -> None:
    read_ = await read(whole(part("video", FILE, file="a.mp4"), part("quality", b"4k")))
    assert (read_.fields, read_.file) == ({"quality": "4k"}, ("a.mp4", FILE))


async def test_a_form_without_a_file_is_told_apart() -> None:
    assert (await read(whole(part("quality", b"720p")))).file is None
    assert (await read(b"--b--\r\n")).file is None


async def test_a_file_is_handed_on_while_it_arrives() -> None:
    taken: list[str] = []

    async def body() -> AsyncIterator[bytes]:
        head, _, rest = whole(part("video", b"x" * 100, file="a")).partition(b"x")
        yield head + b"x"
        taken.append("sent")
        yield rest

    async def keep(name: str, pieces: Pieces) -> None:
        while await anext(pieces, None):
            taken.append("taken")

    await form.read(body(), "b", file="video", keep=keep)
    assert taken[:2] == ["taken", "sent"]


async def test_whoever_keeps_a_file_may_refuse_it_and_nothing_more_is_read() -> None:
    read_from: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        async for piece in in_pieces(whole(part("video", b"x" * 10_000, file="a")), 100):
            read_from.append(len(piece))
            yield piece

    async def keep(name: str, pieces: Pieces) -> None:
        await anext(pieces)
        raise Rejected(413, "payload_too_large", "Too large.")

    with pytest.raises(Rejected) as refusal:
        await form.read(body(), "b", file="video", keep=keep)
    assert refusal.value.status == 413
    assert len(read_from) <= 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        part("video", FILE, file="a.mp4"),
        whole(part("quality", b"720p"), part("quality", b"4k")),
        whole(part("video", b"1", file="a"), part("video", b"2", file="b")),
        whole(part("video", b"no file")),
        whole(part("quality", b"x" * 2_000)),
        whole(part("quality", b"\xff")),
        whole(*[part(f"f{number}", b"") for number in range(20)]),
        b'--b\r\nContent-Disposition: form-data; name="quality"\r\nX: '
        + b"x" * 10_000
        + b"\r\n\r\n1\r\n--b--",
        b"--b\r\n\r\nno disposition\r\n--b--\r\n",
    ],
    ids=lambda body: repr(body[-30:]),
)
async def test_what_is_no_form_of_ours_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected) as refusal:
        await read(body)
    assert (refusal.value.status, refusal.value.code) == (400, "bad_request")


@pytest.mark.parametrize(
    ("media_type", "parameters"),
    [
        ("application/json", {}),
        ("application/x-www-form-urlencoded", {}),
        ("multipart/form-data", {}),
        ("multipart/mixed", {"boundary": "b"}),
        ("multipart/form-data", {"boundary": "b\n"}),
        ("multipart/form-data", {"boundary": "b" * 71}),
    ],
)
def test_another_kind_of_body_is_not_taken(media_type: str, parameters: dict[str, str]) -> None:
    with pytest.raises(Rejected) as refusal:
        form.boundary(media_type, parameters)
    assert refusal.value.status == 415


def test_the_boundary_is_as_it_was_sent() -> None:
    assert form.boundary("multipart/form-data", {"boundary": "----WebKitFormBoundaryA1"}) == (
        "----WebKitFormBoundaryA1"
    )
