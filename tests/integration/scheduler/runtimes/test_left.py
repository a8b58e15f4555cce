"""What an attempt leaves is looked at with care: nothing but plain files with plain names is kept."""

import os
import socket
from pathlib import Path

import pytest

from core.artifacts.model import MOST_BYTES, MOST_FILES, Lost, Reason
from scheduler.runtimes import left
from scheduler.runtimes.left import Found, Left

LARGEST = 1024


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def look(out: Path, *, largest: int = LARGEST) -> Found:
    return left.look(out.parent, largest=largest)


def test_plain_files_are_found_in_the_order_of_their_names(out: Path) -> None:
    (out / "b.txt").write_bytes(b"two")
    (out / "a.txt").write_bytes(b"")
    (out / "result.json").write_bytes(b"{}")
    assert look(out) == Found([Left("a.txt", "a.txt", 0), Left("b.txt", "b.txt", 3)], [])


def test_nothing_is_nothing(out: Path) -> None:
    assert look(out) == Found([], [])
    out.rmdir()
    assert look(out) == Found([], [])


def test_what_is_no_plain_file_is_neither_followed_nor_opened(out: Path) -> None:
    (out / "link").symlink_to("/etc/passwd")
    (out / "folder").mkdir()
    os.mkfifo(out / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(out / "socket"))
        found = look(out)
    expected = [Lost(name, Reason.NOT_A_FILE) for name in ("folder", "link", "pipe", "socket")]
    assert found == Found([], expected)


def test_a_folder_that_was_replaced_by_a_link_is_not_followed(out: Path) -> None:
    out.rmdir()
    out.symlink_to("/etc")
    assert look(out) == Found([], [Lost("*", Reason.UNREADABLE)])


@pytest.mark.parametrize("name", [b"\xff", b"a\nb", b"..\\..\\etc", b".hidden"])
def test_a_name_that_is_none_is_told_and_not_kept(out: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(out) + b"/" + name)).write_bytes(b"x")
    found = look(out)
    assert (found.files, [one.reason for one in found.lost]) == ([], [Reason.UNSAFE_NAME])
    assert found.lost[0].name.isprintable()


def test_two_names_that_are_one_in_normal_form_are_one_file(out: Path) -> None:
    for name in ("U\N{COMBINING DIAERESIS}", "Ü"):
        (out / name).write_bytes(b"x")
    found = look(out)
    assert [one.name for one in found.files] == ["Ü"]
    assert [one.reason for one in found.lost] == [Reason.UNSAFE_NAME]


def test_a_file_of_too_many_bytes_is_told(out: Path) -> None:
    (out / "large").write_bytes(b"x" * (LARGEST + 1))
    (out / "small").write_bytes(b"x" * LARGEST)
    found = look(out)
    assert [one.name for one in found.files] == ["small"]
    assert found.lost == [Lost("large", Reason.TOO_LARGE)]


def test_only_so_many_files_are_kept_and_of_endless_ones_not_all_are_looked_at(out: Path) -> None:
    for number in range(11 * MOST_FILES):
        (out / f"{number:05}").touch()
    found = look(out)
    assert len(found.files) == MOST_FILES
    assert len(found.lost) <= 9 * MOST_FILES + 1
    assert {one.reason for one in found.lost} == {Reason.TOO_MANY}


def test_only_so_many_bytes_are_kept(out: Path) -> None:
    for name in "ab":
        with (out / name).open("wb") as file:
            file.truncate(MOST_BYTES // 2 + 1)
    found = look(out, largest=MOST_BYTES)
    assert [one.name for one in found.files] == ["a"]
    assert found.lost == [Lost("b", Reason.TOO_MANY)]


def test_a_file_that_was_exchanged_is_not_opened(out: Path) -> None:
    (out / "a").write_bytes(b"x")
    assert look(out).files
    (out / "a").unlink()
    os.mkfifo(out / "a")
    with pytest.raises(OSError), left.opened(out.parent, "a"):
        pass
    (out / "a").unlink()
    (out / "a").symlink_to("/etc/passwd")
    with pytest.raises(OSError), left.opened(out.parent, "a"):
        pass
