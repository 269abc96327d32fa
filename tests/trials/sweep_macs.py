"""Multiply-accumulates of a forward pass, counted twice without the tool and without PyTorch's own counter.

`counted` watches the operators of a real run on the CPU and works from the shapes that each takes and returns. fvcore,
which must be installed for it (`pip install fvcore`), reads a traced graph; it is maintained no more, but it is what
model zoos counted with. It leaves out recurrent layers, `baddbmm`, and whatever a trace does not hold, and cannot read
what cannot be traced. It is taught one rule more, for fused attention. What it counts beside products and convolutions
(normalization, resizing, pooling) is left out here.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

#: What fvcore counts that are multiply-accumulates of matrices, by its names.
_PRODUCTS = ("conv", "linear", "addmm", "matmul", "bmm", "einsum", "attention")


def _convolution(args: Any, output: Tensor) -> int:
    images, weight, transposed = args[0], args[1], args[6]
    # Each value that goes in (transposed) or comes out meets one filter.
    return int((images if transposed else output).numel() * weight[0].numel())


def _attention(args: Any, output: Any) -> int:
    query, key, value = args[:3]
    scores = math.prod(query.shape[:-1]) * key.shape[-2]
    return int(scores * (query.shape[-1] + value.shape[-1]))


def _encoder_layer(args: Any, output: Any) -> int:
    tokens, in_weight, out_weight, first, second = args[0], args[3], args[5], args[14], args[16]
    weights = sum(weight.numel() for weight in (in_weight, out_weight, first, second))
    batch, length, width = tokens.shape
    return int(batch * length * weights + 2 * batch * length**2 * width)


def _self_attention(args: Any, output: Any) -> int:
    tokens, in_weight, out_weight = args[0], args[5], args[7]
    batch, length, width = tokens.shape
    return int(batch * length * (in_weight.numel() + out_weight.numel()) + 2 * batch * length**2 * width)


def _recurrent(args: Any, output: Any) -> int:
    steps, batch, _ = args[0].shape
    return int(steps * batch * (args[1].numel() + args[2].numel()))


#: By operator: what one call of it costs, from what it is given and what it returns.
RULES: dict[str, Callable[[Any, Any], int]] = {
    "aten::convolution": _convolution,
    "aten::mm": lambda args, output: output.numel() * args[0].shape[-1],
    "aten::bmm": lambda args, output: output.numel() * args[0].shape[-1],
    "aten::mv": lambda args, output: args[0].numel(),
    "aten::dot": lambda args, output: args[0].numel(),
    "aten::addmm": lambda args, output: output.numel() * args[1].shape[-1],
    "aten::addmv": lambda args, output: args[1].numel(),
    "aten::baddbmm": lambda args, output: output.numel() * args[1].shape[-1],
    "aten::_sparse_addmm": lambda args, output: args[1]._nnz() * args[2].shape[-1],
    "aten::_trilinear": lambda args, output: args[0].shape[0] * args[1].numel(),
    "aten::mkldnn_rnn_layer": _recurrent,
    "aten::_native_multi_head_attention": _self_attention,
    "aten::_transformer_encoder_layer_fwd": _encoder_layer,
    "aten::_scaled_dot_product_flash_attention_for_cpu": _attention,
    "aten::_scaled_dot_product_efficient_attention": _attention,
    "aten::_scaled_dot_product_flash_attention": _attention,
    "quantized::linear_dynamic": lambda args, output: output.numel() * args[0].shape[-1],
}


class _Counting(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.macs: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if rule := RULES.get(func._schema.name):
            self.macs[func._schema.name] += rule(args, output)
        return output


def counted(module: nn.Module, images: Tensor) -> Counter[str]:
    """Multiply-accumulates of one pass by operator, from shapes; on the CPU, with values."""
    with torch.no_grad(), _Counting() as counting:
        module(images)
    return counting.macs


def traced(module: nn.Module, images: Tensor) -> int:
    """Multiply-accumulates by fvcore; raises whatever tracing raises."""
    from fvcore.nn import FlopCountAnalysis
    from fvcore.nn.jit_handles import get_shape

    def attention(inputs: Any, outputs: Any) -> Counter[str]:
        query, key, value = (get_shape(one) for one in inputs[:3])
        return Counter(attention=math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))

    for name in ("fvcore.nn.jit_analysis", "torch.jit"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Also parts of a model that are never run, or are run without being called.
    analysis = FlopCountAnalysis(module, images).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.set_op_handle("aten::scaled_dot_product_attention", attention)
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operator for a whole layer, of which it knows nothing
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            by_operator = analysis.by_operator()
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    return int(sum(by_operator[name] for name in _PRODUCTS if name in by_operator))
