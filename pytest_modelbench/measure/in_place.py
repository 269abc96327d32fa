"""Additions that PyTorch does in place, but not on the meta device or while a mode looks on: told by who holds them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch.autograd.graph import _engine_run_backward
from torch.utils._python_dispatch import TorchDispatchMode


def know_holders() -> None:
    """Try once per process who holds what is added in place; not in the middle of a backward pass."""
    _holders_of_gradient()
    _holders_of_product()


def replaces_its_first(func: Any, args: tuple[Any, ...]) -> bool:
    """Whether this addition is one that PyTorch does in place, but not on the meta device or while a mode looks on.

    Then the sum takes the place of what it was added to right afterwards.
    """
    if func is not torch.ops.aten.add.Tensor or not _is_whole_storage(args[0]):
        return False
    return _sums_gradients(args) or _adds_bias(args)


def _sums_gradients(args: tuple[Any, ...]) -> bool:
    """Whether autograd adds a second gradient of a tensor to the first, which it alone has.

    See `can_accumulate_inplace` in torch/csrc/autograd/input_buffer.cpp.
    """
    if (sole := _holders_of_gradient()) is None or _holders(args[0]) != sole:
        return False
    # Autograd's own call, and not that of a function or a hook written in Python. Dynamo's frames are around modes.
    frame: FrameType | None = sys._getframe(3)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(("torch._dynamo", "torch._compile")):
        frame = frame.f_back
    return frame is not None and frame.f_code is _engine_run_backward.__code__


def _adds_bias(args: tuple[Any, ...]) -> bool:
    """Whether a linear layer adds its bias to a product that it alone has.

    It does where its input has three dimensions and more, and does not lie one after the other (`linear` in
    aten/src/ATen/native/Linear.cpp).
    """
    shape, bias = args[0].shape, args[1]  # a name for the product would be one more holder
    if len(shape) < 3 or not isinstance(bias, torch.Tensor) or bias.shape != shape[-1:]:
        return False
    return _holders(args[0]) == _holders_of_product()


def _is_whole_storage(tensor: torch.Tensor) -> bool:
    return tensor.layout is torch.strided and tensor.nbytes == tensor.untyped_storage().nbytes()


def _holders(tensor: Any) -> tuple[int, int, int]:
    """How many hold the tensor, its memory and its Python object, with those that asking itself takes."""
    storage_uses = torch._C._storage_Use_Count(tensor.untyped_storage()._cdata)
    return tensor._use_count(), storage_uses, sys.getrefcount(tensor)


@functools.cache
def _holders_of_gradient() -> tuple[int, int, int] | None:
    """`_holders` of a gradient that autograd alone has, when it adds another."""

    def sum_gradients() -> None:
        forked = torch.zeros(2, requires_grad=True) * 2
        paths = torch.stack([(forked * 3).sum(), (forked * 4).sum()]).sum()
        paths.backward()  # type: ignore[no-untyped-call]

    return _holders_in(sum_gradients)


@functools.cache
def _holders_of_product() -> tuple[int, int, int] | None:
    """`_holders` of a product that a linear layer alone has, when it adds its bias."""
    tokens, weight, bias = torch.zeros(2, 3, 4).transpose(0, 1), torch.zeros(5, 4), torch.zeros(5)
    alone = _holders_in(lambda: torch.nn.functional.linear(tokens, weight, bias))
    by_hand = _holders_in(lambda: tokens @ weight.T + bias)
    return alone if alone != by_hand else None


def _holders_in(run: Callable[[], object]) -> tuple[int, int, int] | None:
    """`_holders` of what the last addition in ``run()`` takes first: of PyTorch's and Python's version, so it is tried.

    None where that cannot be asked, by functions which are private; then a sum counts as one more tensor.
    """
    if not (hasattr(torch.Tensor, "_use_count") and hasattr(torch._C, "_storage_Use_Count")):
        return None
    found = None

    class Asking(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal found
            if func is torch.ops.aten.add.Tensor:
                found = _holders(args[0])
            return func(*args, **(kwargs or {}))

    with torch.inference_mode(False), torch.enable_grad(), Asking():  # type: ignore[no-untyped-call]
        run()
    return found
