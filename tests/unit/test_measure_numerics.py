"""Outputs in a few numbers."""

import math

import pytest
import torch

from pytest_modelbench.core.errors import MeasureError
from pytest_modelbench.measure.numerics import fingerprint, largest_difference

EXPECTED = (
    5.3385391, 1.5811388, 0.9486833, -2.2135944, 7.2732386, -3.4785054, -5.3758720, 6.0083276, -1.5811388,
    6.0, 1.0, 9.0, 8.0,
)  # fmt: skip


def test_a_fingerprint_is_the_same_everywhere():
    """Literal values: a change of these numbers makes every stored output incomparable."""
    found = fingerprint([torch.arange(10.0)])
    assert found.rms == pytest.approx(math.sqrt(28.5))
    assert found.size == 10
    assert found.numbers == pytest.approx(EXPECTED, abs=1e-6)


def test_the_shapes_and_parts_of_an_output_do_not_matter_but_its_order_does():
    values = torch.arange(12.0)
    whole = fingerprint([values])
    assert fingerprint([values.reshape(3, 4)]) == whole
    assert fingerprint([values[:5], values[5:]]) == whole
    assert largest_difference(whole, fingerprint([values.flip(0)])) > 0.1


@pytest.mark.parametrize("change", [1e-3, 1e-2])
def test_a_change_of_everything_shows_in_its_own_size(change):
    values = torch.randn(1000, generator=torch.Generator().manual_seed(3))
    other = values + change * torch.randn(1000, generator=torch.Generator().manual_seed(4))
    assert 0.3 * change < largest_difference(fingerprint([values]), fingerprint([other])) < 5 * change


def test_one_value_of_a_thousand_that_changed_its_sign_shows():
    values = torch.ones(1000)
    other = values.clone()
    other[371] = -1
    # 2 / sqrt(1000) in every projection.
    assert largest_difference(fingerprint([values]), fingerprint([other])) == pytest.approx(2 / math.sqrt(1000))


def test_another_number_of_values_is_another_output():
    assert largest_difference(fingerprint([torch.ones(3)]), fingerprint([torch.ones(4)])) == math.inf


@pytest.mark.parametrize("tensors", [[], [torch.empty(0)], [torch.tensor([1.0, math.nan])], [torch.tensor([math.inf])]])
def test_what_cannot_be_compared_is_refused(tensors):
    with pytest.raises(MeasureError, match=r"nothing to compare|not finite"):
        fingerprint(tensors)
