"""Changes that are known only so well."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.judge.estimate import (
    PAIR_FLOOR,
    Estimate,
    detectable,
    paired,
    repeated,
    repetitions_needed,
    spent,
)
from tests.unit.simulated import EDGES


def test_mean_and_error_of_pairs_are_the_textbook_ones():
    assert paired([0.01, 0.03, 0.02]) == Estimate(pytest.approx(0.02), pytest.approx(0.01 / math.sqrt(3)), 2)


def test_pairs_that_agree_by_rounding_are_not_believed():
    assert paired([0.01, 0.01, 0.01, 0.01]).se == PAIR_FLOOR / 2


def test_half_of_the_band_is_ignored():
    assert pytest.approx((math.log(1.05), math.log(1.025))) == (EDGES.fail_above, EDGES.ignore_below)


def test_what_could_have_been_found_shrinks_with_repetitions():
    found = [detectable(repeated(0.0, 0.02, n), EDGES, 0.01) for n in (3, 8, 20, 2000)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(EDGES.ignore_below, abs=0.002)


@given(st.floats(-0.2, 0.2), st.floats(0.001, 0.1))
def test_needed_repetitions_decide_and_one_fewer_does_not(theta, sd):
    def decides(n):
        change = Estimate(theta, sd / math.sqrt(n), n - 1)
        return change.upper(0.01) < EDGES.fail_above or change.lower(0.01) > EDGES.ignore_below

    needed = repetitions_needed(lambda n: repeated(theta, sd, n), EDGES, 0.01, 0.01)
    assert needed is not None
    assert decides(needed)
    assert needed == 2 or not decides(needed - 1)


@given(st.floats(0.001, 0.5), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_looks_spend_the_error_rate_and_no_more(rate, steps):
    looks = [sum(steps[: number + 1]) for number in range(len(steps))]
    shares = [spent(rate, looks, look) for look in looks]
    assert math.fsum(shares) == pytest.approx(rate)
    assert shares[0] >= rate / 2
