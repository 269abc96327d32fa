"""Outputs in a few numbers, and what is recorded of them."""

import math
import random

import pytest
import torch
from torch import nn

from pytest_modelbench.bench.modelbench import ModelBench
from pytest_modelbench.bench.numerics import output_of
from pytest_modelbench.bench.process import Bench
from pytest_modelbench.core.errors import MeasureError, UsageError
from pytest_modelbench.core.measurement import Comparability
from pytest_modelbench.core.metrics import Scope
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.measure.numerics import fingerprint, in_short
from pytest_modelbench.models.build import build
from pytest_modelbench.models.training import TrainStep
from pytest_modelbench.testing.worker import ENVIRONMENT
from tests.unit.fingerprints import largest_difference

CPU = torch.device("cpu")

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
    three, four = fingerprint([torch.ones(3)]), fingerprint([torch.ones(4)])
    assert three.rms == four.rms
    assert (three.size, four.size) == (3, 4)


@pytest.mark.parametrize("tensors", [[], [torch.empty(0)], [torch.tensor([1.0, math.nan])], [torch.tensor([math.inf])]])
def test_what_cannot_be_compared_is_refused(tensors):
    with pytest.raises(MeasureError, match=r"nothing to compare|not finite"):
        fingerprint(tensors)


class Bright(nn.Module):
    """What is brighter than one, as a detector that finds nothing in dark images."""

    def forward(self, images):
        return [{"scores": image[image > 1]} for image in images]


@pytest.fixture
def held():
    made = ModelBench(Bench(Settings(), "cpu", ENVIRONMENT, 1, (measurements := []).append), "test")
    made.measurements = measurements
    return made


@pytest.mark.parametrize(("precision", "band"), [("fp32", "0.1%"), ("bf16", "10%"), ("amp-bf16", "10%")])
def test_an_output_is_portable_and_its_band_follows_the_precision(held, precision, band):
    model = build(lambda: nn.Conv2d(3, 2, 1), name="net", device=CPU, image_size=4, precision=precision)
    found = held.numerics(model)
    (one,) = held.measurements
    assert (one.name, one.case, one.value, one.comparability) == ("output", model.case, found.rms, Comparability())
    assert (one.metric.scope, one.metric.band.text) == (Scope.PORTABLE, band)
    assert one.observations.values == pytest.approx((*found.numbers, 32))


def test_a_model_that_computes_something_else_each_time_is_refused_with_the_part_that_does(held):
    class Drawing(nn.Module):
        def __init__(self):
            super().__init__()
            self.own = random.Random(0)

        def forward(self, images):
            return images + self.own.random()

    model = build(lambda: nn.Sequential(nn.Conv2d(3, 2, 1), Drawing()), name="net", device=CPU, image_size=4)
    with pytest.raises(MeasureError, match=r"net-b1-4-fp32 computes something else each time.*: first in 1\."):
        held.numerics(model)
    assert not held.measurements
    assert not any(part._forward_hooks for part in model.module.modules())


