"""What became of series: changes with their causes, across environments and acceptances, and what crept."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.levels import RECENT, Levels, levels

ACCEPTED = "2026-01-01T00:00:00.000Z-abc1234567"


def night(number: int, value: float = 100.0, **more: object) -> Night:
    started = f"{date(2026, 2, 1) + timedelta(number)}T08:00:00.000Z"
    one = Night(f"{started}-{number:010x}", started, f"{number:040x}", value, Verdict.OK, allowed=0.05,
                accepted=ACCEPTED, facts={"torch": "2.14"}, environment="here")  # fmt: skip
    return replace(one, **more)


def series(nights: list[Night], better: str = "lower", test: str = "t.py::test_a[x]") -> Series:
    return Series("portable", test, "size", "net", "bytes", better, tuple(nights))


def noisy(values: list[float], **more: object) -> Series:
    return replace(series([night(at, log_ratio=value) for at, value in enumerate(values)]), folder="here", **more)


def only(one: Series) -> Levels:
    (found,) = levels([one])
    return found


def test_a_change_of_an_exact_value_names_what_else_changed():
    upgraded = {"torch": "2.15"}
    found = only(series([night(0), night(1), night(2, 102.0, facts=upgraded), night(3, 102.0, facts=upgraded)]))
    (change,) = found.changes
    assert (change.last.session, change.first.session) == (night(1).session, night(2).session)
    assert (change.ratio, change.worse) == (1.02, True)
    assert [str(cause) for cause in change.causes] == ["torch 2.14 -> 2.15"]


@pytest.mark.parametrize(
    ("better", "now", "worse"),
    [("lower", 101, True), ("lower", 99, False), ("higher", 99, True), ("higher", 101, False), ("equal", 99, True)],
)
def test_which_way_is_worse_is_the_metrics(better, now, worse):
    (change,) = only(series([night(0), night(1, now)], better)).changes
    assert change.worse is worse


def test_machines_that_take_turns_are_looked_at_each_by_itself_and_tell_one_change_once():
    values = {"a": 100.0, "b": 101.0}
    nights = [night(at, values["ab"[at % 2]] + (5 if at >= 4 else 0), environment="ab"[at % 2]) for at in range(8)]
    assert [one.first.session for one in only(series(nights)).changes] == [night(4).session, night(5).session]
    same = [night(at, 105.0 if at >= 4 else 100.0, environment="ab"[at % 2]) for at in range(8)]
    assert [one.first.session for one in only(series(same)).changes] == [night(4).session]
    back = [night(at, 105.0 if 2 <= at < 4 or at >= 6 else 100.0, environment="ab"[at % 2]) for at in range(8)]
    assert len(only(series(back)).changes) == 3


def test_what_measured_something_else_is_no_level():
    before = [night(0, 7.0), night(1, 7.0)]
    assert not only(series([*before, night(2, verdict=Verdict.INCOMPARABLE), night(3)])).changes
    assert only(series([*before, night(2), night(3)])).changes


def test_a_noisy_level_is_told_by_its_log_ratio_and_the_rate_the_other_way_round():
    values = [0.0, 0.01] * 15 + [0.1, 0.11] * 3
    (slower,) = only(noisy(values)).changes
    (rate,) = only(noisy([-value for value in values], better="higher")).changes
    assert slower.first.session == rate.first.session == night(30).session
    assert slower.ratio == pytest.approx(1.1052, abs=0.0001)
    assert rate.ratio == pytest.approx(1 / 1.1052, abs=0.0001)
    assert slower.worse
    assert rate.worse


def test_a_noisy_level_may_have_changed_a_night_beside_and_what_changed_then_is_named():
    values = [0.0, 0.01] * 15 + [0.1, 0.11] * 3
    one = noisy(values)
    (change,) = only(one).changes
    assert (change.since.session, change.until.session) == (night(28).session, night(31).session)
    upgraded = [replace(each, facts={"torch": "2.15"}) if at >= 31 else each for at, each in enumerate(one.nights)]
    (change,) = only(replace(one, nights=tuple(upgraded))).changes
    assert [str(cause) for cause in change.causes] == ["torch 2.14 -> 2.15"]
    assert change.first.session == night(30).session


def test_a_year_is_looked_at():
    values = [0.5] * 30 + [0.0, 0.01] * 200
    assert not only(noisy(values)).changes
    assert only(noisy(values[:330])).changes


def drifted(ago: int, now: float = 102.0, accepted: str = ACCEPTED, better: str = "lower") -> bool:
    nights = [night(at, 100.0 if at < 30 - ago else now, accepted=accepted) for at in range(30)]
    return bool(only(series(nights, better)).drifted)


def test_what_is_new_worse_large_enough_and_in_no_baseline_holds_up():
    assert drifted(ago=RECENT)
    assert not drifted(ago=RECENT + 1)
    assert not drifted(ago=3, now=98.0)
    assert not drifted(ago=3, now=100.5)
    assert not drifted(ago=3, accepted=night(27).started + "-abc")
    assert drifted(ago=3, accepted=night(26).started + "-abc")
    assert not drifted(ago=3, accepted=f"{night(27).started[:10]}, commit abc1234")


def months(step: float, count: int = 3, allowed: float = 0.025, last: float = 1.0) -> Series:
    """Ten nights on each baseline; each is the one before and a ``step``, and so is the last level."""
    nights = []
    for month in range(count):
        base = 100.0 * (1 + step) ** month
        for at in range(10):
            value = base * (last if month == count - 1 else 1.0)
            nights.append(
                night(10 * month + at, value, ratio=value / base, allowed=allowed, accepted=f"2026-0{month + 1}-01")
            )
    return series(nights)


def test_three_accepted_steps_within_the_band_are_held_against_the_first_baseline():
    creep = only(months(0.01, last=1.01)).creep
    assert creep is not None
    assert (creep.first, creep.acceptances, creep.beyond) == ("2026-01-01", 2, True)
    assert creep.ratio == pytest.approx(1.01**3)
    for near in (months(0.01), months(-0.01, last=0.99), months(0.01, count=1, last=1.03)):
        found = only(near).creep
        assert found is None or not found.beyond


def test_a_step_beyond_the_band_that_was_accepted_is_a_new_beginning():
    assert only(months(0.03)).creep is None
    assert only(months(0.03, allowed=0.05)).creep.beyond is True


def test_creeping_holds_up_as_long_as_the_last_acceptance_is_news():
    assert only(months(0.03, allowed=0.05)).crept
    one = months(0.03, allowed=0.05)
    assert not only(replace(one, nights=(*one.nights, replace(one.nights[-1], session="later")))).crept


@given(
    st.lists(
        st.builds(
            night, st.integers(0, 50), st.floats(allow_nan=False, allow_infinity=False),
            log_ratio=st.none() | st.floats(allow_nan=False, allow_infinity=False),
            ratio=st.none() | st.floats(allow_nan=False, allow_infinity=False),
            allowed=st.none() | st.floats(allow_nan=False, allow_infinity=False), accepted=st.text(max_size=30),
            verdict=st.sampled_from(Verdict), environment=st.sampled_from(["a", "b"]),
        ), min_size=1, max_size=30,
    ), st.sampled_from(["lower", "higher", "equal", "?"]),
)  # fmt: skip
def test_whatever_a_file_holds_is_no_reason_to_end(nights, better):
    found = only(series(nights, better))
    assert isinstance(found.drifted, tuple)
    assert found.crept in (True, False)


def test_series_come_back_in_their_order():
    drawn = random.Random(0)
    given_ = [noisy([drawn.gauss(0, 0.01) for _ in range(20)], test=f"t{number}") for number in range(3)]
    given_.insert(1, series([night(0)]))
    assert [one.series for one in levels(given_)] == given_


def test_a_machine_that_measures_something_else_leaves_the_levels_of_others():
    nights = [night(at, 105.0 if at >= 4 else 100.0, environment="ab"[at % 2]) for at in range(8)]
    nights[7] = replace(nights[7], verdict=Verdict.INCOMPARABLE)
    assert [one.first.session for one in only(series(nights)).changes] == [night(4).session]
    crept = list(months(0.01, last=1.01).nights)
    other = replace(crept[-2], environment="there", verdict=Verdict.INCOMPARABLE)
    assert only(series([*crept[:-2], other, crept[-1]])).creep.beyond


def test_what_other_tools_measured_has_no_changes():
    nights = [night(at, 100.0 + at, imported=True) for at in range(5)]
    assert only(series(nights)).changes == ()
    assert only(series([replace(one, imported=False) for one in nights])).changes
