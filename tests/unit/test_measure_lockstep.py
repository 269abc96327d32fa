"""Samples taken in turns: the other process and the controller are a list of answers."""

import math
from itertools import pairwise

import pytest

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.measure.lockstep import InTurns
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.measure.sampling import Conditions, Target, sample
from pytest_modelbench.testing.clock import FakeClock

MS = 1_000_000


class Turns:
    """``answers`` of the controller, one for each question."""

    def __init__(self, answers, clock):
        self.answers, self.clock = list(answers), clock
        self.asked, self.told, self.calls = None, [], []

    def ready(self, case, amount):
        self.asked = (case, amount)
        return 7

    def wait(self):
        self.calls.append(self.clock.log.count("T"))
        return self.answers.pop(0)

    def done(self, log_ratio, disturbed):
        self.told.append((log_ratio, disturbed))


def in_turns(clock, turns, plan=None, call_ms=10, **conditions):
    """Samples of calls that take so long, and the number that the timing has in its test."""
    lead = InTurns(turns, "case")
    return sample(Target(clock.work(call_ms * MS), clock), lead, plan, Conditions(**conditions)), lead.timing


def test_a_sample_is_taken_when_told_after_one_call_that_does_not_count():
    clock = FakeClock()
    turns = Turns([True] * 4 + [False], clock)
    samples, number = in_turns(clock, turns, SamplingPlan(min_blocks=2, max_blocks=2))
    assert (turns.asked, number) == (("case", Amount(planned=2, most=6, repeats=3, fewest=2)), 7)
    assert turns.told == [(pytest.approx(math.log(0.01)), False)] * 4
    assert [later - earlier for earlier, later in pairwise(turns.calls)] == [3] * 4
    assert [block.target_s for block in samples.blocks] == [(0.01, 0.01)] * 2
    assert samples.log_ratio == pytest.approx(math.log(0.01))


def test_a_call_that_fills_a_sample_is_not_made_twice():
    clock = FakeClock()
    turns = Turns([True] * 4 + [False], clock)
    in_turns(clock, turns, SamplingPlan(min_blocks=2, max_blocks=2), call_ms=20)
    assert [later - earlier for earlier, later in pairwise(turns.calls)] == [1] * 4


def test_tensors_move_between_blocks_before_a_call_that_does_not_count():
    clock = FakeClock()
    turns = Turns([True] * 16 + [False], clock)
    moved, asked = [], []

    def disturbed():
        asked.append(clock.log.count("T"))
        return False

    plan = SamplingPlan(min_blocks=8, max_blocks=8)
    in_turns(clock, turns, plan, disturbed=disturbed, renew=lambda: moved.append(len(turns.told)))
    assert moved == [4, 8, 12]
    calls = [later - earlier for earlier, later in pairwise(turns.calls)]
    assert calls == [3, 3, 3, 3] + [4, 3, 3, 3] * 3
    # What happens while they move is not the sample's.
    assert asked[8] == turns.calls[4] + 1


def test_what_happened_while_the_process_was_stopped_does_not_disturb_its_sample():
    clock = FakeClock()
    turns = Turns([True, True, False], clock)
    answers = iter([True, False, True, True])  # before and after each of two samples
    in_turns(clock, turns, disturbed=lambda: next(answers))
    assert [disturbed for _, disturbed in turns.told] == [False, True]


@pytest.mark.parametrize("answers", [[False], [True, False], [True, True, True, False]])
def test_without_another_process_or_cut_short_whole_blocks_come_out_all_the_same(answers):
    clock = FakeClock()
    samples, _ = in_turns(clock, Turns(answers, clock))
    assert samples.blocks
    assert {block.target_s for block in samples.blocks} == {(0.01, 0.01)}
