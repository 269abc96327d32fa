"""Time on paper: exact sums at made up rates, what operators are taken for, and the devices that there are."""

import functools
import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pytest_modelbench.bench.following import why_not_on_meta
from pytest_modelbench.bench.predicting import predicted_latency, prediction_measurement, work_of
from pytest_modelbench.core.device_rates import SPECIFICATIONS, paper_devices
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.prediction import Here, predicted, prediction
from pytest_modelbench.core.roofline import Ceilings, OperatorKind, Rate, Rates, Work, spent
from pytest_modelbench.models.build import build
from pytest_modelbench.report.prediction import render_prediction

CPU = torch.device("cpu")
K = OperatorKind


def rates(sharpness=2.0, call_s=0.0):
    return Rates({kind: Rate(2.0, 3.0, 4.0, 1.0, 0.5) for kind in OperatorKind}, 10.0, sharpness, call_s)


def test_the_longer_of_two_ceilings_counts_and_the_corner_is_round():
    # 6 MACs of depth 4 and width 1: 6 x 2 s, twice for the depth, twice for the width: 48 s.
    # 4 bytes read for half, 10 written: 12 bytes of 3 s; and 0 for a bias: 36 s. 48 and 36 as sides of a right angle.
    work = Work("stem", "aten::convolution", K.CONVOLUTION, 6, 4, 1, 4, 10, calls=2)
    found = spent([work], rates(call_s=0.25))
    assert found.seconds == pytest.approx(2 * (60 + 0.25))
    assert found.memory_s == 0
    assert found.by_kind == {K.CONVOLUTION: found.seconds}
    assert found.by_part == {"stem": found.seconds}


def test_a_bias_is_a_kernel_of_its_own_and_nothing_takes_nothing():
    biased = spent([Work("", "x", K.POINTWISE, 0, 1, 1, 0, 0, bias_bytes=7)], rates())
    assert (biased.seconds, biased.memory_s) == (70, 70)
    assert spent([Work("", "x", K.OTHER)], rates()).seconds == 0


@given(st.floats(1e-12, 1e6), st.floats(1e-12, 1e6), st.floats(1.01, 30))
def test_it_takes_at_least_the_longer_and_at_most_both(macs, written, sharpness):
    plain = Rates({K.PRODUCT: Rate(1.0, 1.0, 0.0, 0.0, 1.0)}, 1.0, sharpness, 0.0)
    seconds = spent([Work("", "mm", K.PRODUCT, macs, written_bytes=written)], plain).seconds
    assert max(macs, written) * (1 - 1e-12) <= seconds <= (macs + written) * (1 + 1e-12)


def test_scaled_rates_are_those_of_so_much_faster_a_device():
    work = [Work("", "x", K.PRODUCT, 6, 4, 1, 4, 10, 2), Work("", "y", K.OTHER, 0, 1, 1, 8, 8)]
    assert spent(work, rates().scaled(4, 4)).seconds == pytest.approx(spent(work, rates()).seconds / 4)


def test_what_a_device_needs_at_least_is_by_the_rate_of_that_size():
    ceilings = Ceilings(10.0, ((100.0, 50.0), (1000.0, 5.0)))
    small = Work("", "x", K.OTHER, 0, 1, 1, 50, 50)  # 100 bytes at 50/s
    large = Work("", "x", K.OTHER, 0, 1, 1, 3000, 0)  # beyond all: 3000 bytes at 5/s
    product = Work("", "x", K.PRODUCT, 900, 1, 1, 50, 0, calls=2)
    assert ceilings.floor_s([small, large, product]) == pytest.approx(2 + 600 + 2 * 90)


