"""What a pass has a device do, operator by operator: multiply-accumulates, and bytes read and written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_modelbench.core.roofline import OperatorKind, Work
from pytest_modelbench.measure.calls import operator_name, runs_nothing, tensors_in
from pytest_modelbench.measure.cost import Products
from pytest_modelbench.measure.places import Places

#: By what an operator is called, without namespace and the underscore of what works in place.
_KINDS = {
    name: kind
    for kind, names in {
        OperatorKind.PRODUCT: "linear mm addmm mv addmv dot vdot _addmm_activation",
        OperatorKind.BATCHED: "bmm baddbmm addbmm",
        OperatorKind.ARITHMETIC: "add mul sub rsub relu relu6 clamp clamp_min clamp_max hardtanh leaky_relu where neg "
        "abs square threshold bitwise_not logical_not logical_and logical_or maximum minimum eq ne gt lt ge le "
        "masked_fill lerp addcmul addcdiv prelu _prelu_kernel sign",
        OperatorKind.FUNCTION: "gelu silu sigmoid log_sigmoid_forward hardswish hardsigmoid mish elu celu selu tanh "
        "exp expm1 softplus erf pow log log1p rsqrt sqrt reciprocal div sin cos atan2",
        OperatorKind.SOFTMAX: "_softmax _log_softmax",
        OperatorKind.REDUCTION: "mean sum amax amin max min var_mean var std std_mean norm linalg_vector_norm cumsum "
        "prod argmax argmin logsumexp any all",
        OperatorKind.JOIN: "cat stack",
        OperatorKind.GATHER: "index roll constant_pad_nd gather index_select im2col col2im reflection_pad2d "
        "replication_pad2d take repeat embedding flip index_put scatter select_scatter slice_scatter pixel_shuffle "
        "pixel_unshuffle topk sort channel_shuffle scatter_add",
    }.items()
    for name in names.split()
}
_IN_A_NAME = {
    "attention": OperatorKind.ATTENTION,
    "batch_norm": OperatorKind.BATCH_NORM,
    "layer_norm": OperatorKind.LAYER_NORM,
    "group_norm": OperatorKind.OTHER_NORM,
    "rms_norm": OperatorKind.OTHER_NORM,
    "pool": OperatorKind.POOLING,
    "upsample": OperatorKind.RESIZE,
    "grid_sampler": OperatorKind.RESIZE,
}
#: The second is what traced modules call.
_CONVOLUTIONS = frozenset(("convolution", "_convolution"))
_COPIES = frozenset(("_to_copy", "clone", "copy", "_copy_from"))
#: What makes numbers from none: nothing next to the rest, and once for many passes as a rule.
_MADE = frozenset(
    (
        "empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "full", "full_like", "zeros",
        "zeros_like", "new_zeros", "ones", "ones_like", "new_ones", "arange", "linspace", "eye", "scalar_tensor",
        "lift_fresh", "fill", "zero", "detach", "as_strided",
    )
)  # fmt: skip
#: Of these the second output and on are for a backward pass.
_ONE_OUTPUT = frozenset(
    {OperatorKind.ATTENTION, OperatorKind.BATCH_NORM, OperatorKind.LAYER_NORM, OperatorKind.POOLING}
)
#: Channels of what a first convolution takes, at most: those of an image, and one that fills up.
_IMAGE_CHANNELS = 4
#: Filters of a channel of its own, at most.
_DEPTHWISE_FILTERS = 4


class WorkRecorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what runs while it is entered, within the model that ``places`` knows; on any device, meta among them."""

    supports_higher_order_operators = True

    def __init__(self, places: Places) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._places = places
        self._formulas = Products(places.here).flop_registry
        self._calls: Counter[Work] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Result of the operator, which is run as it is."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = operator_name(func)
        if not runs_nothing(func, name) and _plain(name) not in _MADE and self._places.within:
            formula = self._formulas.get(getattr(func, "_overloadpacket", None))
            macs = 0 if formula is None else formula(*args, **kwargs, out_val=result) // 2
            inputs, outputs = list(tensors_in((args, kwargs))), list(tensors_in(result))
            self._calls[_work(self._places.here().module, name, macs, args, inputs, outputs)] += 1
        return result

    def work(self) -> Iterator[Work]:
        """Each with how often it is called."""
        return (replace(work, calls=calls) for work, calls in self._calls.items())


def _work(part: str, name: str, macs: int, args: tuple[Any, ...], inputs: list[Tensor], outputs: list[Tensor]) -> Work:
    plain = _plain(name)
    kind, depth, width, biased = OperatorKind.OTHER, 1, 1, False
    if plain in _CONVOLUTIONS:
        kind, depth, width, biased = _convolution(args)
    elif plain in _COPIES:
        kind = _copy(inputs, outputs)
    else:
        kind = _KINDS.get(plain) or next((kind for word, kind in _IN_A_NAME.items() if word in plain), kind)
    if kind in (OperatorKind.PRODUCT, OperatorKind.BATCHED) and outputs:
        depth = macs // max(outputs[0].numel(), 1)  # of each output
        width = outputs[0].shape[-1] if outputs[0].dim() else 1
    elif kind is OperatorKind.ATTENTION and len(inputs) > 1 and inputs[0].dim() and inputs[1].dim() > 1:
        inputs = inputs[:3]
        depth, width = inputs[0].shape[-1], inputs[1].shape[-2]
    if kind in _ONE_OUTPUT:
        outputs = outputs[:1]
    written_bytes = sum(map(_bytes, outputs))
    return Work(
        part, name, kind, macs, max(depth, 1), max(width, 1), sum(map(_bytes, inputs)), written_bytes,
        written_bytes if biased else 0,
    )  # fmt: skip


def _plain(name: str) -> str:
    """An operator's name as `_KINDS` has it."""
    return name.rpartition("::")[2].rstrip("_")


def _convolution(args: tuple[Any, ...]) -> tuple[OperatorKind, int, int, bool]:
    """Kind, depth and width of ``aten::convolution``, and whether it has a bias."""
    _, weight, bias, stride, _, _, transposed, _, groups = args[:9]
    size, of_group = list(weight.shape[2:]), weight.shape[0 if transposed else 1]
    filters = weight.shape[1] if transposed else weight.shape[0] // groups
    depth = of_group // (groups if transposed else 1) * prod(size)
    if groups > 1 and weight.shape[1] == 1 and filters <= _DEPTHWISE_FILTERS:
        return OperatorKind.DEPTHWISE, max(size), filters, bias is not None
    if groups > 1:
        kind = OperatorKind.GROUPED
    elif max(size) == 1:
        kind = OperatorKind.POINTWISE
    elif size == list(stride):
        kind = OperatorKind.PATCHES
    else:
        kind = OperatorKind.STEM if of_group <= _IMAGE_CHANNELS else OperatorKind.CONVOLUTION
    return kind, depth, filters, bias is not None


def _copy(inputs: list[Tensor], outputs: list[Tensor]) -> OperatorKind:
    if inputs and all(isinstance(one, torch.nn.Parameter) for one in inputs):
        return OperatorKind.WEIGHTS
    if all(one.is_contiguous() for one in (*inputs, *outputs)):
        return OperatorKind.CAST
    return OperatorKind.LAYOUT


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
