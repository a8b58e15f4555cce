"""What the statements and the structs must agree on."""

from core.jobs import statements
from core.jobs.model import NewJob, Settlement


def test_the_columns_of_a_new_job_are_its_fields_in_their_order() -> None:
    assert tuple(statements.NEW_JOB) == NewJob.__struct_fields__


def test_the_columns_of_a_settlement_are_its_fields_in_their_order() -> None:
    assert tuple(statements.SETTLEMENT) == Settlement.__struct_fields__
