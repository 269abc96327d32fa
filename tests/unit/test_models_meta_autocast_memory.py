"""Memory of mixed precision on meta tensors is that of CUDA's kernels, which copy less than what they are made of."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.checkpoint import checkpoint

from pytest_modelbench.bench.following import followed
from pytest_modelbench.measure.memory import live_peak
from pytest_modelbench.models.build import build
from pytest_modelbench.models.meta_autocast import MetaAutocast
from pytest_modelbench.models.precision import backward, forward_modes

BF16, FP16, FP32 = torch.bfloat16, torch.float16, torch.float32
META, CPU = torch.device("meta"), torch.device("cpu")
BLOCK = 512  #: storages are counted in multiples of so many bytes


def meta(*shape: int, dtype: torch.dtype = FP32) -> torch.Tensor:
    return torch.empty(shape, device="meta", dtype=dtype)


@pytest.mark.parametrize("around", [nullcontext, lambda: torch.autocast("cpu")])
def test_casts_of_weights_are_not_kept(around):
    """Nor under another autocast, whose end alone clears what PyTorch itself keeps."""
    layer = nn.Linear(64, 64, bias=False, device="meta")

    def twice() -> None:
        for _ in range(2):
            with torch.no_grad(), around(), MetaAutocast(FP16):
                layer(meta(1, 64))

    found = live_peak(twice, [layer.weight])
    weight, cast = 64 * 64 * 4, 64 * 64 * 2
    assert (found.peak_bytes, found.end_bytes) == (weight + cast + 3 * BLOCK, weight)  # images, their cast, output


def test_casts_made_for_one_checkpointed_part_are_gone_in_the_next():
    """The peak of three parts is that of two: each has its weight cast, and gives it back with its own graph."""

    def peak(parts: int) -> int:
        layers = nn.ModuleList(nn.Linear(64, 64, bias=False, device="meta") for _ in range(parts))

        def train() -> None:
            with forward_modes("amp-bf16", META):
                tensor = meta(1, 64).requires_grad_()
                for layer in layers:
                    tensor = checkpoint(layer, tensor, use_reentrant=False)
                loss = tensor.float().sum()
            for layer in layers:
                layer.weight.grad = torch.empty_like(layer.weight)
            backward(loss, "amp-bf16", META)
            layers.zero_grad()

        weights_and_gradients = parts * 64 * 64 * 4 * 2
        return live_peak(train, list(layers.parameters())).peak_bytes - weights_and_gradients

    kept_per_part = BLOCK  # the part's input
    assert peak(4) - peak(3) == kept_per_part


N = 1024


@pytest.mark.parametrize("dtype", [FP16, BF16])
@pytest.mark.parametrize(
    ("call", "result_bytes"),
    [
        (torch.sum, BLOCK),
        (torch.prod, BLOCK),
        (torch.Tensor.norm, BLOCK),
        (torch.linalg.vector_norm, BLOCK),
        (lambda x: x.sum(0), N * 4),
        (lambda x: x.prod(0), N * 4),
        (lambda x: x.norm(dim=1), N * 4),
        (lambda x: x.cumsum(0), N * N * 4),
        (lambda x: x.cumprod(0), N * N * 4),
    ],
)
def test_reductions_make_no_copy_in_float32(call, result_bytes, dtype):
    tensor = meta(N, N, dtype=dtype)
    kept = []

    def run() -> None:
        with MetaAutocast(dtype):
            kept.append(call(tensor))

    found = live_peak(run, [tensor])
    assert kept[0].dtype == FP32
    assert found.peak_bytes - found.held_bytes == result_bytes


@pytest.mark.parametrize(("dtype", "copies"), [(FP16, 0), (BF16, 1)])
@pytest.mark.parametrize("modes", [lambda dtype: MetaAutocast(dtype), lambda dtype: forward_modes("fp16", META)])
def test_softmax_makes_a_copy_from_bf16_alone(dtype, copies, modes):
    """aten/src/ATen/native/SoftMax.cpp: on CUDA one kernel reads fp16 and writes float32. So in every precision."""
    tensor = meta(N, N, dtype=dtype)

    def run() -> None:
        with modes(dtype):
            F.softmax(tensor, -1, dtype=FP32)
            F.log_softmax(tensor, -1, dtype=FP32)

    found = live_peak(run, [tensor])
    assert found.peak_bytes - found.held_bytes == (1 + copies) * N * N * 4


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.rows = nn.LSTM(8, 16, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rows(self.stem(x).flatten(2).mT)[0][:, -1])


class Attentive(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 4, 4)
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.stem(x).flatten(2).mT
        return self.attention(tokens, tokens, tokens, need_weights=False)[0].mean(1)


class Reading(nn.Module):
    """Looks at values, which meta tensors do not have."""

    def __init__(self, inner: type[nn.Module] = Recurrent) -> None:
        super().__init__()
        self.inner = inner()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) if x.mean() < 1e9 else x


@pytest.mark.parametrize("inner", [Recurrent, Attentive])
@pytest.mark.parametrize("precision", ["amp-bf16", "amp-fp16"])
def test_recurrent_layers_and_attention_are_measured_in_mixed_precision(inner, precision):
    def peaks(model):
        whole = [live_peak(run, model.tensors()).peak_bytes for run in (model.forward, model.forward_backward)]
        assert all(peak > sum(tensor.nbytes for tensor in model.tensors()) for peak in whole)
        return whole

    options = {"device": CPU, "precision": precision, "image_size": 16, "batch_size": 64}
    assert followed(build(Reading, inner=inner, **options), peaks)[1] == "cpu"
    less, where = followed(build(inner, **options), peaks)
    full, _ = followed(build(inner, **options | {"precision": "fp32"}), peaks)
    assert where == "meta"
    assert all(small < large for small, large in zip(less, full, strict=True))
