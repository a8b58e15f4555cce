"""A sealed value opens in its own place, under a configured key, and nowhere else."""

import base64
import traceback

import pytest

from core.sealing import Keyring, SealBroken, parse_keys

OLD_KEY, NEW_KEY = bytes(range(32)), bytes(range(32, 64))
OLD = Keyring({"old": OLD_KEY})
BOTH = Keyring({"new": NEW_KEY, "old": OLD_KEY})
CONTEXT = "tenant-a|jobs|job-1|headers"


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


@pytest.mark.parametrize(
    "plain", [b"", b"hunter2", bytes(range(256)) * 4096], ids=["empty", "short", "a MiB"]
)
def test_what_was_sealed_opens_again(plain: bytes) -> None:
    assert OLD.open(OLD.seal(plain, context=CONTEXT), context=CONTEXT) == plain


@pytest.mark.promise(11)
def test_a_sealed_value_does_not_show_the_plain_one() -> None:
    assert b"hunter2" not in OLD.seal(b"hunter2", context=CONTEXT)


def test_the_same_value_never_seals_the_same_twice() -> None:
    assert OLD.seal(b"x", context=CONTEXT) != OLD.seal(b"x", context=CONTEXT)


@pytest.mark.parametrize(
    "elsewhere",
    ["tenant-b|jobs|job-1|headers", "tenant-a|jobs|job-2|headers", "tenant-a|jobs|job-1|url", ""],
    ids=["tenant", "row", "column", "nowhere"],
)
def test_a_value_moved_elsewhere_does_not_open(elsewhere: str) -> None:
    sealed = OLD.seal(b"hunter2", context=CONTEXT)
    with pytest.raises(SealBroken):
        OLD.open(sealed, context=elsewhere)


def test_a_value_with_any_changed_byte_does_not_open() -> None:
    sealed = OLD.seal(b"hunter2", context=CONTEXT)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            OLD.open(bytes(changed), context=CONTEXT)


def test_a_value_cut_anywhere_does_not_open() -> None:
    sealed = OLD.seal(b"hunter2", context=CONTEXT)
    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            OLD.open(sealed[:length], context=CONTEXT)


def test_the_key_id_cannot_be_exchanged_for_another_known_one() -> None:
    twins = Keyring({"one": OLD_KEY, "two": OLD_KEY})
    sealed = twins.seal(b"hunter2", context=CONTEXT)
    with pytest.raises(SealBroken):
        twins.open(sealed.replace(b"one", b"two", 1), context=CONTEXT)


def test_an_old_key_still_opens_after_a_new_one_took_over() -> None:
    assert BOTH.open(OLD.seal(b"hunter2", context=CONTEXT), context=CONTEXT) == b"hunter2"


def test_the_first_key_seals() -> None:
    sealed = BOTH.seal(b"hunter2", context=CONTEXT)
    assert Keyring({"new": NEW_KEY}).open(sealed, context=CONTEXT) == b"hunter2"


def test_a_value_under_a_removed_key_does_not_open_and_says_why() -> None:
    sealed = BOTH.seal(b"hunter2", context=CONTEXT)
    with pytest.raises(SealBroken, match="not configured"):
        OLD.open(sealed, context=CONTEXT)


def test_a_value_sealed_under_an_older_key_is_not_current() -> None:
    assert not BOTH.is_current(OLD.seal(b"x", context=CONTEXT))
    assert BOTH.is_current(BOTH.seal(b"x", context=CONTEXT))


def test_an_id_that_begins_like_the_current_one_is_not_current() -> None:
    longer = Keyring({"new2": NEW_KEY})
    assert not BOTH.is_current(longer.seal(b"x", context=CONTEXT))


def test_a_setting_names_the_keys_in_order() -> None:
    keyring = parse_keys(f"new:{encoded(NEW_KEY)}, old:{encoded(OLD_KEY)}")
    assert repr(keyring) == "Keyring(new, old)"
    assert keyring.open(BOTH.seal(b"x", context=CONTEXT), context=CONTEXT) == b"x"


@pytest.mark.promise(11)
def test_a_keyring_shows_its_ids_and_no_key() -> None:
    shown = f"{BOTH} {BOTH!r} {[BOTH]}"
    assert encoded(NEW_KEY) not in shown
    assert repr(NEW_KEY) not in shown


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("", "master key 1 is not written id:base64"),
        (encoded(OLD_KEY), "master key 1 is not written id:base64"),
        (f"a:{encoded(OLD_KEY)},", "master key 2 is not written id:base64"),
        (f":{encoded(OLD_KEY)}", "the id of master key 1 is not 1 to 16 of a-z and 0-9"),
        (f"Old:{encoded(OLD_KEY)}", "the id of master key 1 is not 1 to 16 of a-z and 0-9"),
        (f"{'a' * 17}:{encoded(OLD_KEY)}", "the id of master key 1 is not 1 to 16 of a-z and 0-9"),
        (f"../x:{encoded(OLD_KEY)}", "the id of master key 1 is not 1 to 16 of a-z and 0-9"),
        ("a:not base64!", "master key 1 is not valid base64"),
        ("a:c2hvcnQ", "master key 1 is not valid base64"),
        ("a:", "master key 1 (a) has 0 bytes instead of 32"),
        (f"a:{encoded(OLD_KEY[:16])}", "master key 1 (a) has 16 bytes instead of 32"),
        (f"a:{encoded(OLD_KEY)},b:{encoded(OLD_KEY * 2)}", "master key 2 (b) has 64 bytes instead of 32"),
        (f"a:{encoded(OLD_KEY)},a:{encoded(NEW_KEY)}", "master key 2 has the id of an earlier one"),
    ],
)
def test_a_wrong_setting_is_refused_by_naming_the_fault(setting: str, fault: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_keys(setting)
    assert str(refusal.value) == fault


@pytest.mark.promise(11)
@pytest.mark.parametrize(
    "setting",
    ["a:hunter2!", "hunter2", "hunter2:a", "HUNTER2:hunter2"],
    ids=["key", "no id", "swapped", "id"],
)
def test_a_refused_setting_never_shows_what_may_be_a_key(setting: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_keys(setting)
    shown = "".join(traceback.format_exception_only(refusal.value)).lower()
    assert "hunter2" not in shown
    assert refusal.value.__cause__ is None


def test_a_keyring_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="no master key"):
        Keyring({})
