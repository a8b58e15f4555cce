"""The results on disk: one flat JSON object. A run replaces the keys it measured and leaves the others."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.figures import Flat

_SPREAD = ("_min", "_max")

PATH = Path(__file__).parent / "results" / "latest.json"


def read(path: Path = PATH) -> Flat:
    """Nothing while nothing was measured."""
    if not path.exists():
        return {}
    return msgspec.json.decode(path.read_bytes(), type=dict[str, float | str])


def merge(found: Mapping[str, float | str], path: Path = PATH) -> Flat:
    """Write what was found over what stood there; all that stands there now."""
    merged = dict(sorted((read(path) | dict(found)).items()))
    path.parent.mkdir(exist_ok=True)
    path.write_text(written(merged))
    return merged


def written(found: Mapping[str, float | str]) -> str:
    """As JSON, a figure and its spread to a line."""
    lines: list[str] = []
    for key, value in found.items():
        entry = f"{_json(key)}: {_json(value)}"
        if key.endswith(_SPREAD) and key[: -len("_min")] in found:
            continue
        spread = [f"{_json(key + end)}: {_json(found[key + end])}" for end in _SPREAD if key + end in found]
        lines.append(", ".join([entry, *spread]))
    return "{\n  " + ",\n  ".join(lines) + "\n}\n"


def _json(value: float | str) -> str:
    return msgspec.json.encode(value).decode()


def number(found: Mapping[str, float | str], key: str) -> float | None:
    """A figure; none if it was not measured."""
    value = found.get(key)
    return value if isinstance(value, float) else None
