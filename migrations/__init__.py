"""Alembic's versions of the schema in core.tables; applied by `python -m app migrate`."""
