"""Multiply-accumulates where shapes do not tell them: of sparse tensors, and of weights that are kept packed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from pytest_modelbench.measure.held import plain_parts, unpacked

#: An operator's arguments and result in, multiply-accumulates out.
_Count = Callable[..., int]

# Operators that may be given sparse matrices, by the place of the first factor.
_FACTORS_FROM = {
    0: "mm mv bmm _sparse_sparse_matmul _sparse_mm_reduce_impl hspmm",
    1: "addmm addmv baddbmm _sparse_addmm sspaddmm",
}
_LINEAR = (
    "linear linear_relu linear_leaky_relu linear_tanh linear_dynamic linear_relu_dynamic linear_dynamic_fp16 "
    "linear_relu_dynamic_fp16"
)
_CONVOLUTIONS = " ".join(
    f"conv{sides}d{suffix}" for sides in (1, 2, 3) for suffix in ("", "_relu", "_add", "_add_relu", "_dynamic")
)
_TRANSPOSED = " ".join(f"conv_transpose{sides}d{suffix}" for sides in (1, 2, 3) for suffix in ("", "_dynamic"))
_CELLS = " ".join(f"quantized_{kind}_cell_dynamic" for kind in ("lstm", "gru", "rnn_tanh", "rnn_relu"))


def stored_formulas() -> dict[Any, Callable[..., int]]:
    """Formulas by operator, for FlopCounterMode's ``custom_mapping``; of dense matrices they count what its own do."""
    counts: dict[Any, _Count] = {}
    for place, names in _FACTORS_FROM.items():
        counts |= _of(torch.ops.aten, names, partial(_product, place))
    counts |= _of(torch.ops.quantized, _LINEAR, _linear) | _of(torch.ops.quantized, _CONVOLUTIONS, _convolution)
    counts |= _of(torch.ops.quantized, _TRANSPOSED, _transposed_convolution)
    counts |= _of(torch.ops.quantized, _CELLS, _recurrent)
    counts |= _of(torch.ops.aten, "quantized_lstm quantized_gru", _recurrent)
    return {packet: _flops(count) for packet, count in counts.items()}


def _of(namespace: Any, names: str, count: _Count) -> dict[Any, _Count]:
    packets = (getattr(namespace, name, None) for name in names.split())
    return {packet: count for packet in packets if packet is not None}


def _flops(count: _Count) -> Callable[..., int]:
    def flops(*args: Any, out_val: Any, **_: Any) -> int:
        return 2 * count(*args, result=out_val)

    # The counter then hands over tensors, and not their shapes.
    flops._get_raw = True  # type: ignore[attr-defined]
    return flops


def _product(place: int, *args: Any, result: Any) -> int:
    first, second = args[place : place + 2]
    columns = second.shape[-1] if second.ndim > 1 else 1
    if _is_sparse(first) and _is_sparse(second):
        # Each stored number of a column of the first meets those of that row of the second.
        of_columns = _stored_along(first, 1)
        return int((of_columns * _stored_along(second, 0)).sum())
    if _is_sparse(first):
        return _stored(first) * int(columns)
    if _is_sparse(second):
        return _stored(second) * int(prod(first.shape[:-1]))
    return int(first.numel()) * int(columns)


def _is_sparse(tensor: Tensor) -> bool:
    return tensor.layout is not torch.strided


def _stored(tensor: Tensor) -> int:
    """How many numbers a sparse tensor holds; their places come first among its parts."""
    *_, values = plain_parts(tensor)
    return values.numel()


def _stored_along(matrix: Tensor, dim: int) -> Tensor:
    """How many numbers each row (0) or column (1) of a sparse matrix holds."""
    plain = matrix.to_sparse_coo().coalesce()  # type: ignore[no-untyped-call]
    indices: Tensor = plain.indices()[dim]
    return torch.bincount(indices, minlength=matrix.shape[dim])


def _weights(args: Any) -> list[Tensor]:
    """The matrices and filters in packed arguments, without biases."""
    packed = (leaf for leaf in tree_leaves(args) if isinstance(leaf, torch.ScriptObject))
    return [weight for one in packed for weight in unpacked(one) if weight.ndim > 1]


def _linear(*args: Any, result: Any) -> int:
    (weight,) = _weights(args)
    return int(result.numel() * weight.shape[1])


def _convolution(*args: Any, result: Any) -> int:
    (weight,) = _weights(args)
    return int(result.numel() * prod(weight.shape[1:]))


def _transposed_convolution(*args: Any, result: Any) -> int:
    (weight,) = _weights(args)
    return int(args[0].numel() * prod(weight.shape[1:]))


def _recurrent(*args: Any, result: Any) -> int:
    return int(prod(args[0].shape[:-1])) * sum(weight.numel() for weight in _weights(args))
