"""What a model costs whatever it runs on: parameters, bytes, multiply-accumulates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.nn.parameter import is_lazy
from torch.utils.flop_counter import FlopCounterMode

from pytest_modelbench.measure.held import packed_weights, stored_bytes
from pytest_modelbench.measure.products import formulas
from pytest_modelbench.measure.stored_products import stored_formulas


@dataclass(frozen=True, slots=True)
class Cost:
    """Counts of a model and of one run of it."""

    parameters: int
    parameter_bytes: int
    buffer_bytes: int
    macs: int


def static_cost(module: torch.nn.Module, forward: Callable[[], object]) -> Cost:
    """Cost of ``module`` and of one call of ``forward``, which is made; works on the meta device.

    Shared parameters count once, packed weights of quantized modules as what they hold. Sparse ones count all their
    elements, and in bytes those that are stored. MACs are half the FLOPs of products of matrices and vectors,
    convolutions and attention, as fvcore and the model zoos count them, whichever operator computes them: PyTorch's
    formulas, and `measure.products` and `measure.stored_products` where it has none. What multiplies element by element
    counts nothing, be it summed afterwards or not: outer products, linalg.vecdot, distances.
    """
    with _countable(module), FlopCounterMode(display=False, custom_mapping=formulas() | stored_formulas()) as counter:
        # First: parameters of lazy modules have no size until the module has seen an input.
        forward()
    weights = [*module.parameters(), *packed_weights(module)]
    return Cost(
        parameters=sum(weight.numel() for weight in weights),
        parameter_bytes=sum(map(stored_bytes, weights)),
        buffer_bytes=sum(map(stored_bytes, module.buffers())),
        macs=counter.get_total_flops() // 2,
    )


@contextmanager
def _countable(module: torch.nn.Module) -> Iterator[None]:
    # The fused path of nn.MultiheadAttention has no formula; the other one does the same products one by one.
    fast_path = torch.backends.mha.get_fastpath_enabled()
    # The counter hooks whatever takes a gradient and is handed to a module, and fails where it is a parameter.
    trained = [one for one in module.parameters() if one.requires_grad and not is_lazy(one)]
    torch.backends.mha.set_fastpath_enabled(False)
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_()
        torch.backends.mha.set_fastpath_enabled(fast_path)
