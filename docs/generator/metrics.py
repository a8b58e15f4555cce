"""The metrics, from the module that declares them and from who counts them."""

from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from core import metrics
from core.distribution import Distribution
from core.reading import Reading
from docs.generator import readers
from docs.generator.markdown import table as rows_of

Declared = Counter | Gauge | Histogram | Distribution | Reading

_USED = r"\bmetrics\.([a-z_]+)\b"


def declared() -> dict[str, Declared]:
    """Each metric under its name in `core.metrics`."""
    return {name: value for name, value in vars(metrics).items() if isinstance(value, Declared)}


def table(root: Path) -> str:
    """One row a metric, in their order."""
    used = readers.of(root, _USED)
    everywhere = readers.shared(root, _USED)
    heads = ("metric", "kind", "labels", "from", "meaning")
    return rows_of(
        heads,
        [
            _row(metric, ["every process"] if name in everywhere else used.get(name, []))
            for name, metric in declared().items()
        ],
    )


def _row(metric: Declared, processes: list[str]) -> tuple[str, ...]:
    (family,) = metric.describe()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels: tuple[str, ...] = getattr(metric, "_labelnames", ())
    shown = ", ".join(f"`{label}`" for label in labels) or "–"
    return f"`{name}`", family.type, shown, ", ".join(processes) or "–", family.documentation
