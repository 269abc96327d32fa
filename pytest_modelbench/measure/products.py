"""Multiply-accumulates of products that PyTorch's own counter knows no formula for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any

import torch
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

#: Shapes and other arguments of an operator in, FLOPs out.
Formula = Callable[..., int]
Shape = Sequence[int]

# Each output is a sum of products along the last dimension of the argument at this place.
_SUMMED_ALONG = {
    0: "mv dot vdot _int_mm _weight_int8pack_mm _weight_int4pack_mm _weight_int4pack_mm_for_cpu mkldnn_linear "
    "_mixed_dtypes_linear _dyn_quant_matmul_4bit _scaled_mm_v2",
    1: "addmv addmv_ addmm_ baddbmm_ _addmm_activation _scaled_addmm _scaled_addmm_",
}
# Each output is a sum along what one filter covers; transposed, each input is spread by one.
_CONVOLUTIONS = (
    "mkldnn_convolution cudnn_convolution_relu cudnn_convolution_add_relu miopen_convolution miopen_convolution_relu "
    "miopen_convolution_add_relu miopen_depthwise_convolution _conv_depthwise2d conv_depthwise3d slow_conv3d_forward "
    "slow_conv_dilated2d slow_conv_dilated3d _nnpack_spatial_convolution _mps_convolution"
)
_TRANSPOSED = (
    "cudnn_convolution_transpose miopen_convolution_transpose slow_conv_transpose2d slow_conv_transpose3d "
    "_mps_convolution_transpose"
)
#: The last has one of PyTorch's own in later versions than 2.9.
_ATTENTION = (
    "_scaled_dot_product_fused_attention_overrideable _scaled_dot_product_attention_math_for_mps "
    "_scaled_dot_product_flash_attention_for_cpu"
)


def formulas() -> dict[Any, Formula]:
    """Formulas by operator, for FlopCounterMode's ``custom_mapping``; none where PyTorch has a right one itself."""
    macs: dict[str, Formula] = {}
    for place, names in _SUMMED_ALONG.items():
        macs |= dict.fromkeys(names.split(), partial(_summed, place))
    macs |= dict.fromkeys(_CONVOLUTIONS.split(), _convolution)
    macs |= dict.fromkeys(_TRANSPOSED.split(), _transposed_convolution)
    macs |= dict.fromkeys(["addbmm", "addbmm_"], _summed_batch)
    macs |= dict.fromkeys(["addr", "addr_"], _one_each)
    macs |= dict.fromkeys(["_cudnn_rnn", "miopen_rnn"], _recurrent)
    macs |= dict.fromkeys(["_grouped_mm", "_scaled_grouped_mm", "_scaled_grouped_mm_v2"], _grouped)
    macs |= {"_trilinear": _trilinear, "conv_tbc": _convolution_over_time, "mkldnn_rnn_layer": _recurrent_of_mkldnn}
    macs |= {"_foreach_mm": _each}
    found = _known(torch.ops.aten, {name: _doubled(count) for name, count in macs.items()})
    found |= _known(torch.ops.aten, dict.fromkeys(_ATTENTION.split(), _attention))
    # PyTorch's own takes the gradient of a grouped convolution's filters for that of one that is not.
    found |= {torch.ops.aten.convolution_backward: _doubled(_convolution_backward)}
    return found | _known(torch.ops.torchvision, {"deform_conv2d": _doubled(_convolution)})


def _known(namespace: Any, named: Mapping[str, Formula]) -> dict[Any, Formula]:
    packets = {getattr(namespace, name, None): formula for name, formula in named.items()}
    return {
        packet: formula for packet, formula in packets.items() if packet is not None and packet not in flop_registry
    }


def _doubled(macs: Formula) -> Formula:
    """FLOPs, which are what the counter adds up: a multiplication and an addition each."""

    def flops(*args: Any, **kwargs: Any) -> int:
        return 2 * macs(*args, **kwargs)

    return flops


def _summed(place: int, *args: Any, out_shape: Any, **_: Any) -> int:
    # Those with more than one output return the product first.
    product = out_shape if isinstance(out_shape, torch.Size) else out_shape[0]
    summed: int = args[place][-1]
    return prod(product) * summed


def _summed_batch(added: Shape, first: Shape, second: Shape, *_: Any, **__: Any) -> int:
    return prod(first) * second[-1]


def _one_each(*_: Any, out_shape: Shape, **__: Any) -> int:
    return prod(out_shape)


def _each(firsts: Sequence[Shape], seconds: Sequence[Shape], *_: Any, **__: Any) -> int:
    return sum(prod(first) * second[-1] for first, second in zip(firsts, seconds, strict=True))


def _grouped(first: Shape, second: Shape, *_: Any, **__: Any) -> int:
    # Groups are matrices of a batch, or shares of the rows or columns of one matrix: those of the second one's columns
    # meet only the rows of their own group.
    if len(first) == 3 and len(second) == 2:
        return first[1] * prod(second)
    return prod(first) * second[-1]


def _trilinear(
    first: Shape,
    weight: Shape,
    second: Shape,
    first_expanded: Sequence[int],
    weight_expanded: Sequence[int],
    second_expanded: Sequence[int],
    *_: Any,
    **__: Any,
) -> int:
    # Each number of one vector meets each of the other, for each output: in_features1 x in_features2 x out_features.
    sizes = zip(
        _with_ones(first, first_expanded),
        _with_ones(weight, weight_expanded),
        _with_ones(second, second_expanded),
        strict=True,
    )
    return prod(max(size) for size in sizes)


def _with_ones(shape: Shape, places: Sequence[int]) -> list[int]:
    expanded = list(shape)
    for place in sorted(places):
        expanded.insert(place, 1)
    return expanded


def _convolution(input: Shape, weight: Shape, *_: Any, out_shape: Shape, **__: Any) -> int:
    return prod(out_shape) * prod(weight[1:])


def _convolution_backward(
    grad_output: Shape,
    input: Shape,
    weight: Shape,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
    output_mask: Sequence[bool],
    **_: Any,
) -> int:
    # Each gradient, of the input and of the filters, takes the products of the convolution once more.
    forward = prod(input if transposed else grad_output) * prod(weight[1:])
    return forward * sum(output_mask[:2])


def _transposed_convolution(input: Shape, weight: Shape, *_: Any, **__: Any) -> int:
    return prod(input) * prod(weight[1:])


def _convolution_over_time(input: Shape, weight: Shape, *_: Any, out_shape: Shape, **__: Any) -> int:
    width, channels, _filters = weight
    return prod(out_shape) * width * channels


def _recurrent(input: Shape, weights: Sequence[Shape], *_: Any, **__: Any) -> int:
    # Every matrix of every layer and direction is applied once a token.
    return prod(input[:-1]) * sum(prod(weight) for weight in weights if len(weight) == 2)


def _recurrent_of_mkldnn(input: Shape, of_input: Shape, of_state: Shape, *_: Any, **__: Any) -> int:
    return _recurrent(input, [of_input, of_state])


def _attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    flops: int = sdpa_flop_count(query, key, value)  # type: ignore[no-untyped-call]
    return flops
