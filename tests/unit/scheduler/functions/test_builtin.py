"""What the functions that come with us compute, refuse and tell."""

from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from noonmark.functions import Cancelled, Context, Function, PermanentFailure
from scheduler.functions import basic, calling, compute, encoding, process

_ALL = [
    basic.echo,
    basic.failing,
    calling.api,
    compute.math_of,
    encoding.video,
    process.data,
    process.batch,
]
_GOOD: list[tuple[Function, Any]] = [
    (basic.echo, {"message": [1, None]}),
    (basic.failing, None),
    (basic.failing, {"permanent": True}),
    (calling.api, {"url": "https://api.example/", "method": "PUT", "body": None, "expected_status": 204}),
    (calling.api, {"url": "https://api.example/", "expected_status": ["2xx", 404]}),
    (compute.math_of, {"operation": "sum", "numbers": [1, 2.5]}),
    (compute.math_of, {"operation": "prime", "n": 97}),
    (encoding.video, {}),
    (encoding.video, {"input": "a.mp4", "quality": "4k", "format": "webm"}),
    (process.data, {"records": [{"a": 1}], "field": "a"}),
    (process.batch, {"items": 12, "batch_size": 5}),
    (process.batch, {"items": ["a", "b"]}),
]
_BAD: list[tuple[Function, Any]] = [
    (basic.echo, {}),
    (basic.failing, {"failures": 0}),
    (calling.api, {"url": "https://api.example/", "body": 1, "body_text": "1"}),
    (calling.api, {"url": "https://api.example/", "verify": False}),
    (calling.api, {"method": "GET"}),
    (compute.math_of, {"operation": "sum", "n": 3}),
    (compute.math_of, {"operation": "fibonacci", "n": -1}),
    (compute.math_of, {"operation": "root", "n": 4}),
    (encoding.video, {"quality": "../../x"}),
    (encoding.video, {"format": "mkv"}),
    (process.data, {"records": [1]}),
    (process.batch, {"items": 12, "batch_size": 0}),
]


def accepts(function: Function, params: Any) -> bool:
    assert function.schema is not None
    return Draft202012Validator(function.schema).is_valid(params)


@pytest.mark.parametrize("function", _ALL, ids=lambda each: each.name)
def test_a_schema_is_one_of_2020_12(function: Function) -> None:
    assert function.schema is not None
    assert function.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(function.schema)


@pytest.mark.parametrize(("function", "params"), _GOOD, ids=str)
def test_a_schema_takes_what_the_function_takes(function: Function, params: Any) -> None:
    assert accepts(function, params)


@pytest.mark.parametrize(("function", "params"), _BAD, ids=str)
def test_a_schema_refuses_what_makes_no_sense(function: Function, params: Any) -> None:
    assert not accepts(function, params)


@pytest.mark.parametrize(
    ("params", "result"),
    [
        ({"operation": "sum", "numbers": [1, 2, 3]}, 6),
        ({"operation": "sum", "numbers": [0.1] * 10}, 1.0),
        ({"operation": "product", "numbers": [2, 3, 7]}, 42),
        ({"operation": "product", "numbers": []}, 1),
        ({"operation": "fibonacci", "n": 0}, 0),
        ({"operation": "fibonacci", "n": 20}, 6765),
        ({"operation": "prime", "n": 97}, True),
        ({"operation": "prime", "n": 91}, False),
        ({"operation": "prime", "n": 1}, False),
        ({"operation": "prime", "n": 2}, True),
        ({"operation": "prime", "n": 4}, False),
        ({"operation": "prime", "n": 10**9 + 7}, True),
    ],
    ids=str,
)
def test_arithmetic_is_right(params: Any, result: object) -> None:
    computed = compute.math_of(Context(), params)["result"]
    assert (computed, type(computed)) == (result, type(result))


@pytest.mark.parametrize(
    "params",
    [
        {"operation": "root"},
        {"operation": "sum"},
        {"operation": "sum", "numbers": ["a"]},
        {"operation": "fibonacci", "n": 10**9},
        {"operation": "prime", "n": True},
        {"operation": "product", "numbers": [10**300] * 10_000},
    ],
    ids=lambda each: str(each)[:60],
)
def test_what_cannot_be_computed_is_not_tried_again(params: Any) -> None:
    with pytest.raises(PermanentFailure):
        compute.math_of(Context(), params)


def test_a_large_prime_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        compute.math_of(Context(stopped=lambda: True), {"operation": "prime", "n": 999_999_999_989})


def test_echo_gives_its_message_back() -> None:
    assert basic.echo(Context(), {"message": "hello"}) == {"message": "hello"}


def test_failing_fails_as_it_is_told() -> None:
    with pytest.raises(RuntimeError, match="as it was told"):
        basic.failing(Context(attempt=9), None)
    with pytest.raises(PermanentFailure, match="never"):
        basic.failing(Context(), {"permanent": True, "message": "never"})
    assert basic.failing(Context(attempt=3), {"failures": 2}) == {"succeeded_at_attempt": 3}


def test_twelve_items_in_fives_are_three_steps_that_end_at_twelve() -> None:
    told: list[Mapping[str, Any]] = []
    result = process.batch(Context(emit=told.append), {"items": 12, "batch_size": 5})
    assert [(each["done"], each["total"]) for each in told] == [(5, 12), (10, 12), (12, 12)]
    assert result == {"items": 12, "batches": 3}


def test_nothing_to_work_through_is_no_step() -> None:
    assert process.batch(Context(), {"items": []}) == {"items": 0, "batches": 0}


def test_records_are_counted_and_one_field_summed_up() -> None:
    records = [{"a": 1, "b": "x"}, {"a": 2}, {"b": "y"}]
    assert process.data(Context(), {"records": records, "field": "a"}) == {
        "count": 3,
        "fields": {"a": 2, "b": 2},
        "summary": {"field": "a", "numbers": 2, "sum": 3, "mean": 1.5, "min": 1, "max": 2},
    }


def test_a_field_without_numbers_has_no_sum() -> None:
    summary = process.data(Context(), {"records": [{"a": "x"}], "field": "a"})["summary"]
    assert summary == {"field": "a", "numbers": 0}
