"""PromQL that several panels write alike."""

from infra.observability.dashboards.model import Query

OURS = '{job=~"server|scheduler|reaper|.*noonmark.*"}'
"""Of what every program shows: our processes, by the jobs of compose or by the name of a release."""

_QUANTILES = (("0.5", "p50"), ("0.9", "p90"), ("0.99", "p99"))


def rate(metric: str, by: str = "") -> str:
    """Events a second of the whole installation."""
    grouped = f" by ({by}) " if by else " "
    return f"sum{grouped}(rate({metric}[$__rate_interval]))"


def rates(metric: str, by: str, legend: str = "") -> tuple[Query, ...]:
    """One line for each value of a label."""
    return (Query(rate(metric, by), legend or f"{{{{{by}}}}}"),)


def quantiles(histogram: str, *, exemplars: bool = False) -> tuple[Query, ...]:
    """The median and the tail of a histogram."""
    return tuple(
        Query(
            f"histogram_quantile({q}, {rate(f'{histogram}_bucket', 'le')})",
            name,
            exemplars=exemplars and name == "p99",
        )
        for q, name in _QUANTILES
    )


def looked(metric: str, by: str = "") -> str:
    """What reapers saw; all see the same."""
    return f"max by ({by}) ({metric})" if by else f"max({metric})"


def share(part: str, whole: str) -> str:
    """A part of a whole, 0 while there is nothing of it; nothing while there is no whole."""
    return f"({part} or vector(0)) / {whole}"
