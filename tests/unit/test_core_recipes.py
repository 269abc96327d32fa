"""When two recipes are the same."""

import pytest

from pytest_modelbench.core.measurement import Comparability
from pytest_modelbench.core.recipes import about, same_recipe


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("", "", True),
        ("lr=0.1 epochs=10", "lr=0.1 epochs=10", True),
        ("lr=0.001 epochs=10", "lr=0.002 epochs=10", False),
        ("lr=0.1", "lr=0.1 epochs=10", False),
        ("", "mean ~0.5", False),
        ("mean ~0.485, ~0.456", "mean ~0.488, ~0.453", True),
        ("mean ~0.485, ~0.456", "mean ~0.489, ~0.456", False),
        ("mean ~127", "mean ~130", True),
        ("mean ~127", "mean ~131", False),
        ("mean ~-0.001", "mean ~0.002", True),
        ("mean ~0.50", "mean ~0.500", False),
        ("mean ~0.500", "mean 0.500", False),
        ("mean ~0.500", "deviation ~0.500", False),
        ("mean ~half", "mean ~third", False),
    ],
)
def test_chosen_words_are_held_exactly_and_measured_numbers_to_some_units(one, other, same):
    assert same_recipe(one, other) is same
    assert same_recipe(other, one) is same
    assert Comparability(data="d", recipe=one).matches(Comparability(data="d", recipe=other)) is same


def test_other_data_and_another_reference_do_not_match():
    assert not Comparability(data="a").matches(Comparability(data="b"))
    assert not Comparability(reference="a").matches(Comparability(reference="b"))


@pytest.mark.parametrize(
    ("value", "decimals", "text"), [(0.4852, 3, "~0.485"), (-0.0001, 3, "~0.000"), (127.4, -1, "~127")]
)
def test_measured_numbers_are_marked(value, decimals, text):
    assert about(value, decimals) == text
