"""Which reflected objects migrations are about."""

import re

_PARTITION = re.compile(r"(attempts|events|logs)_(p\d{8}|default)")


def is_ours(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
    """All but the partitions: `ensure_partitions` makes those."""
    return not (kind == "table" and name is not None and _PARTITION.fullmatch(name))
