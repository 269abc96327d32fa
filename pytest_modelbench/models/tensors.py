"""A module's tensors as a whole: placed on a device, moved to other memory, freed of inference mode."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

#: Complex numbers of the precision of a real type; there are none of half precision that operators take.
_COMPLEX = {torch.float64: torch.complex128}
#: What nn.Module itself keeps, and not the model.
OF_MODULES = frozenset(vars(nn.Module()))


def placed(module: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """``module``, moved to ``device``, its floating point tensors in ``dtype``, complex ones complex still.

    `torch.nn.Module.to` would drop their imaginary parts.
    """

    def place(tensor: Tensor) -> Tensor:
        if tensor.is_complex():
            return tensor.to(device, _COMPLEX.get(dtype, torch.complex64))
        return tensor.to(device, dtype if tensor.is_floating_point() else None)

    if not any(tensor.is_complex() for tensor in (*module.parameters(), *module.buffers())):
        return module.to(device=device, dtype=dtype)
    module._apply(place)  # type: ignore[no-untyped-call]
    return module


def relocate(tensors: Iterable[Tensor]) -> None:
    """Move the memory behind ``tensors``, on the CPU, elsewhere; values, views and who shares it with whom stay."""
    seen = set()
    for tensor in tensors:
        if tensor.layout is not torch.strided:
            continue
        storage = tensor.untyped_storage()
        if (place := storage.data_ptr()) in seen:
            continue
        # Memory that belongs to others, a mapped file or an array of numpy's, cannot be had elsewhere: it stays.
        with contextlib.suppress(RuntimeError):
            # New memory is taken, filled and put in the place of the old, also where as much is asked for as there is.
            storage.resize_(storage.nbytes())
        seen |= {place, storage.data_ptr()}


def leave_inference_mode(module: nn.Module) -> None:
    """Put ordinary tensors in the place of those that ``module`` made and kept while it ran in inference mode.

    A table that is cached in a forward pass could never be trained with, nor be changed.
    """
    with torch.inference_mode(False):
        for part in module.modules():
            for store in (part._buffers, vars(part)):
                for name, value in [*store.items()]:
                    held = _tensors_in(value) if store is part._buffers or name not in OF_MODULES else []
                    if any(tensor.is_inference() for tensor in held):
                        store[name] = tree_map_only(Tensor, _ordinary, value)


def kept_tensors(module: nn.Module) -> Iterator[Tensor]:
    """Tensors that parts of ``module`` keep as attributes, by themselves or in lists, tuples and dicts.

    One by one: who collects them keeps those alive that the next pass replaces.
    """
    for part in module.modules():
        for name in [name for name in vars(part) if name not in OF_MODULES]:
            yield from _tensors_in(vars(part)[name])


def _tensors_in(value: Any) -> list[Tensor]:
    # Only what holds other things: anything else would be taken for a leaf, and asked nothing.
    if not isinstance(value, (Tensor, list, tuple, dict)):
        return []
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


def _ordinary(tensor: Tensor) -> Tensor:
    return tensor.clone() if tensor.is_inference() else tensor
