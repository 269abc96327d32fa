"""Observations as values and as the line of text that files keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.observations import MOST_SAMPLES, Observations, Observed, hits, numbers, read, scores


@given(st.lists(st.booleans(), min_size=1, max_size=300))
def test_hits_survive_the_way_through_a_line_of_text(correct):
    found = hits(correct)
    assert read(found.text()) == found == Observations(Observed.HITS, tuple(map(float, correct)))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_scores_survive_to_a_fraction_of_a_percent(values):
    found = scores(values)
    assert read(found.text()) == found
    assert found.kind is Observed.SCORES
    assert found.values == pytest.approx(values, abs=0.5 / 255 + 1e-9)


@given(st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=20))
def test_numbers_survive_to_nine_digits(values):
    found = numbers(values)
    assert read(found.text()) == found
    assert found.values == pytest.approx(values, rel=1e-8)


def test_texts_are_short():
    assert hits([True, True, False, True, False]).text() == "hits 5 1a"
    assert scores([1.0, 0.5, 0.0]).text() == "scores 3 ff8000"
    assert numbers([1.25, -0.5]).text() == "numbers 1.25 -0.5"


def test_a_data_set_too_large_to_keep_leaves_no_observations():
    assert hits([True] * (MOST_SAMPLES + 1)) is None
    assert scores([0.5] * (MOST_SAMPLES + 1)) is None


@pytest.mark.parametrize(
    "text",
    ["", "hits", "hits 5", "hits 5 ff", "hits 20 1a", "hits x 1a", "hits 4 -1", "scores 2 ff", "scores 1 zz",
     "scores 1 0x", "numbers", "numbers nan", "numbers 1 two", "guesses 3 1"],
)  # fmt: skip
def test_what_is_no_observation_is_refused(text):
    with pytest.raises(ValueError):
        read(text)


@pytest.mark.parametrize("values", [(), (float("nan"),), (1.0, float("inf"))])
def test_observations_are_finite_numbers(values):
    with pytest.raises(ValueError, match="one finite number or more"):
        Observations(Observed.NUMBERS, values)


@pytest.mark.parametrize("score", [-0.1, 1.1])
def test_scores_lie_between_0_and_1(score):
    with pytest.raises(ValueError, match="between 0 and 1"):
        scores([0.5, score])