class Counting(nn.Module):
    """Counts its passes in every way there is."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(1))
        self.weight = nn.Parameter(torch.ones(1))
        self.passes, self.seen, self.own = 0, [], torch.Generator()

    def forward(self, images):
        self.mean += images.mean().detach()
        self.passes += 1
        self.seen.append(images.sum())
        return (
            self.weight * images
            + self.mean
            + self.passes
            + len(self.seen) * self.seen[-1]
            + torch.rand(1, generator=self.own)
        )


def test_a_model_with_state_begins_each_measure_as_it_was_built(held):
    model = build(Counting, name="net", device=CPU, image_size=4)
    found = held.numerics(model, name="first")
    with TrainStep(model) as step:
        step()
    held.latency(model)
    assert held.numerics(model, name="second") == found
    model.forward()  # the test's own doing, which is not undone
    assert held.numerics(model, name="third") != found


def test_images_take_the_place_of_noise_and_a_value_rests_on_them(held):
    model = build(Bright, device=CPU, batch_size=2, image_size=4)
    for name, value in (("one", 2.0), ("again", 2.0), ("other", 3.0)):
        assert held.numerics(model, torch.full((2, 3, 4, 4), value), name=name).rms == value
    one, again, other = (measurement.comparability.data for measurement in held.measurements)
    assert one.startswith("images ")
    assert one == again != other


def test_a_detector_that_finds_nothing_is_told_to_be_given_images(held):
    with pytest.raises(MeasureError, match=r"a detector that finds nothing has none: give it images= that it finds"):
        held.numerics(build(Bright, device=CPU, batch_size=2, image_size=4), torch.zeros(2, 3, 4, 4))


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (2, 3, 4, 8), (3, 4, 4)])
def test_images_that_the_case_does_not_speak_of_are_refused(held, shape):
    with pytest.raises(UsageError, match=r"Bright-b2-4-fp32: images are .*, and it is built for 2 of 4x4; pass such"):
        held.numerics(build(Bright, device=CPU, batch_size=2, image_size=4), torch.ones(shape))


class Block(nn.Module):
    def __init__(self, act=nn.ReLU, norm=nn.BatchNorm2d, scale=1.0):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = norm(4)
        self.act = act()
        self.scale = scale

    def forward(self, images):
        return images + self.scale * self.act(self.norm(self.conv(images)))


def net(**changed):
    """Three blocks, of which the second is ``changed``."""
    return nn.Sequential(nn.Conv2d(3, 4, 1), Block(), Block(**changed), Block(), nn.Flatten(), nn.Linear(4 * 64, 2))


def in_place():
    return nn.ReLU(inplace=True)


def trail_of(**changed):
    return output_of(build(lambda: net(**changed), name="net", device=CPU, image_size=8)).trail


CHANGED = {
    "nothing": ({}, None),
    "the same in place": ({"act": in_place}, None),
    "another activation": ({"act": nn.GELU}, "2.act"),
    "a leak, in place": ({"act": lambda: nn.LeakyReLU(0.01, inplace=True)}, "2.act"),
    "a clip, in place": ({"act": lambda: nn.Hardtanh(0, 0.5, inplace=True)}, "2.act"),
    "eps of a norm": ({"norm": lambda width: nn.BatchNorm2d(width, eps=0.1)}, "2.norm"),
    "another norm": ({"norm": lambda width: nn.GroupNorm(2, width)}, "2.norm"),
    # Its own parts compute what they did.
    "the block itself": ({"scale": 1.01}, "2"),
}


@pytest.mark.parametrize(("changed", "part"), CHANGED.values(), ids=[*CHANGED])
def test_where_outputs_part_is_the_part_that_was_changed(changed, part):
    found = trail_of().parting(trail_of(**changed), 1e-4)
    assert (found and found.module) == part


def test_what_hands_on_the_output_of_a_part_of_its_own_is_no_step():
    assert trail_of().parts == (
        "0", *(f"{block}{part}" for block in (1, 2, 3) for part in (".conv", ".norm", ".act", "")), "4", "5",
    )  # fmt: skip


def test_nothing_is_watched_of_a_compiled_model():
    model = build(net, name="net", device=CPU, image_size=8, compile={"backend": "eager"})
    found = output_of(model)
    assert found.trail is None
    assert found.fingerprint.rms == output_of(build(net, name="net", device=CPU, image_size=8)).fingerprint.rms


def test_parts_that_put_out_nothing_of_use_are_no_steps():
    assert in_short([]) is None
    assert in_short([torch.empty(0)]) is None
    assert in_short([torch.tensor([1.0, -math.inf])]) is None
    assert in_short([torch.full((9,), 3e38)]) is None  # whose squares are not finite
    assert in_short([torch.full((3, 4), 2.0)])[0] == pytest.approx(2.0)
    # Which sizes were asked for before makes no difference.
    values = torch.rand(5)
    assert in_short([values]) == (in_short([torch.rand(5000)]), in_short([values]))[1]


def test_graphs_of_fx_are_watched_by_their_parts_and_a_scripted_model_as_a_whole():
    for made, parts in ((torch.fx.symbolic_trace, {"1.conv", "2.act", "5"}), (torch.jit.script, {""})):
        model = build(lambda made=made: made(net()), name="net", device=CPU, image_size=8)
        assert parts <= set(output_of(model).trail.parts)


class Sparse(nn.Module):
    def forward(self, images):
        return images.to_sparse()


class Dense(nn.Module):
    def forward(self, images):
        return images.to_dense() * 2


def test_a_part_without_plain_values_is_no_step_and_no_error():
    model = build(lambda: nn.Sequential(Sparse(), Dense()), name="net", device=CPU, image_size=4)
    assert output_of(model).trail.parts == ("1",)


def test_a_way_in_mixed_precision_is_summed_in_float32():
    values = torch.randn(4096)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = in_short([values])
    assert mixed == in_short([values])
