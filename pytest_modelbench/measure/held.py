"""What tensors and modules hold, whatever they are made of: sparse tensors, wrappers of tensors, packed weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from pytest_modelbench.core.errors import MeasureError, hide_own_frames

__tracebackhide__ = hide_own_frames

#: By layout, the methods that give the tensors which a sparse one is made of.
_PARTS = {
    torch.sparse_coo: ("_indices", "_values"),
    torch.sparse_csr: ("crow_indices", "col_indices", "values"),
    torch.sparse_bsr: ("crow_indices", "col_indices", "values"),
    torch.sparse_csc: ("ccol_indices", "row_indices", "values"),
    torch.sparse_bsc: ("ccol_indices", "row_indices", "values"),
}


def plain_parts(tensor: Tensor) -> Iterator[Tensor]:
    """The tensors with memory of their own that ``tensor`` is made of; most are made of themselves.

    Raises MeasureError for a layout that does not tell.
    """
    if hasattr(tensor, "__tensor_flatten__"):
        for name in tensor.__tensor_flatten__()[0]:
            yield from plain_parts(getattr(tensor, name))
    elif tensor.layout is torch.strided:
        yield tensor
    elif tensor.layout in _PARTS:
        for name in _PARTS[tensor.layout]:
            yield from plain_parts(getattr(tensor, name)())
    else:
        raise MeasureError(
            f"memory of a tensor with layout {tensor.layout} cannot be followed; measure this on a CUDA device, where "
            "the allocator is asked"
        )


def stored_bytes(tensor: Tensor) -> int:
    """Bytes of the elements that are stored: of a sparse tensor its values and their places."""
    return sum(part.numel() * part.element_size() for part in plain_parts(tensor))


def packed_weights(module: nn.Module) -> list[Tensor]:
    """Weights that quantized modules keep packed, out of sight of `torch.nn.Module.parameters`; unpacked copies."""
    values = (value for part in module.modules() for value in vars(part).values())
    packed = [weight for value in values if isinstance(value, torch.ScriptObject) for weight in unpacked(value)]
    # A recurrent layer has its biases twice, in one memory.
    return list({weight.untyped_storage().data_ptr(): weight for weight in packed}.values())


def unpacked(packed: Any) -> Iterator[Tensor]:
    """The weights and biases in one packed object."""
    if not packed._has_method("__getstate__"):
        return  # a scripted module, say, whose weights are in sight
    # What it would be pickled as: weights and biases, and numbers of the layer as small tensors of whole ones.
    for value in tree_leaves(packed.__getstate__()):
        if isinstance(value, torch.ScriptObject):
            yield from unpacked(value)
        elif isinstance(value, Tensor) and (value.is_quantized or value.is_floating_point()):
            yield value
