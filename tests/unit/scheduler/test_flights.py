"""Which slots are free."""

from scheduler.flights import Flight, Flights
from tests.unit.scheduler.fakes import lease


class Book:
    """A book of two slots, and how often a slot came free while none was."""

    def __init__(self) -> None:
        self.freed = 0
        self.flights = Flights(concurrency=2, freed=self._count)

    def held(self) -> Flight:
        return self.flights.add(lease(), term=1)

    def written(self, flight: Flight) -> None:
        self.flights.remove(flight.lease.lease_token)

    def _count(self) -> None:
        self.freed += 1


def test_a_slot_comes_free_when_its_attempt_has_ended_and_not_only_when_that_is_written() -> None:
    book = Book()
    first, _ = book.held(), book.held()
    assert book.flights.free() == 0
    book.flights.settles(first)
    assert (book.flights.free(), book.freed, len(book.flights)) == (1, 1, 2)


def test_an_end_that_frees_one_more_slot_wakes_nobody() -> None:
    book = Book()
    book.flights.settles(book.held())
    assert (book.flights.free(), book.freed) == (2, 0)


def test_no_more_results_wait_to_be_written_than_there_are_slots() -> None:
    book = Book()
    waiting = [book.held() for _ in range(2)]
    for flight in waiting:
        book.flights.settles(flight)
    assert book.flights.free() == 0
    book.written(waiting[0])
    assert (book.flights.free(), book.freed) == (2, 2)
