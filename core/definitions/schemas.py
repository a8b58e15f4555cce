"""JSON Schemas (2020-12) that users give: what may be one, and what does not fit one.

A schema comes from anybody, and so does what is held against it, so both are bounded before any work is done:

- nothing is fetched: a `$ref` points into its own schema, and never in a circle;
- patterns are small, and of an engine without backtracking; how much text they are held against is bounded,
  because the worst of them take microseconds for each character;
- a schema has a weight: the parts that it has once every reference is written out. Weight times the values
  to be looked at bounds the work; faults are listed one by one only where that is small.

Messages never repeat a value. Pure.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

MAX_BYTES = 64 * 1024
MAX_WEIGHT = 2_000
MAX_WORK = 50_000_000
"""Weight times values: about a second at the worst."""
MAX_MATCHED = 128 * 1024
"""Patterns times bytes of text: about a second at the worst, too."""
LISTED_WORK = 100_000
"""Up to here every fault is listed."""

_MAX_FAULTS = 100
_MAX_PATTERN = 512
_MAX_DEPTH = 64
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PATTERNS = RegexOptions(size_limit=1 << 17)
_ONE = ("additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames",
        "then", "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
_MANY = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("dependentSchemas", "patternProperties", "properties")
_SHELVES = ("$defs", "definitions")
_ELSEWHERE = "must point into this schema, as #/$defs/… does: nothing is fetched, nothing goes in circles"
_NEVER = {
    "$dynamicRef": "is not supported",
    "$recursiveRef": "is not supported",
    "$anchor": "is not supported: refer to a place by its pointer",
    "$dynamicAnchor": "is not supported",
}

_meta = Draft202012Validator({"$ref": _DIALECT}, offline=True, mask="it")
_encoder = msgspec.json.Encoder()

Path = tuple[str | int, ...]


class Flaw(msgspec.Struct, frozen=True):
    """Something that does not fit, and where."""

    path: Path
    message: str
    kind: str = "invalid"
    """The keyword that says so."""

    @property
    def pointer(self) -> str:
        """The place as a JSON pointer."""
        return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in self.path)


class Load(msgspec.Struct, frozen=True):
    """What a schema has once every reference is written out."""

    weight: int = 1
    """Its parts."""
    patterns: int = 0


class Schema:
    """A schema that may be used."""

    def __init__(self, document: Mapping[str, Any], load: "Load") -> None:
        self._load = load
        self._validator = Draft202012Validator(
            dict(document), offline=True, mask="it", pattern_options=_PATTERNS
        )

    def flaws(self, text: bytes) -> list[Flaw]:
        """What does not fit in a JSON text that was found to be one."""
        work = self._load.weight * _values(text)
        if work > MAX_WORK or self._load.patterns * len(text) > MAX_MATCHED:
            return [Flaw((), "is too large to be held against its schema", "too_large")]
        value = msgspec.json.decode(text)
        if self._validator.is_valid(value):
            return []
        if work > LISTED_WORK:
            return [Flaw((), "does not fit its schema; it is too large to say where")]
        return _listed(self._validator.iter_errors(value)) or [Flaw((), "does not fit its schema")]


@lru_cache(maxsize=256)
def read(text: str) -> Schema:
    """A schema that was stored, of which `check` had nothing to say."""
    document = msgspec.json.decode(text)
    return Schema(document, _Walk(document).load())


def check(document: Any) -> list[Flaw]:
    """What is wrong with a schema."""
    if not isinstance(document, dict):
        return [Flaw((), "must be an object", "type")]
    if len(_encoder.encode(document)) > MAX_BYTES:
        return [Flaw((), f"must take at most {MAX_BYTES // 1024} KiB", "too_large")]
    if document.get("$schema", _DIALECT) not in (_DIALECT, f"{_DIALECT}#"):
        return [Flaw(("$schema",), f"must be {_DIALECT}", "enum")]
    if found := _listed(_meta.iter_errors(document)):
        return found
    walk = _Walk(document)
    if found := list(islice(walk.refusals(), _MAX_FAULTS)):
        return found
    try:
        Schema(document, walk.load())
    except _Unusable as unusable:
        return [unusable.flaw]
    except (ValidationError, ValueError) as error:
        return [_uncompiled(error)]
    return []


class _Unusable(Exception):
    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.flaw = Flaw(path, message)


class _Walk:
    """Looks at every part of a schema, written out."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._loads: dict[Path, Load] = {}
        self._open: set[Path] = set()
        self._places: set[Path] = set()

    def load(self) -> Load:
        """Raises _Unusable."""
        if not self._places:
            deque(self.refusals(), maxlen=0)
        return self._weigh((), self._document)

    def refusals(self) -> Iterator[Flaw]:
        """Keywords that are valid and not for us."""
        yield from self._refused((), self._document)

    def _refused(self, path: Path, part: Any) -> Iterator[Flaw]:
        self._places.add(path)
        if not isinstance(part, dict):
            return
        for name, message in _NEVER.items():
            if name in part:
                yield Flaw((*path, name), message, "not_allowed")
        if path and "$id" in part:
            yield Flaw((*path, "$id"), "is allowed at the top only", "not_allowed")
        ref = part.get("$ref", "#/")
        if not ref.startswith("#/"):
            message = (
                "must point into this schema, as #/$defs/… does: nothing is fetched, nothing goes in circles"
            )
            yield Flaw((*path, "$ref"), message, "not_allowed")
        if len(part.get("pattern", "")) > _MAX_PATTERN:
            yield Flaw((*path, "pattern"), f"must have at most {_MAX_PATTERN} characters", "maxLength")
        for name in part.get("patternProperties", ()):
            if len(name) > _MAX_PATTERN:
                yield Flaw(
                    (*path, "patternProperties"), f"must have patterns of at most {_MAX_PATTERN}", "maxLength"
                )
        for below, inner in _parts(path, part, shelves=True):
            yield from self._refused(below, inner)

    def _weigh(self, path: Path, part: Any) -> Load:
        if not isinstance(part, dict):
            return Load()
        if path in self._loads:
            return self._loads[path]
        if path in self._open:
            raise _Unusable(path, "refers to itself, over however many steps; that is not supported")
        if len(self._open) > _MAX_DEPTH:
            raise _Unusable(path, f"is nested more than {_MAX_DEPTH} levels deep, its references included")
        self._open.add(path)
        inside = [self._weigh(below, inner) for below, inner in _parts(path, part, shelves=False)]
        if "$ref" in part:
            inside.append(self._weigh(*self._target(path, part["$ref"])))
        own = 1 + sum(len(value) for value in part.values() if isinstance(value, list))
        # What is left unevaluated is found out by looking at all of it once more.
        twice = 2 if "unevaluatedProperties" in part or "unevaluatedItems" in part else 1
        load = Load(
            twice * (own + sum(one.weight for one in inside)),
            twice * (_patterns(part) + sum(one.patterns for one in inside)),
        )
        if load.weight > MAX_WEIGHT:
            raise _Unusable((), f"has more than {MAX_WEIGHT:,} parts once its references are written out")
        self._open.discard(path)
        self._loads[path] = load
        return load

    def _target(self, path: Path, ref: str) -> tuple[Path, Any]:
        place = list[str | int]()
        found: Any = self._document
        for step in ref.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            inside: Any = None
            if isinstance(found, dict):
                inside = found.get(name)
                place.append(name)
            elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                inside = found[int(name)]
                place.append(int(name))
            found = inside
        if tuple(place) not in self._places:
            raise _Unusable((*path, "$ref"), "points to no schema inside of this one")
        return tuple(place), found


