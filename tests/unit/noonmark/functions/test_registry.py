"""What can be registered, and under which names."""

from typing import Any

import pytest

from noonmark.functions import Context, DuplicateFunction, Hook, Registry
from noonmark.functions.host import catalogue


def double(ctx: Context, params: Any) -> Any:
    """Twice as much.

    Or as many.
    """
    return params * 2


def test_a_function_is_found_by_key_and_version() -> None:
    registry = Registry()
    function = registry.job("numbers.double", version=2)(double)
    assert registry.find("numbers.double@2") is function
    assert registry.find("numbers.double@1") is None


def test_versions_of_a_key_stand_side_by_side() -> None:
    registry = Registry()
    for version in (10, 2):
        registry.job("double", version=version)(double)
    assert [each.name for each in registry] == ["double@2", "double@10"]


def test_a_second_function_of_one_name_is_refused_with_both_places() -> None:
    registry = Registry()
    registry.job("double", version=1)(double)
    with pytest.raises(DuplicateFunction, match=r"double@1 is registered twice.*test_registry.py:11.*:\d+"):
        registry.job("double", version=1)(lambda ctx, params: None)


def test_a_registered_function_can_be_called_as_before() -> None:
    assert Registry().job("double", version=1)(double)(Context(), 21) == 42


def test_hooks_are_given_or_attached() -> None:
    def given(ctx: Context) -> None: ...
    def attached(ctx: Context) -> None: ...

    function = Registry().job("double", version=1, on_end=given)(double)
    assert function.on_end(attached) is attached
    assert function.hooks[Hook.ON_END] == [given, attached]


def test_the_catalogue_says_what_was_registered() -> None:
    registry = Registry()
    registry.job(
        "double", version=1, timeout_seconds=5, max_attempts=2, concurrency=3, schema={"type": "number"}
    )(double)
    assert catalogue(registry) == [
        {
            "key": "double",
            "version": 1,
            "timeout_seconds": 5,
            "max_attempts": 2,
            "concurrency": 3,
            "schema": {"type": "number"},
            "description": "Twice as much.",
        }
    ]


@pytest.mark.parametrize("key", ["", "Upper", "a b", "a@1", ".a", "a..b", "a" * 101])
def test_a_key_that_cannot_be_spelt_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="a key is made of"):
        Registry().job(key, version=1)


@pytest.mark.parametrize(
    "wrong",
    [{"version": 0}, {"timeout_seconds": 0}, {"max_attempts": 0}, {"max_attempts": 22}, {"concurrency": 0}],
    ids=str,
)
def test_a_number_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    numbers: dict[str, Any] = {"version": 1, **wrong}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Registry().job("double", **numbers)
