"""Attention on the meta device: shapes and gradients as always, memory as of a fused kernel."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from pytest_modelbench.measure.cost import static_cost
from pytest_modelbench.measure.memory import live_peak
from pytest_modelbench.models.build import build
from pytest_modelbench.models.meta_attention import MetaAttention
from pytest_modelbench.models.precision import forward_modes

META = torch.device("meta")


def queries(*shape, dtype=torch.float32):
    return [torch.empty(shape, device=META, dtype=dtype, requires_grad=True) for _ in range(3)]


def test_weights_are_not_kept() -> None:
    query, key, value = queries(1, 2, 100, 32)
    kept = []

    def attend() -> None:
        with MetaAttention():
            kept.append(scaled_dot_product_attention(query, key, value))

    peak = live_peak(attend, [query, key, value])
    one = 2 * 100 * 32 * 4  # query, key, value and the output alike
    sums = 2 * 128 * 4  # a float per row, rows in multiples of 32
    assert peak.held_bytes == 3 * one
    assert peak.peak_bytes == 4 * one + sums + 2 * 512  # and the random state of dropout: two numbers


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 40), st.sampled_from([8, 16, 32])),
    keys=st.integers(1, 40),
    mask=st.sampled_from([None, "bool", "float", "learned", "broadcast"]),
    dtype=st.sampled_from([torch.float32, torch.float16, torch.bfloat16]),
)
def test_results_and_gradients_have_the_shapes_of_the_plain_way(shape, keys, mask, dtype) -> None:
    batch, heads, length, width = shape

    def outcome(mode):
        query = torch.empty(shape, device=META, dtype=dtype, requires_grad=True)
        key, value = (torch.empty(batch, heads, keys, width, device=META, dtype=dtype).requires_grad_() for _ in "kv")
        masks = {
            None: None,
            "bool": torch.ones(batch, 1, length, keys, device=META, dtype=torch.bool),
            "float": torch.zeros(length, keys, device=META, dtype=dtype),
            "learned": torch.zeros(1, heads, length, keys, device=META, dtype=dtype, requires_grad=True),
            "broadcast": torch.zeros(batch, 1, 1, keys, device=META, dtype=dtype),
        }
        with mode:
            output = scaled_dot_product_attention(query, key, value, attn_mask=masks[mask])
        output.sum().backward()
        tensors = [output, query.grad, key.grad, value.grad]
        tensors += [masks[mask].grad] if mask == "learned" else []
        return [(tuple(tensor.shape), tensor.dtype, tensor.device) for tensor in tensors]

    assert outcome(MetaAttention()) == outcome(torch.enable_grad())


def test_what_no_fused_kernel_takes_goes_the_plain_way() -> None:
    with MetaAttention():
        alone = scaled_dot_product_attention(*queries(2, 10, 8))  # no heads
        grouped = [torch.empty(1, heads, 10, 8, device=META) for heads in (4, 2, 2)]
        shared = scaled_dot_product_attention(*grouped, enable_gqa=True)
        torch.manual_seed(0)
        real = [torch.randn(1, 2, 10, 8) for _ in range(3)]
        result = scaled_dot_product_attention(*real)
    assert (alone.shape, shared.shape) == ((2, 10, 8), (1, 4, 10, 8))
    torch.testing.assert_close(result, scaled_dot_product_attention(*real))


def test_torchs_own_multihead_attention_is_followed() -> None:
    layer = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True, device=META)
    tokens = torch.empty(2, 300, 64, device=META)

    def train(mode) -> int:
        def step() -> None:
            with mode:
                loss = layer(tokens).sum()
            loss.backward()
            layer.zero_grad()

        return live_peak(step, [*layer.parameters(), tokens]).peak_bytes

    weights = 2 * 4 * 300 * 300 * 4
    assert train(torch.enable_grad()) - train(MetaAttention()) > weights


@pytest.mark.slow
def test_macs_are_the_same() -> None:
    model = build("vit_tiny_patch16_224", device=META)

    def plain() -> None:
        with torch.inference_mode():
            model.module(*model.inputs)

    assert static_cost(model.module, model.forward).macs == static_cost(model.module, plain).macs > 1e9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_training_a_transformer_is_predicted_as_a_real_one_needs_it(name) -> None:
    """PyTorch has a fused kernel for the CPU, too, and it keeps the same. Swin does not call it: timm's default."""
    real = build(name, device=torch.device("cpu"), batch_size=2)
    real.forward()  # the first pass is fed copies: whether it changes its inputs is not known yet
    found = live_peak(real.forward_backward, real.tensors()).peak_bytes
    meta = real.on_meta()
    predicted = live_peak(meta.forward_backward, meta.tensors()).peak_bytes
    assert predicted == pytest.approx(found, rel=0.01)


def test_half_precision_is_cast_before_it() -> None:
    with forward_modes("amp-fp16", META):
        assert scaled_dot_product_attention(*queries(1, 2, 16, 8)).dtype == torch.float16
