"""What a model costs whatever it runs on: parameters, bytes, multiply-accumulates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.measure.calls import Key
from pytest_modelbench.measure.held import packed_weights, stored_bytes
from pytest_modelbench.measure.places import Place, Places
from pytest_modelbench.measure.products import formulas
from pytest_modelbench.measure.stored_products import stored_formulas


@dataclass(frozen=True, slots=True)
class Cost:
    """Counts of a model and of one run of it; ``breakdowns`` are what those named so are the sum of."""

    parameters: int
    parameter_bytes: int
    buffer_bytes: int
    macs: int
    breakdowns: Mapping[str, Breakdown] = field(default_factory=dict, compare=False, repr=False)


def static_cost(module: torch.nn.Module, forward: Callable[[], object]) -> Cost:
    """Cost of ``module`` and of one call of ``forward``, which is made; works on the meta device.

    Shared parameters count once, packed weights of quantized modules as what they hold. Sparse ones count all their
    elements, and in bytes those that are stored. MACs are half the FLOPs of products of matrices and vectors,
    convolutions and attention, as fvcore and the model zoos count them, whichever operator computes them: PyTorch's
    formulas, and `measure.products` and `measure.stored_products` where it has none. What multiplies element by element
    counts nothing, be it summed afterwards or not: outer products, linalg.vecdot, distances.
    """
    with products_one_by_one(), Places(module) as places, Products(places.here) as products:
        # First: parameters of lazy modules have no size until the module has seen an input.
        forward()
    weights = [*module.named_parameters(), *(("", weight) for weight in packed_weights(module))]
    breakdowns = {
        "parameters": _by_part((name, weight.numel()) for name, weight in weights),
        "parameter_bytes": _by_part((name, stored_bytes(weight)) for name, weight in weights),
        "macs": products.breakdown(),
    }
    return Cost(
        parameters=sum(weight.numel() for _, weight in weights),
        parameter_bytes=sum(stored_bytes(weight) for _, weight in weights),
        buffer_bytes=sum(map(stored_bytes, module.buffers())),
        macs=products.macs,
        breakdowns={metric: found for metric, found in breakdowns.items() if found is not None},
    )


def _by_part(sizes: Iterable[tuple[str, int]]) -> Breakdown:
    """``sizes`` of parameters, by the part that has each, and its name there."""
    found: Counter[Key] = Counter()
    for name, size in sizes:
        part, _, own = name.rpartition(".")
        found[part, own] += size
    return Breakdown.of(found)


class Products(FlopCounterMode):
    """FLOPs as PyTorch counts them, in all and by part of the model, which ``here`` tells."""

    def __init__(self, here: Callable[[], Place]) -> None:
        super().__init__(display=False, custom_mapping=formulas() | stored_formulas())
        # PyTorch's own tracker of modules hooks whatever takes a gradient, and fails where that is a parameter.
        self.mod_tracker: Any = _NoModules()
        self._here = here
        self._flops: Counter[Key] = Counter()

    @property
    def macs(self) -> int:
        """Multiply-accumulates so far."""
        return self.get_total_flops() // 2

    def breakdown(self) -> Breakdown | None:
        """What they are the sum of; None where PyTorch took some back, as of branches of which one alone counts."""
        found = Breakdown.of({key: flops // 2 for key, flops in self._flops.items()})
        return found if found.total == self.macs else None

    def _count_flops(self, func_packet: Any, out: Any, args: Any, kwargs: Any) -> Any:
        before = self.get_total_flops()
        out = super()._count_flops(func_packet, out, args, kwargs)  # type: ignore[no-untyped-call]
        name = str(getattr(func_packet, "_qualified_op_name", func_packet))
        self._flops[self._here().module, name] += self.get_total_flops() - before
        return out


class _NoModules:
    """In the place of PyTorch's tracker: everything is in the model."""

    parents = frozenset(("Global",))

    def __enter__(self) -> None:
        """There is nothing to hook."""

    def __exit__(self, *raised: object) -> None:
        """Nor to take away."""


@contextmanager
def products_one_by_one() -> Iterator[None]:
    """Within, nn.MultiheadAttention does its products one by one: its fused path has no formula."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
