"""What a model costs whatever it runs on: parameters, bytes, multiply-accumulates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True, slots=True)
class Cost:
    """Counts of a model and of one run of it."""

    parameters: int
    parameter_bytes: int
    buffer_bytes: int
    macs: int


def static_cost(module: torch.nn.Module, forward: Callable[[], object]) -> Cost:
    """Cost of ``module`` and of one call of ``forward``, which is made; works on the meta device.

    Shared parameters count once. MACs are half the FLOPs of matrix products, convolutions and attention, as fvcore and
    the model zoos count them. Operators that PyTorch has no formula for, deform_conv2d among them, count nothing.
    """
    # The fused path of nn.MultiheadAttention has no formula; the other one does the same products one by one.
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        # First: parameters of lazy modules have no size until the module has seen an input.
        with FlopCounterMode(display=False) as counter:
            forward()
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    return Cost(
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        parameter_bytes=_bytes(module.parameters()),
        buffer_bytes=_bytes(module.buffers()),
        macs=counter.get_total_flops() // 2,
    )


def _bytes(tensors: Iterable[torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
