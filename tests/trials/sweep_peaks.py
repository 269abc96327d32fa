"""Peaks of a run on the CPU, found twice: by the tool's tracker, and from what PyTorch's profiler saw allocated.

All are in blocks of 512 bytes, which is what the tool counts in.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_modelbench.measure.memory import live_peak

_BLOCK_BYTES = 512
_MARK = "measured by the sweep"


@dataclass(frozen=True, slots=True)
class Allocated:
    """Most bytes allocated in a run, with what was held before, as the profiler tells them.

    ``apart_bytes`` leaves out what a kernel takes and gives back within one operator: what is alive between operators.
    ``kernel`` is the operator that the peak lies in.
    """

    peak_bytes: int
    apart_bytes: int
    kernel: str


class _Named(TorchDispatchMode):
    """Notes the operators that reach a kernel, as the tracker sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func._schema.name)
        return func(*args, **(kwargs or {}))


def tracked_peak(run: Callable[[], object], held: Iterable[Tensor]) -> tuple[int, set[str]]:
    """What the tool's tracker finds in ``run``, and the names of the operators in it."""
    with _Named() as named:
        peak_bytes = live_peak(run, held).peak_bytes
    return peak_bytes, named.names


def profiled_peak(
    prepare: Callable[[], object], run: Callable[[], object], held: Iterable[Tensor], operators: set[str]
) -> Allocated:
    """What the profiler sees of ``run``, whose ``operators`` are those that `tracked_peak` told.

    It looks on while ``prepare`` runs as well: that memory is freed which was allocated before, it would not tell.
    """
    held_bytes = sum(_blocks(size) for size in _storages(held).values())
    collecting = gc.isenabled()
    gc.disable()  # as the tracker does
    try:
        activities = [torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
            prepare()
            with torch.profiler.record_function(_MARK):
                run()
    finally:
        if collecting:
            gc.enable()
    events = sorted(
        profile.profiler.kineto_results.events(), key=lambda event: (event.start_ns(), -event.duration_ns())
    )
    begin = next(index for index, event in enumerate(events) if event.name() == _MARK)
    before = sum(_blocks(event.nbytes()) for event in events[:begin] if event.name() == "[memory]")
    ran = (event for event in events[begin:] if event.start_ns() <= events[begin].end_ns())
    return _added_up(ran, held_bytes + before, operators)


def _added_up(events: Iterable[Any], held_bytes: int, operators: set[str]) -> Allocated:
    live = most = apart = held_bytes
    kernel, until_ns, most_in = "", 0, ""
    for event in events:
        if kernel and event.start_ns() > until_ns:
            apart = max(apart, live)  # the kernel is done, and what comes now is between operators
            kernel = ""
        if event.name() == "[memory]":
            live += _blocks(event.nbytes())
            if live > most:
                most, most_in = live, kernel
            if not kernel:
                apart = max(apart, live)
        elif not kernel and event.name() in operators:
            kernel, until_ns = event.name(), event.end_ns()
    return Allocated(most, max(apart, live), most_in)


def _blocks(size_bytes: int) -> int:
    blocks = -(-abs(size_bytes) // _BLOCK_BYTES) * _BLOCK_BYTES
    return blocks if size_bytes >= 0 else -blocks


def _storages(tensors: Iterable[Tensor]) -> dict[int, int]:
    """Bytes of the memory behind ``tensors`` by its address, each once."""
    found: dict[int, int] = {}
    for tensor in tensors:
        parts = [tensor] if tensor.layout is torch.strided else [tensor._indices(), tensor._values()]
        found |= {part.untyped_storage().data_ptr(): part.untyped_storage().nbytes() for part in parts}
    return found


@contextmanager
def attention_taken_apart() -> Iterator[None]:
    """Attention as matrix products and a softmax, on the CPU and in what the tool predicts, and no fast path for it."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        stack.enter_context(patch("pytest_modelbench.models.precision.MetaAttention", nullcontext))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        torch.backends.mha.set_fastpath_enabled(False)
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast_path)
        yield
