"""How much of the disk a folder takes."""

import os
from pathlib import Path

import pytest

from scheduler.runtimes import quota

MIB = 1024 * 1024


def fill(file: Path, mib: int = 1) -> None:
    file.write_bytes(os.urandom(mib * MIB))


def test_files_at_any_depth_count(tmp_path: Path) -> None:
    deep = tmp_path / "out" / "a" / "b"
    deep.mkdir(parents=True)
    fill(deep / "one")
    fill(tmp_path / "two")
    assert quota.exceeded(tmp_path, 2 * MIB - 1)
    assert not quota.exceeded(tmp_path, 3 * MIB)


def test_what_is_not_allocated_does_not_count(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10 * MIB)
    assert not quota.exceeded(tmp_path, MIB)


def test_no_link_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    fill(outside / "file", 2)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "up").symlink_to(tmp_path)
    (folder / "file").symlink_to(outside / "file")
    assert not quota.exceeded(folder, MIB)
    (tmp_path / "itself").symlink_to(outside)
    assert not quota.exceeded(tmp_path / "itself", MIB)


def test_a_folder_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    assert not quota.exceeded(tmp_path / "gone", 1)


def test_very_many_entries_are_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "MOST_ENTRIES", 10)
    for number in range(11):
        (tmp_path / str(number)).touch()
    assert quota.exceeded(tmp_path, 1024 * MIB)
