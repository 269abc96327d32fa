"""What a session learns of days: from nights, from what is stored, and from its own other checks."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.reasons import EnvironmentMoved
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.judging import judge
from pytest_modelbench.judge.procedure import Compared, Duet, Procedure
from pytest_modelbench.judge.spread import MOST_OF_OTHERS, UNKNOWN
from pytest_modelbench.session.learning import Learning
from pytest_modelbench.store.nights import Nights
from tests.unit.simulated import baseline, measurement
from tests.unit.test_store_nights import night

ANCHOR = (0.0, 0.001, -0.001, 0.0005, -0.0005)


def measured(test, *log_ratios):
    return [replace(measurement(number, log_ratio=one), test=test) for number, one in enumerate(log_ratios, 1)]


def learning(*tests, nights=(), **more):
    views = {CheckKey(test, "latency"): baseline(anchor=ANCHOR, accepted="a", **more) for test in tests}
    return Learning(Nights(tuple(nights)), views.get, views), views


def taught(lessons, views, test, *log_ratios, **more):
    stored = views.get(CheckKey(test, "latency"))
    return lessons.taught(Compared(measured(test, *log_ratios), stored, **more))


def test_the_first_check_knows_nothing_and_what_is_new_teaches_nothing():
    lessons, views = learning("a", "b")
    assert taught(lessons, views, "new", 0.5, 0.5).days == UNKNOWN
    assert taught(lessons, views, "a", 0.0, 0.001).days == UNKNOWN


def test_what_others_do_tonight_says_how_tonight_differs():
    for apart in (0.0, 0.03):
        lessons, views = learning("a", "b", "c", "d")
        for test in "bcd":
            taught(lessons, views, test, apart, apart + 0.001)
        days = taught(lessons, views, "a", 0.0, 0.001).days
        # Three tests of the same speed, one degree of freedom each.
        assert days.dof == pytest.approx(3, rel=0.1)
        expected = (apart + 0.0005) ** 2 / 2
        assert days.variance == pytest.approx(expected, rel=0.15, abs=1e-6)


@pytest.mark.parametrize(
    ("apart", "stored", "identity"),
    [
        (0.2, {}, {}),
        (-0.2, {}, {}),
        (0.03, {"reference_log_s": math.log(0.1) - 0.5}, {}),
        (0.03, {"identity": {"cores": 2}}, {"cores": 4}),
    ],
)
def test_what_changed_or_cannot_be_compared_is_no_measure_of_days(apart, stored, identity):
    lessons, views = learning("a", "b")
    key = CheckKey("b", "latency")
    views[key] = replace(views[key], **stored)
    taught(lessons, views, "b", apart, apart, identity=identity)
    assert taught(lessons, views, "a", 0.0, 0.001).days == UNKNOWN


def test_nights_of_the_baseline_s_code_are_sessions_of_it_and_those_that_were_away_are_none():
    seen = night(1, 0.02, 0.021, accepted="a"), night(2, 0.3, 0.3, accepted="a", away=True)
    key = next(iter(seen[0].checks))
    lessons, views = learning(key, nights=seen)
    known = taught(lessons, views, key, 0.0, 0.001)
    assert known.stored.sessions == ((0.02, 0.021),)
    assert known.away_before == 1
    # Accepting took the night over: it is one session, not two.
    lessons, views = learning(key, nights=seen, sessions=((0.02, 0.021),))
    assert taught(lessons, views, key, 0.0, 0.001).stored.sessions == ((0.02, 0.021),)


def test_nights_of_other_code_teach_how_far_that_one_s_days_differ():
    other = [night(day, ratio, ratio, commit="x") for day, ratio in enumerate((0.0, 0.02, 0.04), 1)]
    key = next(iter(other[0].checks))
    lessons, views = learning(key, nights=other)
    days = taught(lessons, views, key, 0.0, 0.001).days
    assert (days.dof, days.variance) == (2, pytest.approx(0.02**2, rel=0.01))


def test_a_night_that_cannot_be_one_teaches_nothing():
    """As of a file that is damaged and still valid: 0.01 became 9.01."""
    own = [night(day, ratio, ratio, accepted="a") for day, ratio in enumerate((0.01, 9.01), 1)]
    other = [night(day, ratio, ratio, commit="x") for day, ratio in enumerate((0.0, 9.0, 0.02, 0.04), 3)]
    key = next(iter(own[0].checks))
    lessons, views = learning(key, nights=[*own, *other])
    known = taught(lessons, views, key, 0.0, 0.001)
    assert known.stored.sessions == ((0.01, 0.01),)
    assert known.days.variance == pytest.approx(0.02**2, rel=0.01)


def test_a_check_whose_processes_explain_all_says_next_to_nothing_of_days():
    lessons, views = learning("a", "b", "c")
    taught(lessons, views, "b", 0.06, 0.061)
    calm = taught(lessons, views, "a", 0.0, 0.001).days
    taught(lessons, views, "c", -0.2, 0.2)  # processes 40 % apart
    days = taught(lessons, views, "a", 0.0, 0.001).days
    assert days.variance == pytest.approx(calm.variance, rel=0.05)
    assert days.dof == pytest.approx(calm.dof, abs=0.1)


def test_nights_teach_checks_that_have_none():
    other = [night(day, ratio, ratio, accepted="a") for day, ratio in enumerate((0.01, 0.02, -0.01, 0.0) * 5, 1)]
    key = next(iter(other[0].checks))
    lessons, views = learning(key, "fresh", nights=other)
    assert taught(lessons, views, "fresh", 0.0, 0.001).days.dof == pytest.approx(MOST_OF_OTHERS)


def test_where_versions_are_in_question_what_moved_all_tests_tonight_is_no_measure_of_days():
    lessons, views = learning("a", "b", "c", "d")
    for test in "bcd":
        taught(lessons, views, test, 0.1, 0.101)
    known = taught(lessons, views, "a", 0.1, 0.101)
    assert known.days.variance > 0.03**2
    assert known.days_before == UNKNOWN


def slower_by_versions(tests, apart, duet):
    """The rulings on tests that are all slower tonight, on another torch; the code is cleared, or the very same."""
    then, now = {"torch": "2.14"}, {"torch": "2.15"}
    lessons, views = learning(*tests, provenance=then)
    procedure = Procedure(checks=len(tests), same_code=duet is None)
    count = 9 if duet is None else 6
    for test in tests:
        taught(lessons, views, test, apart, apart + 0.001)
    compared = {
        test: lessons.taught(
            Compared(measured(test, *[apart + 0.001 * (n % 3) for n in range(count)]), views[key], {}, now)
        )
        for test in tests
        if (key := CheckKey(test, "latency"))
    }
    return [judge(one, procedure, duet).judgement for one in compared.values()]


@pytest.mark.parametrize(
    "duet", [None, Duet("commit abc", pairs=3, changes=(0.0, 0.001, -0.001), looks=(3,), before=2)]
)
def test_an_upgrade_that_slows_all_tests_alike_is_found(duet):
    told = slower_by_versions("abcdef", 0.1, duet)
    assert {one.verdict for one in told} == {Verdict.REGRESSED}
    assert all(one.because(EnvironmentMoved) for one in told)
    assert {one.verdict for one in slower_by_versions("abcdef", 0.0, duet)} == {Verdict.OK}
