"""An attempt's folder: made, locked, found abandoned, and removed whatever was left in it."""

import fcntl
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from scheduler.runtimes import folder, removal
from scheduler.runtimes.folder import Folder, Name
from tests.integration.scheduler.runtimes.attempts import NOBODY, PYTHON

_ONE, _TWO = UUID(int=1), UUID(int=2)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "attempts"


@pytest.fixture
def made(root: Path) -> Iterator[Folder]:
    made = folder.make(root, _name(), b'{"a": 1}')
    yield made
    made.remove()


def _name() -> Name:
    return Name(uuid4(), 3, uuid4())


def test_a_folder_holds_params_that_cannot_be_written_and_a_place_for_output(made: Folder) -> None:
    assert (made.path / "params.json").read_bytes() == b'{"a": 1}'
    assert stat.S_IMODE((made.path / "params.json").stat().st_mode) == 0o444
    assert sorted(os.listdir(made.path)) == ["out", "params.json"]


def test_nobody_else_may_look_into_it_whatever_the_umask(root: Path) -> None:
    before = os.umask(0)
    try:
        made = folder.make(root, _name(), b"null")
    finally:
        os.umask(before)
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(root.stat().st_mode) == 0o711
    made.remove()


def test_a_name_says_whose_it_is() -> None:
    name = _name()
    assert folder.parse(str(name)) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "out",
        f"{_ONE}-{_TWO}",
        f"{_ONE}-x-{_TWO}",
        f"{_ONE}-01-{_TWO}",
        f"{_ONE.hex}-1-{_TWO}",
        f"{_ONE}-1-{_TWO}-",
    ],
)
def test_other_names_are_no_attempts(name: str) -> None:
    assert folder.parse(name) is None


def test_no_lease_has_two_folders(root: Path) -> None:
    name = _name()
    made = folder.make(root, name, b"null")
    with pytest.raises(FileExistsError):
        folder.make(root, name, b"null")
    made.remove()


def test_removing_takes_all_and_may_be_repeated(made: Folder) -> None:
    (made.path / "out" / "file").write_text("x")
    assert made.remove()
    assert not made.path.exists()
    assert made.remove()


