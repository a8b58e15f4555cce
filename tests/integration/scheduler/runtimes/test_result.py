"""What an attempt leaves as its result, taken only if it can be trusted."""

import os
from pathlib import Path

import pytest

from scheduler.runtimes import result
from scheduler.runtimes.result import LARGEST, Fault, FaultCode


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path


def _leave(attempt: Path, data: bytes) -> None:
    (attempt / "out" / "result.json").write_bytes(data)


@pytest.mark.parametrize("data", [b'{"score": 61}', b"null", b" [1, 2.5e3]\n", '"ä"'.encode(), b"0"])
def test_json_is_given_byte_for_byte(attempt: Path, data: bytes) -> None:
    _leave(attempt, data)
    assert result.read(attempt) == data


def test_nothing_left_is_no_result(attempt: Path) -> None:
    assert result.read(attempt) is None


def test_no_folder_is_no_result(tmp_path: Path) -> None:
    assert result.read(tmp_path) is None
    assert result.read(tmp_path / "nowhere") is None


def test_a_result_may_have_a_mebibyte(attempt: Path) -> None:
    _leave(attempt, b'"' + b"x" * (LARGEST - 2) + b'"')
    assert isinstance(result.read(attempt), bytes)


@pytest.mark.parametrize("size", [LARGEST + 1, 10_000_000])
def test_one_byte_more_is_too_large(attempt: Path, size: int) -> None:
    _leave(attempt, b'"' + b"x" * (size - 2) + b'"')
    assert result.read(attempt) == Fault(FaultCode.TOO_LARGE, "result.json has more than 1048576 bytes.")


def test_a_large_result_is_not_even_read(attempt: Path) -> None:
    with open(attempt / "out" / "result.json", "wb") as file:
        file.truncate(1 << 40)
    assert isinstance(result.read(attempt), Fault)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"NaN", b'{"a": 1} x', b'"\xff"', b"\xef\xbb\xbf{}", b"[" * 100_000, b"'a'", b"01"]
)
def test_what_is_not_json_is_invalid(attempt: Path, data: bytes) -> None:
    _leave(attempt, data)
    fault = result.read(attempt)
    assert isinstance(fault, Fault)
    assert fault.code is FaultCode.INVALID


def test_a_link_is_not_followed(attempt: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('"secret"')
    (attempt / "out" / "result.json").symlink_to(tmp_path / "secret")
    assert isinstance(result.read(attempt), Fault)


def test_a_link_in_place_of_the_output_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "result.json").write_text('"secret"')
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    assert isinstance(result.read(tmp_path), Fault)


def test_a_fifo_is_not_waited_for(attempt: Path) -> None:
    os.mkfifo(attempt / "out" / "result.json")
    fault = result.read(attempt)
    assert isinstance(fault, Fault)
    assert fault.message == "result.json is not a regular file."


def test_a_folder_is_no_result(attempt: Path) -> None:
    (attempt / "out" / "result.json").mkdir()
    assert isinstance(result.read(attempt), Fault)


def test_reading_leaves_nothing_open(attempt: Path) -> None:
    _leave(attempt, b"{}")
    before = os.listdir("/proc/self/fd")
    result.read(attempt)
    assert len(os.listdir("/proc/self/fd")) == len(before)
