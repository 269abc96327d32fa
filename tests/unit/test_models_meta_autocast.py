"""Mixed precision on meta tensors does as torch.autocast does on CUDA."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_modelbench.models.meta_autocast import FLOAT32, LOWER, WIDEST, MetaAutocast

BF16, FP32 = torch.bfloat16, torch.float32

#: Registered for autocast, but called from C++ or from cells of recurrent networks only.
NOT_CALLED_BY_NAME = {"convolution", "_convolution", "cudnn_convolution", "cudnn_convolution_transpose", "_cudnn_rnn"}
NOT_CALLED_BY_NAME |= {"_thnn_fused_gru_cell", "_thnn_fused_lstm_cell", "gru_cell", "lstm_cell", "rnn_relu_cell"}
NOT_CALLED_BY_NAME |= {"rnn_tanh_cell", "_scaled_dot_product_flash_attention", "native_layer_norm", "nll_loss2d"}
NOT_CALLED_BY_NAME |= {"frobenius_norm", "linalg_matrix_sqrth"}


def meta(*shape: int, dtype: torch.dtype = FP32) -> torch.Tensor:
    return torch.empty(shape, device="meta", dtype=dtype)


def test_every_operator_that_torch_casts_is_known():
    registered = {
        name.removeprefix("aten::").split(".")[0]
        for name in torch._C._dispatch_get_all_op_names()
        if name.startswith("aten::") and torch._C._dispatch_has_kernel_for_dispatch_key(name, "AutocastCUDA")
    }
    registered = {name for name in registered if "upsample" not in name}  # all are called through F.interpolate
    assert registered - LOWER - FLOAT32 - WIDEST - NOT_CALLED_BY_NAME == set()


@pytest.mark.parametrize(
    ("run", "dtype"),
    [
        (lambda x: x @ x, BF16),
        (lambda x: torch.einsum("ij,jk->ik", x, x), BF16),
        (lambda x: F.linear(x, x), BF16),
        (lambda x: (x @ x).softmax(dim=-1), FP32),
        (lambda x: F.layer_norm(x @ x, (4,)), FP32),
        (lambda x: (x @ x).sum(), FP32),
        (lambda x: (x @ x) ** 2, FP32),
        (lambda x: F.gelu(x @ x), BF16),
        (lambda x: (x @ x) + x, FP32),
        (lambda x: torch.cat([x @ x, x]), FP32),
        (lambda x: torch.dot((x @ x)[0], x[0]), FP32),
        (lambda x: torch.dot((x @ x)[0], (x @ x)[0]), BF16),
    ],
)
def test_result_type_is_that_of_autocast(run, dtype):
    with MetaAutocast(BF16):
        assert run(meta(4, 4)).dtype == dtype


def test_other_types_stay():
    with MetaAutocast(BF16):
        assert (meta(4, 4, dtype=torch.float64) @ meta(4, 4, dtype=torch.float64)).dtype == torch.float64


def test_parameters_are_cast_once_and_get_gradients_of_their_own_type():
    layer = nn.Linear(4, 4, device="meta")
    mode = MetaAutocast(torch.float16)
    with mode:
        first = mode._lower(layer.weight)
        layer(layer(meta(2, 4))).sum().backward()
        assert mode._lower(layer.weight) is first
    assert layer.weight.grad.dtype == FP32
    assert not mode._cached


def test_layer_that_hides_its_operators_is_refused():
    attention = nn.MultiheadAttention(8, 2, device="meta")
    with MetaAutocast(BF16), pytest.raises(NotImplementedError, match="multi_head_attention_forward"):
        attention(*[meta(3, 1, 8)] * 3)