def test_links_are_removed_and_never_followed(made: Folder, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep")
    (made.path / "link").symlink_to(precious)
    (made.path / "out" / "link").symlink_to(precious / "file")
    assert made.remove()
    assert (precious / "file").read_text() == "keep"


def test_a_folder_that_was_replaced_by_a_link_is_only_a_link(made: Folder, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep")
    made.path.rename(tmp_path / "elsewhere")
    made.path.symlink_to(precious)
    assert made.remove()
    assert not os.path.lexists(made.path)
    assert (precious / "file").read_text() == "keep"


def test_closed_folders_are_opened_up_and_removed(made: Folder) -> None:
    inner = made.path / "out" / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").write_text("x")
    for closed in (inner, inner.parent, made.path / "out", made.path):
        closed.chmod(0)
    assert made.remove()
    assert not os.path.lexists(made.path)


@pytest.mark.parametrize("mode", [0o000, 0o500, 0o300])
def test_an_ordinary_user_can_remove_what_was_closed(tmp_path: Path, mode: int) -> None:
    """In a process of its own, which is nobody if we are root: root passes through closed folders anyway."""
    made = folder.make(tmp_path / "attempts", _name(), b"null")
    inner = made.path / "out" / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").write_text("x")
    (made.path / "out" / "c").mkdir()
    for closed in (inner, inner.parent, made.path / "out" / "c", made.path / "out"):
        closed.chmod(mode)
    if os.geteuid() == 0:
        for path in (tmp_path / "attempts").rglob("*"):
            os.chown(path, *NOBODY)
        os.chown(tmp_path / "attempts", *NOBODY)
    assert _removed_as_an_ordinary_user(made.path.name, tmp_path / "attempts")
    assert os.listdir(tmp_path / "attempts") == []
    made.release()


def _removed_as_an_ordinary_user(name: str, root: Path) -> bool:
    become = f"os.setgroups([]); os.setresgid(*[{NOBODY[1]}] * 3); os.setresuid(*[{NOBODY[0]}] * 3)"
    remove = (
        "import os; from scheduler.runtimes import removal;"
        f"within = os.open({str(root)!r}, os.O_RDONLY);"
        f"{become if os.geteuid() == 0 else ''};"
        f"print(removal.remove({name!r}, within))"
    )
    return subprocess.run([PYTHON, "-c", remove], capture_output=True, text=True).stdout == "True\n"


def test_depth_and_long_names_are_no_matter(made: Folder) -> None:
    here = os.open(made.path / "out", os.O_RDONLY)
    for _ in range(800):
        os.mkdir("d" * 200, dir_fd=here)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(os.open("bottom", os.O_CREAT, dir_fd=here))
    os.close(here)
    assert made.remove()
    assert not os.path.lexists(made.path)


def test_many_entries_with_any_names_are_removed(made: Folder) -> None:
    top = os.fsencode(made.path)
    for number in range(2500):
        os.close(os.open(top + b"/out/%d" % number, os.O_CREAT))
    for name in (b"\xff\xfe", b"new\nline", b"-rf", b" ", b"*", b"\xe2\x80\xae"):
        os.mkdir(top + b"/out/" + name)
        os.close(os.open(top + b"/" + name, os.O_CREAT))
    os.mkfifo(top + b"/out/fifo")
    assert made.remove()
    assert not os.path.lexists(made.path)


def test_what_is_mounted_inside_is_left_alone(made: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can mount everywhere, so the test says which folder is another mount."""
    (made.path / "out" / "mounted").mkdir()
    (made.path / "out" / "mounted" / "file").write_text("keep")
    monkeypatch.setattr(removal, "_mount", _named_mounted)
    assert not made.remove()
    (kept,) = made.path.rglob("file")
    assert kept.read_text() == "keep"
    monkeypatch.undo()
    assert made.remove()


def _named_mounted(descriptor: int) -> str:
    """By what it holds, for the folder itself is lifted and renamed."""
    return str(os.listdir(descriptor) == ["file"])


def test_a_folder_in_use_is_not_abandoned(root: Path, made: Folder) -> None:
    assert list(folder.abandoned(root, [])) == []


def test_a_folder_whose_maker_has_let_go_is_abandoned(root: Path, made: Folder) -> None:
    made.release()
    ((name, taken),) = folder.abandoned(root, [])
    assert str(name) == made.path.name
    assert taken.remove()


def test_a_folder_of_a_lease_that_is_held_is_not_abandoned(root: Path, made: Folder) -> None:
    made.release()
    name = folder.parse(made.path.name)
    assert name is not None
    assert list(folder.abandoned(root, [name.lease_token])) == []


def test_only_one_sweeper_gets_a_folder(root: Path, made: Folder) -> None:
    made.release()
    first = list(folder.abandoned(root, []))
    assert len(first) == 1
    assert list(folder.abandoned(root, [])) == []
    first[0][1].release()


def test_a_closed_folder_in_use_is_not_abandoned(root: Path, made: Folder) -> None:
    made.path.chmod(0)
    assert list(folder.abandoned(root, [])) == []


def test_other_things_below_the_root_are_left_alone(root: Path, made: Folder) -> None:
    (root / "notes").mkdir()
    assert list(folder.abandoned(root, [])) == []
    assert (root / "notes").exists()


def test_where_nothing_was_ever_started_nothing_is_abandoned(tmp_path: Path) -> None:
    assert list(folder.abandoned(tmp_path / "nowhere", [])) == []


def test_a_maker_waits_for_a_sweeper_that_was_quicker(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweeper takes the new folder between its making and its locking, and removes it."""
    lock = fcntl.flock
    swept: list[Path] = []

    def late(descriptor: int, how: int) -> None:
        if not swept:
            swept.extend(root.iterdir())
            swept[0].rmdir()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    made = folder.make(root, _name(), b"1")
    assert (made.path / "params.json").read_bytes() == b"1"
    made.remove()