class Zoo(nn.Module):
    """An operator of every kind that images meet."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.dense = nn.Conv2d(8, 16, 3, padding=1, bias=False)
        self.point = nn.Conv2d(16, 16, 1)
        self.depth = nn.Conv2d(16, 16, 5, padding=2, groups=16)
        self.group = nn.Conv2d(16, 16, 3, padding=1, groups=4)
        self.norm, self.layers = nn.BatchNorm2d(16), nn.LayerNorm(16)
        self.head = nn.Linear(16, 10)

    def forward(self, images):
        found = self.norm(
            self.group(self.depth(self.point(self.dense(self.first(images)[..., ::2, ::2] + self.stem(images)))))
        )
        found = nn.functional.gelu(nn.functional.max_pool2d(found, 2))
        tokens = self.layers(found.flatten(2).transpose(1, 2).contiguous())
        tokens = nn.functional.scaled_dot_product_attention(tokens[:, None], tokens[:, None], tokens[:, None])
        return self.head(torch.cat([tokens, tokens], 1).softmax(-1).mean((1, 2)))


def zoo(**options):
    return build(Zoo, device=CPU, image_size=32, batch_size=2, **options)


def test_operators_are_taken_for_what_they_are():
    work, where = work_of(zoo())
    by_part = {(one.part, one.kind) for one in work}
    assert where == "meta"
    assert by_part == {
        ("stem", K.PATCHES), ("first", K.STEM), ("dense", K.CONVOLUTION), ("point", K.POINTWISE),
        ("depth", K.DEPTHWISE), ("group", K.GROUPED), ("norm", K.BATCH_NORM), ("layers", K.LAYER_NORM),
        ("head", K.PRODUCT), ("", K.ARITHMETIC), ("", K.FUNCTION), ("", K.POOLING), ("", K.LAYOUT), ("", K.ATTENTION),
        ("", K.JOIN), ("", K.SOFTMAX), ("", K.REDUCTION),
    }  # fmt: skip
    of = {one.kind: one for one in work}
    # 2 images of 8x8 and 16 channels out, of 8 channels and 9 pixels each; 4 bytes a number.
    read, written = 4 * (2 * 8 * 64 + 16 * 72), 4 * 2 * 16 * 64
    dense = Work("dense", "aten::convolution", K.CONVOLUTION, 2 * 64 * 16 * 72, 72, 16, read, written)
    assert of[K.CONVOLUTION] == dense
    assert (of[K.DEPTHWISE].depth, of[K.DEPTHWISE].width, of[K.DEPTHWISE].bias_bytes) == (5, 1, 4 * 2 * 16 * 64)
    assert (of[K.GROUPED].depth, of[K.GROUPED].width) == (36, 4)
    assert (of[K.PRODUCT].macs, of[K.PRODUCT].depth, of[K.PRODUCT].width) == (2 * 16 * 10, 16, 10)
    # Query, key and value in; of what comes out, the log-sums are for a backward pass.
    assert (of[K.ATTENTION].read_bytes, of[K.ATTENTION].written_bytes) == (3 * 4 * 2 * 16 * 16, 4 * 2 * 16 * 16)
    assert of[K.BATCH_NORM].written_bytes == 4 * 2 * 16 * 64


def test_casts_of_autocast_are_told_from_those_of_weights():
    kinds = {one.kind for one in work_of(zoo(precision="amp-fp16"))[0]}
    assert {K.WEIGHTS, K.CAST} <= kinds


def test_work_of_all_parts_is_plain_values():
    for one in work_of(zoo())[0]:
        assert Work.of_json(one.as_json()) == one


@pytest.mark.parametrize("name", [*SPECIFICATIONS, "i9-10940x", "i7-12700h", "V100", "a100"])
def test_every_device_has_rates_and_an_error(name):
    (device,) = paper_devices(name)
    assert device.rates.by_kind.keys() == set(OperatorKind)
    assert device.error.models > 1000
    assert 0 < device.error.median < device.error.within_90 < 1
    assert bool(device.scaled_from) == bool(SPECIFICATIONS.get(device.name) and SPECIFICATIONS[device.name].like)
    assert (device.precision, device.compiled) == (("fp32", True) if name.startswith("i") else ("amp-fp16", False))
    seconds = predicted(work_of(zoo())[0], device, 64).seconds
    assert 0 < seconds < 1


@pytest.mark.parametrize(
    ("text", "channels_last", "told"),
    [
        ("rtx409", False, "no timings to predict those of 'rtx409' by. Did you mean 'rtx4090'"),
        ("rtx4090,,t4", False, "no timings to predict those of ''"),
        ("t4", True, "nobody published timings of rtx3090 with channels_last that could be gone by; of rtx4090"),
    ],
)
def test_what_nobody_timed_is_refused(text, channels_last, told):
    with pytest.raises(UsageError, match=told):
        paper_devices(text, channels_last=channels_last)


def test_channels_last_has_rates_of_its_own():
    (one,), (other,) = paper_devices("rtx4090"), paper_devices("rtx4090", channels_last=True)
    assert one.rates != other.rates


def test_small_batches_are_bound_by_launches_and_their_error_is_not_known():
    (device,) = paper_devices("rtx4090")
    work, _ = work_of(zoo(precision="amp-fp16"))
    found = predicted(work, device, 2)
    assert (found.launch_bound, found.known, found.held_up_by) == (True, False, "launches")
    assert not predicted(work, device, 64).known  # it is launches that hold it up
    assert found.seconds == pytest.approx(5e-6 * sum(one.calls for one in work))
    assert math.isclose(sum(found.by_part.values()), sum(found.by_kind.values()))


def test_a_transposed_convolution_sums_over_what_goes_in():
    model = build(functools.partial(nn.ConvTranspose2d, 3, 1, 3), device=CPU, image_size=8, name="up")
    (one,) = [one for one in work_of(model)[0] if one.macs]
    assert (one.depth, one.width) == (27, 1)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(32, 4, batch_first=True)

    def forward(self, images):
        return self.layer(images[:, 0]) if images.sum() < 1e9 else images


@pytest.mark.parametrize("precision", ["fp32", "amp-fp16"])
def test_fused_layers_are_taken_apart_on_the_cpu_as_well(precision):
    work, where = work_of(build(Encoder, device=CPU, image_size=32, batch_size=2, precision=precision))
    assert where == "cpu"
    assert sum(one.calls * one.macs for one in work if one.kind is K.PRODUCT) > 2 * 32 * 32 * 2048 * 2


def test_a_prediction_is_for_one_device_and_not_compared_with_anothers():
    model = zoo(precision="amp-fp16")
    with pytest.raises(UsageError, match="'rtx4090,t4' are 2: call it for each"):
        predicted_latency(model, "rtx4090,t4")
    one, other = (prediction_measurement(predicted_latency(model, name), model, "paper") for name in ("t4", "rtx4090"))
    assert not one.comparability.matches(other.comparability)


def test_a_metric_wants_the_precision_that_is_known():
    with pytest.raises(UsageError, match="rtx4090 is known in amp-fp16; build the model with precision='amp-fp16'"):
        predicted_latency(zoo(), "rtx4090")
    one = prediction_measurement(predicted_latency(zoo(precision="amp-fp16"), "rtx4090"), zoo(), "")
    assert (one.name, one.figures) == ("predicted_latency_rtx4090", {"device": "rtx4090", "held_up_by": "launches"})


def test_a_prediction_reads_like_this():
    devices = paper_devices("rtx4090,t4,i7-12700h")
    work = [
        Work("stages.0", "aten::convolution", K.CONVOLUTION, 10**12, 576, 64, 10**8, 10**8),
        Work("stages.1", "aten::add", K.ARITHMETIC, 0, 1, 1, 10**10, 10**10),
    ]
    passes = {"amp-fp16": work, "fp32": work}
    here, why = Here("cpu", "fp32", 2.0, 1.5), "net.py:7 in forward: RuntimeError: no values"
    text = render_prediction(prediction("net-b64-224", 64, passes, devices, here, why))
    for told in (
        "net-b64-224: a forward pass, batch 64\n",
        "limited by\n  rtx4090 ",
        "memory, ",
        "  in amp-fp16: rtx4090, t4\n  in fp32, compiled: i7-12700h\n",
        "  t4: no published timings; scaled from rtx3090 by what the vendor says of both\n",
        "batches of 64 and more on GPUs, of single images on CPUs\n",
        "  followed on the CPU, as the CPU computes it: it cannot run on the meta device (net.py:7 in forward: Runt",
        "  here (cpu, fp32): 2.00 s, of which this device needs at least 1.50 s (75%)\n",
        "  on rtx4090, by kind of operator\n",
        "  on rtx4090, by module\n",
        "  stages\n",
    ):
        assert told in text


class ByValue(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)

    def forward(self, images):
        return self.first(images) if images.sum() > 0 else self.first(-images)


def test_a_model_that_needs_values_is_followed_on_the_cpu_and_it_is_said_where_it_does():
    model = build(ByValue, device=CPU, image_size=32, batch_size=2)
    work, where = work_of(model)
    assert where == "cpu"
    assert re.match(r"test_roofline\.py:\d+ in forward: .*Error: ", why_not_on_meta(model))
    assert K.STEM in {one.kind for one in work}
    plain = zoo()
    work_of(plain)
    assert why_not_on_meta(plain) == ""


def test_traced_modules_have_the_kinds_of_those_that_they_are_of():
    traced = functools.partial(torch.jit.trace, Zoo().eval(), torch.ones(2, 3, 32, 32))
    model = build(traced, device=CPU, image_size=32, name="traced")
    kinds = {one.kind for one in work_of(model)[0]}
    assert {K.PATCHES, K.STEM, K.CONVOLUTION, K.POINTWISE, K.DEPTHWISE, K.GROUPED, K.PRODUCT} <= kinds


def test_what_computes_nothing_has_nothing_to_predict():
    (device,) = paper_devices("rtx4090")
    with pytest.raises(UsageError, match="it computes nothing"):
        predicted([], device, 64)
