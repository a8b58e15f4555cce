"""How the next migration is numbered, and what it may be called."""

import pytest

from local import migration
from local.refusal import Refusal


def test_the_first_migration_is_number_one() -> None:
    assert migration.following([]) == "0001"


def test_the_next_migration_follows_the_highest() -> None:
    assert migration.following(["0009_add_b.py", "0002_add_a.py", "__init__.py"]) == "0010"


def test_a_name_that_is_no_file_name_is_refused() -> None:
    with pytest.raises(Refusal, match="letters, digits and underscores"):
        migration.write("../elsewhere")
