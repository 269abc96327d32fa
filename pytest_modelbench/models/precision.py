"""What a precision means: the type of weights and inputs, and the modes around a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor

from pytest_modelbench.core.errors import UsageError, did_you_mean, hide_own_frames
from pytest_modelbench.models.meta_attention import MetaAttention
from pytest_modelbench.models.meta_autocast import MetaAutocast

__tracebackhide__ = hide_own_frames

#: Type of weights and inputs.
STORAGE_DTYPES = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "amp-bf16": torch.float32,
    "amp-fp16": torch.float32,
}
_AUTOCAST_DTYPES = {"amp-bf16": torch.bfloat16, "amp-fp16": torch.float16}


def resolve_precision(precision: str, device: torch.device) -> str:
    """One of `STORAGE_DTYPES`; ``amp`` becomes what torch.autocast takes by default: fp16 on CUDA, bf16 elsewhere."""
    if precision == "amp":
        return "amp-fp16" if device.type == "cuda" else "amp-bf16"
    if not isinstance(precision, str) or precision not in STORAGE_DTYPES:
        known = [*STORAGE_DTYPES, "amp"]
        near = did_you_mean(precision, known) if isinstance(precision, str) else ""
        raise UsageError(f"unknown precision {precision!r}; there are {', '.join(known)}.{near}")
    return precision


def product_dtype(precision: str) -> torch.dtype:
    """The type that products are computed in."""
    return _AUTOCAST_DTYPES.get(precision, STORAGE_DTYPES[precision])


@contextmanager
def forward_modes(precision: str, device: torch.device) -> Iterator[None]:
    """Context for a forward pass on ``device``: autocast where ``precision`` asks for it.

    On the meta device, what stands in for it, and for a GPU's attention.
    """
    dtype = _AUTOCAST_DTYPES.get(precision)
    with ExitStack() as modes:
        if device.type == "meta":
            modes.enter_context(MetaAttention())
            # torch.autocast refuses the meta device, and under another device type it leaves meta tensors as they are.
            modes.enter_context(MetaAutocast(dtype))
        elif dtype is not None:
            modes.enter_context(torch.autocast(device.type, dtype=dtype))
        yield


def cast_each_time(run: Callable[[], object], precision: str, device: torch.device) -> Callable[[], object]:
    """``run`` with autocast entered in each call where ``precision`` asks for it, else as it is.

    As in ``with torch.autocast(...): model(images)``: entered once around all calls, it would cast the weights in the
    first of them alone.
    """
    dtype = _AUTOCAST_DTYPES.get(precision)
    if dtype is None:
        return run

    def call() -> object:
        with torch.autocast(device.type, dtype=dtype):
            return run()

    return call


def backward(loss: Tensor, precision: str, device: torch.device) -> None:
    """Gradients of ``loss``, computed in ``precision`` where parts of the forward pass are run again.

    PyTorch restores real autocast for a checkpointed part. The meta device's modes would be lifted by Tensor.backward
    and torch.autograd.backward, which modes may replace: there they are passed by.
    """
    if device.type != "meta":
        torch.autograd.backward(loss)
        return
    from torch.autograd.graph import _engine_run_backward

    with MetaAttention(), MetaAutocast(_AUTOCAST_DTYPES.get(precision), backward=True):
        _engine_run_backward(
            (loss,), (torch.ones_like(loss),), False, False, (), allow_unreachable=True, accumulate_grad=True
        )
