"""Who processes run as."""

import os
from pathlib import Path

import pytest

from scheduler.runtimes import drop


def test_a_user_is_named_or_numbered() -> None:
    assert drop.parse("1234:99") == (1234, 99)
    assert drop.parse("nobody") == (65534, 65534)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("root", "must not be root"),
        ("0:0", "must not be root"),
        ("1000:0", "nor of its group"),
        ("no-such-user", "there is no user 'no-such-user'"),
        ("1000", "there is no user"),
        ("9999999999:1", "beyond the numbers"),
    ],
)
def test_what_is_no_user_to_run_as_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        drop.parse(text)


def test_only_root_becomes_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ValueError, match="only a scheduler that is root"):
        drop.check((1234, 1234), tmp_path)


def test_the_folder_that_is_in_the_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ValueError, match="is closed to that user"):
        drop.check((1234, 1234), closed / "attempts" / "process")
