"""What the tables in `core.tables` are made of: the metadata they share, and the columns that recur."""

from typing import Any

from sqlalchemy import Column, DateTime, MetaData, Table, func
from sqlalchemy.dialects.postgresql import UUID

_NAMING = {"pk": "%(table_name)s_pkey", "ix": "%(table_name)s_%(column_0_N_name)s_idx"}
metadata = MetaData(naming_convention=_NAMING)

_NOW = func.now()

# Small tables that churn: vacuum by rows, not by share of the table, and without pausing.
CHURN = {
    "autovacuum_vacuum_scale_factor": 0,
    "autovacuum_vacuum_threshold": 2000,
    "autovacuum_vacuum_cost_delay": 0,
    "autovacuum_analyze_scale_factor": 0,
    "autovacuum_analyze_threshold": 20000,
}


def table(name: str, *columns: Any, **options: Any) -> Table:
    """A table of ours."""
    return Table(name, metadata, *columns, **options)


def at(name: str, *, nullable: bool = False, now: bool = False) -> Column[Any]:
    """An instant; with `now`, that of the transaction unless another is given."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=_NOW if now else None)


def uuid(name: str, *, key: bool = False, nullable: bool = False) -> Column[Any]:
    """An id."""
    return Column(name, UUID(as_uuid=True), primary_key=key, nullable=nullable)
