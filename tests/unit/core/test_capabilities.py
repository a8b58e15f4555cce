"""What an operator takes away is taken away, and a wrong word is named."""

import pytest

from core.capabilities import ALL, Capabilities, allowed
from core.errors import SettingError


def test_nothing_is_taken_away_unasked() -> None:
    assert allowed("") == ALL


@pytest.mark.parametrize("name", Capabilities.__struct_fields__)
def test_each_can_be_taken_away_alone(name: str) -> None:
    left = allowed(name)
    assert [each for each in Capabilities.__struct_fields__ if not getattr(left, each)] == [name]


def test_all_can_be_taken_away() -> None:
    assert allowed("notify, advisory_locks,partitions") == Capabilities(False, False, False)


@pytest.mark.parametrize("word", ["NOTIFY", "locks", "notify partitions"])
def test_a_wrong_word_is_named_with_the_setting(word: str) -> None:
    with pytest.raises(SettingError, match=f"NOONMARK_WITHOUT: '{word}' is none of notify"):
        allowed(f"notify,{word}")
