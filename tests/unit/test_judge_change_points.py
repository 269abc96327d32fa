"""Where series change their level: what is found on simulated noise, how soon and where, and how rarely in vain."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.judge.change_points import LEAST_BEFORE, Course, change_points, exact_change_points

SPREAD = 0.011


def night_by_night(values: list[float], group: str = "test") -> Course:
    return Course(group, {f"{night:04}": value for night, value in enumerate(values)})


def noise(drawn: random.Random, nights: int, models: int = 6, shared: float = 0.008) -> list[list[float]]:
    """Series of which each has noise of its own, and all have that of the night."""
    of_night = [drawn.gauss(0, shared) for _ in range(nights)]
    own = math.sqrt(SPREAD**2 - shared**2)
    return [[together + drawn.gauss(0, own) for together in of_night] for _ in range(models)]


def found(series: list[list[float]]) -> list[list[int]]:
    courses = [night_by_night(values, str(number)) for number, values in enumerate(series)]
    return [[point.at for point in points] for points in change_points(courses)]


@pytest.mark.slow
def test_an_unchanged_series_has_a_false_change_in_a_thousand_nights_at_most():
    drawn, false, looked = random.Random(1), set(), 0
    for world in range(30):
        series = noise(drawn, 80)
        for until in range(LEAST_BEFORE, 81):
            for number, points in enumerate(found([one[:until] for one in series])):
                false |= {(world, number, at // 5) for at in points}
        looked += 6 * 80
    assert len(false) <= looked / 1000 + 2 * math.sqrt(looked / 1000)  # two standard deviations of that many


@pytest.mark.parametrize(("step", "least"), [(0.03, 0.9), (-0.03, 0.9), (0.05, 0.99)])
def test_a_step_is_found_within_five_nights_and_where_it_is(step, least):
    drawn, told, near = random.Random(2), 0, 0
    for _ in range(100):
        series = noise(drawn, 45)
        series[2][40:] = [value + step for value in series[2][40:]]
        points = found(series)[2]
        told += bool(points)
        near += any(abs(at - 40) <= 1 for at in points)
    assert told >= 100 * least
    assert near >= 0.9 * told


def test_a_change_tells_both_levels():
    (point,) = change_points([night_by_night([0.0, 0.01] * 15 + [0.2, 0.21] * 10)])[0]
    assert point.at == 30
    assert (point.before, point.after) == (pytest.approx(0.005), pytest.approx(0.205))
    assert point.difference == pytest.approx(0.2)


def test_what_is_undone_after_some_nights_is_two_changes():
    values = [0.0, 0.01] * 15
    (points,) = found([values + [0.1] * 4 + values])
    assert points == [30, 34]


def test_a_night_or_two_far_out_are_no_level_and_three_are():
    values = [0.0, 0.01] * 15
    assert found([[*values, 0.5, *values]]) == [[]]
    assert found([[*values, 0.5, 0.5]]) == [[]]
    assert found([[*values, 0.5, 0.5, 0.5]]) == [[30]]


def test_nothing_is_said_before_it_is_known_how_far_nights_differ():
    assert found([[0.0] * (LEAST_BEFORE - 3) + [1.0] * 5]) == [[]]
    assert found([[0.0] * LEAST_BEFORE + [1.0] * 5]) == [[LEAST_BEFORE]]
    assert found([[], [0.0], [0.0, 1.0]]) == [[], [], []]


def test_what_moves_all_checks_is_taken_out_of_each_and_still_told_where_it_stays():
    drawn = random.Random(3)
    series = noise(drawn, 60, shared=0.0105)
    series[0][55:] = [value + 0.02 for value in series[0][55:]]
    alone = found([series[0]])
    assert (alone, [len(points) for points in found(series)]) == ([[]], [1, 0, 0, 0, 0, 0])
    moved = [values[:40] + [value + 0.05 for value in values[40:]] for values in noise(random.Random(4), 60)]
    assert all(any(abs(at - 40) <= 1 for at in points) for points in found(moved))


def test_the_rate_of_a_model_does_not_take_its_own_time_out():
    values = [0.0, 0.01] * 15 + [0.05, 0.06, 0.05, 0.06]
    time, rate, other = (night_by_night(one, group) for one, group in
                         ((values, "a"), (values, "a"), ([0.0, 0.0, 0.01, 0.01] * 9, "b")))  # fmt: skip
    assert [[point.at for point in points] for points in change_points([time, rate, other])] == [[30], [30], []]


def test_nights_that_a_check_missed_are_no_nights_of_it():
    drawn = random.Random(5)
    series = noise(drawn, 60)
    series[0][40:] = [value + 0.06 for value in series[0][40:]]
    courses = [
        Course(str(number), {f"{night:04}": value for night, value in enumerate(values) if drawn.random() < 0.8})
        for number, values in enumerate(series)
    ]
    (point,), *others = change_points(courses)
    assert "0038" <= list(courses[0].values)[point.at] <= "0042"
    assert not any(others)


def test_of_exact_values_every_change_is_one():
    points = exact_change_points([7, 7, 8, 8, 7])
    assert [(point.at, point.before, point.after) for point in points] == [(2, 7, 8), (4, 8, 7)]
    assert exact_change_points([]) == exact_change_points([1]) == ()


@given(st.lists(st.lists(st.floats(-700, 700), max_size=60), max_size=4))
def test_whatever_a_history_holds_changes_are_places_in_it_in_their_order(series):
    for values, points in zip(series, found(series), strict=True):
        assert points == sorted(set(points))
        assert all(2 <= at <= len(values) - 2 for at in points)
