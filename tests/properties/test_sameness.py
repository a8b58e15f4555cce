"""Two bodies have the same canonical form exactly if they say the same."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.jobs.content import Content
from app.jobs.sameness import canonical
from core.jobs.model import BodyKind

_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), _FLOATS, _TEXT)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXT, inner, max_size=4)),
    max_leaves=12,
)
_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=None)


def _form(text: str) -> bytes:
    return canonical(Content(BodyKind.JSON, text.encode()))


def _shuffled(value: Any, draw: st.DataObject) -> Any:
    """The same value, the members of its objects in another order."""
    if isinstance(value, list):
        return [_shuffled(each, draw) for each in value]
    if isinstance(value, dict):
        names = draw.draw(st.permutations(list(value)))
        return {name: _shuffled(value[name], draw) for name in names}
    return value


def _said(value: Any) -> Any:
    """What tells values apart as JSON does: a boolean is no number, and 1.0 is 1."""
    match value:
        case bool() | None | str():
            return (type(value).__name__, value)
        case int() | float():
            return ("number", Decimal(repr(value)))
        case list():
            return [_said(each) for each in value]
        case _:
            return {name: _said(each) for name, each in value.items()}


@given(_VALUES, st.data(), st.sampled_from([None, 0, 3]), st.booleans())
def test_order_spaces_and_escapes_do_not_count(
    value: Any, draw: st.DataObject, indent: int | None, escaped: bool
) -> None:
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    other = json.dumps(_shuffled(value, draw), indent=indent, ensure_ascii=escaped)
    assert _form(plain) == _form(other)


@given(_VALUES, _VALUES)
def test_what_says_something_else_has_another_form(one: Any, two: Any) -> None:
    assert (_form(json.dumps(one)) == _form(json.dumps(two))) == (_said(one) == _said(two))


@given(_VALUES)
def test_the_form_of_a_form_is_itself(value: Any) -> None:
    once = _form(json.dumps(value))
    assert canonical(Content(BodyKind.JSON, once)) == once


@given(_DECIMALS, st.integers(0, 5))
def test_a_number_counts_by_its_value_however_it_is_written(number: Decimal, zeros: int) -> None:
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    padded = "".join(map(str, digits)).lstrip("0") or "0"
    minus = "-" if sign else ""
    shifted = f"{minus}0.{'0' * zeros}{padded}E{exponent + zeros + len(padded)}"
    spellings = {
        shifted,
        f"{minus}{padded}.{'0' * (zeros + 1)}e{exponent}",
        f"{minus}{padded}.0E{exponent:+}",
    }
    assert len({_form(each) for each in spellings}) == 1


@given(st.integers(-(2**63), 2**63 - 1).filter(bool))
def test_a_whole_number_is_the_same_with_a_fraction_of_zeros(number: int) -> None:
    assert _form(str(number)) == _form(f"{number}.0") == _form(f"{number}0e-1")


@given(st.integers(2**53, 2**63 - 2))
def test_neighbours_beyond_the_precision_of_a_float_are_told_apart(number: int) -> None:
    assert _form(str(number)) != _form(str(number + 1))
    assert _form(f"{number}.5") != _form(f"{number}.25")
