"""Bisections by the code that decides: wrong turns are as rare as stated, and exact values lead to the commit."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.bisection import Ended, Side
from pytest_modelbench.core.metrics import Better
from pytest_modelbench.judge.bisection import Sought, TimesSearch, decisions, middle
from pytest_modelbench.judge.estimate import Edges
from pytest_modelbench.judge.exact_bisection import ValueSearch

LOOKS = (2, 3, 5, 8, 13, 20)
TEN = math.log(1.1)


def searched(rng, truth, sd, revisions=64, passed=(), better=Better.LOWER):
    """The answer, and how many pairs it took, where revision ``at`` is slower by ``truth(at)`` in log."""
    search = TimesSearch(revisions, Sought(Edges.of_band(0.05), better), LOOKS)
    pairs = 0
    while (at := search.wants()) is not None:
        pairs += 1
        if at in passed:
            search.pass_over(at)
            continue
        assert pairs < 1000
        search.tell(at, truth(at) + rng.gauss(0, sd))
    return search.answer(), pairs


def outcomes(truth, sd, times, **more):
    rng = random.Random(5)
    return [searched(rng, truth, sd, **more) for _ in range(times)]


@pytest.mark.parametrize(("sd", "most"), [(0.005, 20), (0.01, 24), (0.015, 32)])
def test_one_commit_of_ten_percent_is_found(sd, most):
    found = outcomes(lambda at: TEN * (at >= 40), sd, 200)
    assert sum((answer.ended, answer.bad) == (Ended.FOUND, 40) for answer, _ in found) >= 198
    assert not any(answer.ended is Ended.FOUND and answer.bad != 40 for answer, _ in found)
    assert sum(pairs for _, pairs in found) / len(found) < most


def test_on_a_noisy_machine_it_ends_with_a_range_and_not_with_another_commit():
    found = [answer for answer, _ in outcomes(lambda at: TEN * (at >= 40), 0.03, 200)]
    assert sum(one.ended is Ended.FOUND and one.bad != 40 for one in found) <= 10  # 5 %
    assert all(one.good < 40 <= one.bad for one in found if one.ended is Ended.BETWEEN)


def test_a_speed_up_is_found_as_well():
    found = [answer for answer, _ in outcomes(lambda at: -TEN * (at >= 7), 0.01, 50, better=Better.HIGHER)]
    assert {(one.ended, one.bad) for one in found} == {(Ended.FOUND, 7)}


def test_ends_that_do_the_same_are_alike():
    assert Counter(answer.ended for answer, _ in outcomes(lambda at: 0.0, 0.01, 200))[Ended.ALIKE] == 200


def test_noise_that_leaves_the_ends_open_is_told():
    found = {answer.ended for answer, _ in outcomes(lambda at: 0.0, 0.2, 20)}
    assert found == {Ended.OPEN}


def test_two_commits_that_share_a_change_are_told_as_several():
    truth = lambda at: TEN / 2 * (at >= 20) + TEN / 2 * (at >= 50)  # noqa: E731
    found = [answer for answer, _ in outcomes(truth, 0.005, 100)]
    assert sum(one.several for one in found) >= 98
    assert {one.bad for one in found if one.ended is Ended.FOUND} <= {20, 50}


def test_the_last_and_the_first_commit_can_be_it():
    for at in (1, 64):
        found = [answer for answer, _ in outcomes(lambda one, at=at: TEN * (one >= at), 0.01, 30)]
        assert {(one.ended, one.bad, one.several) for one in found} == {(Ended.FOUND, at, False)}


def test_a_range_of_one_commit_takes_no_turn():
    answer, _ = searched(random.Random(1), lambda at: TEN, 0.005, revisions=1)
    assert (answer.ended, answer.good, answer.bad) == (Ended.FOUND, 0, 1)
    assert decisions(1) == 1


def test_commits_that_cannot_be_measured_leave_a_range():
    answer, _ = searched(random.Random(1), lambda at: TEN * (at >= 40), 0.005, passed={39, 40, 41})
    assert (answer.ended, answer.good, answer.bad) == (Ended.BETWEEN, 38, 42)


def test_what_was_disturbed_counts_only_where_most_was():
    def told(disturbed):
        search = TimesSearch(1, Sought(Edges.of_band(0.05), Better.LOWER), LOOKS)
        for number in range(4):
            search.tell(1, 5.0 if number in disturbed else TEN + 0.001 * number, disturbed=number in disturbed)
        return search.shift(1).log

    assert told({0}) == pytest.approx(TEN + 0.002)
    assert told({0, 1, 2}) > 3


def test_pairs_that_tell_nothing_end_the_search_as_open():
    search = TimesSearch(8, Sought(Edges.of_band(0.05), Better.LOWER), LOOKS)
    for _ in range(LOOKS[-1]):
        assert search.wants() == 8
        search.tell(8, None)
    assert (search.wants(), search.answer().ended, search.answer().whole) == (None, Ended.OPEN, None)


def test_what_is_known_of_a_revision_can_be_told():
    search = TimesSearch(8, Sought(Edges.of_band(0.05), Better.LOWER), LOOKS)
    assert (search.side(8), search.shift(8)) == (None, None)
    while search.wants() == 8:
        search.tell(8, TEN + random.Random(1).gauss(0, 0.001))
    assert search.side(8) is Side.AFTER
    assert search.shift(8).low < TEN + 0.002 and search.shift(8).high > TEN - 0.002  # noqa: PT018


@given(st.data())
def test_an_exact_step_is_always_found(data):
    revisions = data.draw(st.integers(1, 200))
    at = data.draw(st.integers(1, revisions))
    then, now = data.draw(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=2, unique=True))
    passed = data.draw(st.sets(st.integers(1, max(1, revisions - 1)), max_size=5)) - {revisions}
    search, asked = ValueSearch(revisions, then, now), 0
    while (wanted := search.wants()) is not None:
        asked += 1
        if wanted in passed:
            search.pass_over(wanted)
        else:
            search.tell(wanted, now if wanted >= at else then, differs=wanted >= at)
    answer = search.answer()
    assert answer.good < at <= answer.bad
    assert set(range(answer.good + 1, answer.bad)) <= passed
    assert answer.ended is (Ended.FOUND if answer.bad - answer.good == 1 else Ended.BETWEEN)
    assert not answer.several
    assert asked <= math.ceil(math.log2(revisions)) + len(passed) + 1


def test_exact_values_that_are_the_same_and_made_of_something_else_are_searched_by_that():
    search = ValueSearch(4, 10.0, 10.0)
    while (at := search.wants()) is not None:
        search.tell(at, 10.0, differs=at >= 3)
    assert (search.answer().ended, search.answer().bad) == (Ended.FOUND, 3)


def test_exact_values_that_do_not_differ_are_alike():
    search = ValueSearch(4, 10.0, 10.0, differ=False)
    assert (search.wants(), search.answer().ended) == (None, Ended.ALIKE)


def test_an_exact_change_in_several_steps_is_told_as_such():
    search = ValueSearch(10, 10.0, 30.0)
    while (at := search.wants()) is not None:
        search.tell(at, 10.0 + 8 * (at >= 3) + 12 * (at >= 7), differs=at >= 3)
    answer = search.answer()
    assert (answer.bad, answer.several) == (7, True)
    assert answer.own.log == pytest.approx(math.log(30 / 18))


@pytest.mark.parametrize(("rest", "several"), [(0.0, False), (1e-9, False), (194.0, True), (-194.0, True)])
def test_of_an_exact_change_every_rest_lies_elsewhere_however_small(rest, several):
    first, last = 525_994.0, 638_028.0
    search = ValueSearch(10, first, last)
    while (at := search.wants()) is not None:
        search.tell(at, first + rest * (at >= 3) + (last - first - rest) * (at >= 7), differs=at >= 3)
    assert (search.answer().bad, search.answer().several) == (7, several)


def test_the_middle_is_what_can_be_measured_next_to_it():
    assert middle(0, 10, ()) == 5
    assert middle(0, 10, {5}) == 4
    assert middle(0, 2, {1}) is None


@given(st.integers(0, 2**32), st.lists(st.floats(-0.3, 0.3), min_size=2, max_size=40), st.floats(0.001, 0.05))
def test_whatever_the_truth_and_whoever_else_asks_a_search_ends_with_its_ends_in_order(seed, levels, sd):
    """Checks of one test share its pairs: each hears of revisions that another one asked for, and some fail."""
    rng, revisions = random.Random(seed), len(levels)
    search = TimesSearch(revisions, Sought(Edges.of_band(0.05), Better.LOWER), LOOKS)
    asked = 0
    while (at := search.wants()) is not None:
        asked += 1
        assert asked <= 40 * (revisions + 2)
        if rng.random() < 0.1:
            search.pass_over(at)
        else:
            search.tell(at, levels[at - 1] + rng.gauss(0, sd))
        other = rng.randint(1, revisions)
        if other != search.wants():
            search.tell(other, levels[other - 1] + rng.gauss(0, sd))
        answer = search.answer()
        assert 0 <= answer.good < answer.bad <= revisions


def test_a_change_that_is_partly_taken_back_is_told_as_several():
    truth = lambda at: math.log(1.2) * (at >= 20) - math.log(1.1) * (at >= 40)  # noqa: E731
    found = [answer for answer, _ in outcomes(truth, 0.005, 50)]
    assert sum(one.several for one in found) >= 48


def test_a_ramp_ends_with_a_range_that_holds_a_part_of_it_or_is_told_as_several():
    found = [answer for answer, _ in outcomes(lambda at: TEN * at / 64, 0.005, 50)]
    for one in found:
        share = TEN * (one.bad - one.good) / 64 / TEN
        assert share > 0.2 or one.several, one
