"""Reading a body: what is refused, and that every fault is told."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from app import body
from app.errors import Rejected
from core.errors import Fault, Invalid


class Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="http", tag_field="type"):
    url: Annotated[str, Meta(max_length=20)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 80


class Container(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="container", tag_field="type"):
    image: str


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    target: Http | Container
    at: Annotated[datetime, Meta(tz=True)] | None = None
    priority: Literal["low", "high"] | int = "low"
    labels: dict[str, Annotated[str, Meta(max_length=3)]] = {}
    body: Any = None
    raw: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


GOOD = b'{"target":{"type":"http","url":"http://a"}%s}'


def faults(raw: bytes) -> dict[str | None, Fault]:
    with pytest.raises(Invalid) as caught:
        body.decode(raw, Order)
    return {fault.pointer: fault for fault in caught.value.faults}


def refused(raw: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        body.decode(raw, Order)
    assert caught.value.status == 400
    assert caught.value.code == "malformed_json"
    return caught.value


def test_a_good_body_becomes_the_struct() -> None:
    order = body.decode(GOOD % b',"labels":{"a":"b"}', Order)
    assert order == Order(target=Http(url="http://a"), labels={"a": "b"})


def test_every_fault_is_listed_with_its_place() -> None:
    found = faults(
        b'{"target":{"type":"http","url":"123456789012345678901","port":0,"x":1},'
        b'"at":"soon","priority":"mid","labels":{"a/b":"1234","~":"1234"},"extra":1}'
    )
    assert {pointer: fault.code for pointer, fault in found.items()} == {
        "/target/url": "wrong_length",
        "/target/port": "out_of_range",
        "/target/x": "unknown_field",
        "/at": "wrong_format",
        "/priority": "not_allowed",
        "/labels/a~1b": "wrong_length",
        "/labels/~0": "wrong_length",
        "/extra": "unknown_field",
    }


def test_a_missing_field_is_named_itself() -> None:
    assert faults(b"{}")["/target"].code == "missing"


def test_a_time_without_an_offset_is_a_fault_that_no_schema_can_say() -> None:
    assert "/at" in faults(GOOD % b',"at":"2027-01-01T00:00:00"')


def test_an_unknown_tag_names_the_ones_there_are() -> None:
    fault = faults(b'{"target":{"type":"carrier-pigeon"}}')["/target/type"]
    assert fault.message == "must be one of http, container"


def test_a_number_beyond_its_range_is_not_taken_for_a_misspelt_name() -> None:
    class Ranked(msgspec.Struct):
        rank: Literal["low", "high"] | Annotated[int, Meta(ge=0, le=100)]

    with pytest.raises(Invalid) as caught:
        body.decode(b'{"rank": 101}', Ranked)
    assert caught.value.faults == [Fault("out_of_range", "must be at most 100", pointer="/rank")]


def test_a_wrong_type_at_the_top_is_one_fault() -> None:
    assert faults(b"[]") == {"": Fault(code="wrong_type", message="must be object", pointer="")}


def test_messages_never_repeat_the_value() -> None:
    found = faults(b'{"target":{"type":"sEcReT","url":1},"priority":"sEcReT","at":"sEcReT"}')
    assert found
    assert not any("sEcReT" in fault.message for fault in found.values())


def test_a_large_body_still_tells_its_first_fault() -> None:
    assert "/target/url" in faults(b'{"target":{"type":"http","url":"%s"}}' % (b"x" * 400_000))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"nul",
        b"{",
        b'{"target":{"type":"http","url":"a"}} trailing',
        b'{"target":NaN}',
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        "{}".encode("utf-16"),
        b'{"a":"\x00"}',
        b'\x00{"a":1}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        GOOD % b',"raw":"\\ud800"',
        GOOD % b',"raw":"\xff"',
        GOOD % b',"body":"\\ud83d\\u0041"',
    ],
)
def test_what_is_no_json_text_is_malformed(raw: bytes) -> None:
    refused(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 65 + b"]" * 65,
        GOOD % (b',"body":' + b"[" * 64 + b"]" * 64),
        GOOD % (b',"raw":' + b'{"a":[' * 40 + b"]}" * 40),
    ],
)
def test_deep_nesting_is_refused_before_it_can_exhaust_a_stack(raw: bytes) -> None:
    assert "nested" in refused(raw).message


def test_brackets_inside_strings_are_not_depth() -> None:
    text = b'"' + b'[{\\"\\n' * 100 + b'"'
    order = body.decode(GOOD % (b',"body":[' + text + b"]"), Order)
    assert order.body == ['[{"\n' * 100]


def test_nesting_up_to_the_limit_is_read() -> None:
    nested = b"[" * 63 + b"]" * 63
    assert body.decode(GOOD % (b',"body":' + nested), Order).body is not None


@pytest.mark.parametrize("field", [b"body", b"raw"])
def test_nul_is_refused_wherever_it_hides(field: bytes) -> None:
    found = faults(GOOD % (b',"' + field + b'":{"a":["\\u0000"]}'))
    assert found[f"/{field.decode()}/a/0"].code == "nul_character"


def test_nul_in_a_key_is_refused() -> None:
    (fault,) = faults(GOOD % b',"labels":{"\\u0000":"a"}').values()
    assert fault.code == "nul_character"
    assert "\x00" not in str(fault.pointer)


def test_text_that_only_talks_about_nul_is_read() -> None:
    assert body.decode(GOOD % b',"body":"\\\\u0000"', Order).body == "\\u0000"


@pytest.mark.parametrize("number", [b"9223372036854775808", b"-9223372036854775809", b"9" * 400])
def test_integers_beyond_64_bits_are_refused(number: bytes) -> None:
    assert faults(GOOD % (b',"body":' + number))["/body"].code == "out_of_range"


@pytest.mark.parametrize("number", [b"1e999", b"9" * 5000])
def test_numbers_that_no_type_holds_are_refused(number: bytes) -> None:
    (fault,) = faults(GOOD % (b',"body":' + number)).values()
    assert fault.code == "out_of_range"


def test_surrogate_pairs_are_one_character() -> None:
    assert body.decode(GOOD % b',"body":"\\ud83d\\ude00"', Order).body == "\U0001f600"


def test_a_bad_value_in_a_mapping_is_told_once() -> None:
    assert list(faults(GOOD % b',"labels":{"a":1}')) == ["/labels/a"]