def _parts(path: Path, part: Mapping[str, Any], *, shelves: bool) -> Iterator[tuple[Path, Any]]:
    """The schemas right inside of one; those on its shelves are applied where something refers to them."""
    for name in _ONE:
        if name in part:
            yield (*path, name), part[name]
    for name in _MANY:
        for index, inner in enumerate(part.get(name, ())):
            yield (*path, name, index), inner
    for name in (*_NAMED, *_SHELVES) if shelves else _NAMED:
        for key, inner in part.get(name, {}).items():
            yield (*path, name, key), inner


def _patterns(part: Mapping[str, Any]) -> int:
    return ("pattern" in part) + len(part.get("patternProperties", ()))


def _values(text: bytes) -> int:
    """At least as many as it has."""
    return 1 + sum(text.count(mark) for mark in (b",", b":", b"[", b"{"))


def _listed(errors: Iterable[ValidationError]) -> list[Flaw]:
    return list(islice((flaw for error in errors for flaw in _flaws(error)), _MAX_FAULTS))


def _flaws(error: ValidationError) -> Iterator[Flaw]:
    """The place of what is missing, or is too much, is its own."""
    kind, path, about = error.kind.name, tuple(error.instance_path), error.kind.as_dict()
    match kind:
        case "required":
            yield Flaw((*path, str(about["property"])), "is required", kind)
        case "additionalProperties":
            for name in about["unexpected"]:
                yield Flaw((*path, str(name)), "is not known", kind)
        case "anyOf" | "oneOf":
            yield from _alternatives(path, kind, about["context"])
        case _:
            yield Flaw(path, error.message.removeprefix("it "), kind)


def _alternatives(path: Path, kind: str, context: Sequence[Sequence[ValidationError]]) -> Iterator[Flaw]:
    """What is wrong by the one that comes closest, if there is one; else that there is none."""
    tried = sorted(context, key=len)
    if tried and not tried[0]:
        yield Flaw(path, "fits more than one of the alternatives", kind)
    elif len(tried) > 1 and len(tried[0]) < len(tried[1]):
        for error in tried[0]:
            yield from _flaws(error)
    else:
        yield Flaw(path, "fits none of the alternatives", kind)


def _uncompiled(error: Exception) -> Flaw:
    if not isinstance(error, ValidationError):
        return Flaw((), "cannot be used")
    path = tuple(error.instance_path)
    if path and (path[-1] == "pattern" or "patternProperties" in path):
        return Flaw(
            path, "must be a small regular expression without look-around and back-references", "pattern"
        )
    return Flaw(path, error.message.removeprefix("it ").partition("\n")[0])
