"""In-place ABN computes what batch normalization and leaky ReLU do, forward and backward, and keeps the output only."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pytest_modelbench.measure.memory import live_peak
from pytest_modelbench.models.techniques.inplace import LEAST_WEIGHT, InplaceAbn

SLOPES = (0.01, 0.3, 1.0)


def pair(
    channels: int, slope: float, seed: int, dtype: torch.dtype = torch.float64
) -> tuple[nn.Sequential, InplaceAbn]:
    """Batch normalization with leaky ReLU, weights of either sign, and an in-place one with copies of its tensors."""
    torch.manual_seed(seed)
    norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.3, dtype=dtype)
    with torch.no_grad():
        norm.weight.uniform_(0.2, 2).mul_(torch.randint(2, (channels,)) * 2 - 1)
        norm.bias.normal_()
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    return nn.Sequential(norm, nn.LeakyReLU(slope)), InplaceAbn.of(copy.deepcopy(norm), slope)


def trained(module: nn.Module, images: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
    """Output, gradients of images, weight and bias, and statistics after one step."""
    images = images.clone().requires_grad_()
    output = module(images * 1.0)
    (output * weights).sum().backward()
    norm = module[0] if isinstance(module, nn.Sequential) else module
    statistics = (norm.running_mean, norm.running_var, norm.num_batches_tracked)
    return output.detach(), images.grad, norm.weight.grad, norm.bias.grad, *statistics


shapes = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.integers(2, 6))


@given(shape=shapes, slope=st.sampled_from(SLOPES), seed=st.integers(0, 999), channels_last=st.booleans())
@settings(deadline=None, max_examples=60)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_training_is_that_of_batch_norm_and_leaky_relu(dtype, shape, slope, seed, channels_last):
    plain, in_place = pair(shape[1], slope, seed, dtype)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    images = (3 * torch.randn(shape, dtype=dtype) + 1).contiguous(memory_format=memory_format)
    weights = torch.randn(shape, dtype=dtype)
    tolerance = {"rtol": 1e-9, "atol": 1e-9} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-4}
    for expected, found in zip(trained(plain, images, weights), trained(in_place, images, weights), strict=True):
        torch.testing.assert_close(found, expected, **tolerance)


@given(shape=shapes, slope=st.sampled_from(SLOPES), seed=st.integers(0, 999))
@settings(deadline=None, max_examples=30)
def test_evaluation_is_that_of_batch_norm_and_leaky_relu(shape, slope, seed):
    plain, in_place = pair(shape[1], slope, seed)
    images = torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(in_place.eval()(images), plain.eval()(images))


def test_gradients_are_those_of_finite_differences():
    _, in_place = pair(3, 0.1, seed=0)
    images = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)

    def run(images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(in_place, {"weight": weight, "bias": bias}, (images,))

    assert torch.autograd.gradcheck(run, (images, in_place.weight, in_place.bias))


def test_only_the_output_is_kept_for_the_backward_pass():
    """64 KiB of activations: the plain one keeps input and output, the in-place one the output."""
    shape, nbytes = (4, 8, 16, 32), 4 * 8 * 16 * 32 * 4

    def kept(module: nn.Module) -> int:
        out: list[Tensor] = []
        images = torch.empty(shape, device="meta", requires_grad=True)
        held = [*module.parameters(), *module.buffers()]
        peak = live_peak(lambda: out.append(module(images * 1.0)), held)
        return peak.end_bytes - peak.held_bytes

    norm = nn.BatchNorm2d(8, device="meta")
    small = 10 * 512  # statistics and weights, each rounded up to a block
    assert 2 * nbytes <= kept(nn.Sequential(norm, nn.LeakyReLU(0.01, inplace=True))) <= 2 * nbytes + small
    assert nbytes <= kept(InplaceAbn.of(norm, 0.01)) <= nbytes + small


def test_parameters_and_statistics_are_those_of_the_norm_it_replaces():
    norm = nn.BatchNorm2d(3, eps=0.1, momentum=0.2).eval()
    made = InplaceAbn.of(norm, 0.01)
    assert made.weight is norm.weight
    assert made.bias is norm.bias
    assert made.running_var is norm.running_var
    assert list(made.state_dict()) == list(norm.state_dict())
    assert (made.eps, made.momentum, made.training) == (0.1, 0.2, False)
    assert "negative_slope=0.01" in repr(made)


def test_weight_of_zero_counts_as_the_least_and_learns():
    plain, in_place = pair(2, 0.01, seed=0)
    for norm in (plain[0], in_place):
        with torch.no_grad():
            norm.weight.copy_(torch.tensor([0.0, -LEAST_WEIGHT / 10]))
            norm.bias.zero_()
    images = torch.randn(4, 2, 5, 5, dtype=torch.float64)
    weights = torch.randn(4, 2, 5, 5, dtype=torch.float64)
    expected, found = trained(plain, images, weights), trained(in_place, images, weights)
    torch.testing.assert_close(found[0], expected[0], rtol=0, atol=10 * LEAST_WEIGHT)
    assert bool((found[2] != 0).all())
    normalized = found[0][:, 0] / torch.where(found[0][:, 0] > 0, LEAST_WEIGHT, 0.01 * LEAST_WEIGHT)
    assert normalized.std(correction=0) == pytest.approx(1, abs=1e-2)
    assert torch.isfinite(found[1]).all()


def test_output_that_is_written_to_is_refused_in_the_backward_pass():
    _, in_place = pair(2, 0.01, seed=0)
    output = in_place(torch.randn(2, 2, 3, 3, dtype=torch.float64))
    output += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_one_value_per_channel_cannot_be_trained():
    with pytest.raises(ValueError, match=r"more than one value per channel.*\(1, 3, 1, 1\)"):
        InplaceAbn(3)(torch.randn(1, 3, 1, 1))


def test_autocast_keeps_the_precision_of_what_comes_in():
    conv, abn = nn.Conv2d(3, 4, 3), InplaceAbn(4)
    images = torch.randn(2, 3, 8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = abn(conv(images))
    output.float().square().sum().backward()
    assert output.dtype == torch.bfloat16
    assert conv.weight.grad.dtype == abn.weight.grad.dtype == torch.float32
