"""The one rule on how many blocks a timing takes."""

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.blocks import PRECISE, Amount, median_error

LOG_RATIOS = st.lists(st.floats(-1, 1), min_size=1, max_size=40)
COUNTS = st.integers(0, 30)
AMOUNTS = st.builds(lambda planned, more, repeats: Amount(planned, planned + more, repeats), COUNTS, COUNTS, COUNTS)


def test_the_error_of_a_median_is_that_of_normal_values():
    """Simulated: the median of 25 normal values spreads by about 1.2533 / 5, and is believed to."""
    rng = random.Random(1)
    drawn = [[rng.gauss(0, 1) for _ in range(25)] for _ in range(2000)]
    spread = statistics.stdev(map(statistics.median, drawn))
    assert statistics.median(map(median_error, drawn)) == pytest.approx(spread, rel=0.05)


def test_a_few_wild_blocks_do_not_raise_it():
    assert median_error([0.0, 0.01, -0.01, 5.0]) == pytest.approx(1.4826 * 1.25331 * 0.01 / 2, rel=1e-4)


def test_planned_blocks_are_always_taken_and_the_most_is_never_exceeded():
    amount = Amount(planned=4, most=6, repeats=3)
    assert [amount.enough([0.0] * n, 0) for n in range(3, 6)] == [False, True, True]
    apart = [-0.1, 0.0, 0.1] * 3
    assert [amount.enough(apart[:n], 0) for n in range(3, 8)] == [False, False, False, True, True]
    assert not amount.enough(apart[:5], 2)
    assert amount.enough(apart[:5], 3)


@given(LOG_RATIOS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_enough_is_one_of_four_reasons(log_ratios, planned, more, repeats, repeated):
    amount = Amount(planned, planned + more, repeats)
    stops = len(log_ratios) >= amount.most or repeated >= repeats or median_error(log_ratios) <= PRECISE
    assert amount.enough(log_ratios, repeated) == (len(log_ratios) >= planned and stops)


@given(AMOUNTS, AMOUNTS)
def test_both_sides_of_a_pair_take_as_many_blocks_as_either_plans_and_repeat_what_both_may(one, other):
    both = one.beside(other)
    assert both == other.beside(one)
    assert both.planned == max(one.planned, other.planned)
    assert both.planned <= both.most <= max(one.most, other.most)
    assert both.repeats == min(one.repeats, other.repeats)
