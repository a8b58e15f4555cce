"""The life of a job as it is drawn."""

import re

from core.jobs.lifecycle import FINAL, TRANSITIONS
from core.jobs.model import Event, Outcome, State
from docs.generator import lifecycle
from docs.generator.words import described
from scheduler.verdict import FailureCode


def test_every_state_can_be_reached_and_says_where_it_lives() -> None:
    assert {step.target for step in TRANSITIONS} == set(State) == lifecycle.HOMES.keys()


def test_what_is_final_has_no_way_out_and_everything_else_has_one() -> None:
    assert {step.source for step in TRANSITIONS if step.source} == set(State) - FINAL


def test_no_move_is_listed_twice() -> None:
    moves = [(step.source, step.target, step.mover) for step in TRANSITIONS]
    assert len(moves) == len(set(moves))


def test_every_line_of_the_picture_can_be_drawn() -> None:
    lines = lifecycle.picture().splitlines()[2:-1]
    names = "|".join(State)
    arrow = re.compile(rf"    (\[\*\]|{names}) --> (\[\*\]|{names})(: [a-z, ]+)?")
    assert [line for line in lines if not arrow.fullmatch(line)] == []


def test_every_word_that_is_shown_is_explained() -> None:
    for words in (State, Outcome, FailureCode):
        assert [word for word, sentence in described(words).items() if not sentence] == []


def test_words_without_sentences_are_still_listed() -> None:
    assert list(described(Event)) == [event.value for event in Event]
