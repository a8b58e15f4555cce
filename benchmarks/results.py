"""The results on disk: one flat JSON object. A run replaces the keys it measured and leaves the others."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.figures import Flat

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
    path.write_bytes(msgspec.json.format(msgspec.json.encode(merged), indent=2) + b"\n")
    return merged


def number(found: Mapping[str, float | str], key: str) -> float | None:
    """A figure; none if it was not measured."""
    value = found.get(key)
    return value if isinstance(value, float) else None
