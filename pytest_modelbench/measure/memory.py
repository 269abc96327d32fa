"""Peak memory of a run: what PyTorch keeps alive on any device, and what CUDA's caching allocator gave out."""

from __future__ import annotations

import functools
import gc
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch.autograd.graph import _engine_run_backward
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.measure.held import plain_parts

__tracebackhide__ = hide_own_frames

# The CUDA caching allocator hands out multiples of 512 bytes (c10/cuda/CUDACachingAllocator, kMinBlockSize); counting
# so everywhere makes figures from the meta device and the CPU agree with a GPU's.
_BLOCK_BYTES = 512


@dataclass(frozen=True, slots=True)
class LivePeak:
    """Bytes of storages alive during a run, each rounded up to 512 bytes, on whatever device they are."""

    peak_bytes: int  #: at most, what was held included
    held_bytes: int  #: of the tensors named as held, before the run
    end_bytes: int  #: after the run, its result dropped: what it left behind, and what is still held


@dataclass(frozen=True, slots=True)
class AllocatedPeak:
    """Bytes on a CUDA device during the second of two runs."""

    allocated_bytes: int  #: given out by the caching allocator, at most
    reserved_bytes: int  #: taken from the driver by the caching allocator, at most
    device_bytes: int  #: in use on the device after the run: CUDA context, libraries and other processes included
    before_bytes: int  #: already allocated before the first run: model, inputs, and whatever else was alive


def live_peak(fn: Callable[[], object], held: Iterable[torch.Tensor] = ()) -> LivePeak:
    """Peak of the storages alive while ``fn`` runs: those of ``held`` and all that ``fn`` creates.

    ``held`` are tensors already alive that count: parameters, buffers, inputs. Others that ``fn`` merely finds do not.
    Views and in-place operations share a storage and count once. Follows what passes PyTorch's dispatcher: scratch
    memory inside a kernel and inside compiled code is not seen. The same on every run, bit for bit: the garbage
    collector is off meanwhile, so that reference cycles count until the end, whenever it would have run.
    """
    _holders_of_gradient()  # not in the middle of a backward pass
    _holders_of_product()
    collecting = gc.isenabled()
    gc.disable()
    tracker = _LiveStorages()
    try:
        for tensor in held:
            tracker.hold(tensor)
            del tensor  # the tracker must not be what keeps it alive
        held_bytes = tracker.live_bytes
        with tracker:
            fn()
        return LivePeak(tracker.peak_bytes, held_bytes, tracker.live_bytes)
    finally:
        tracker.forget()
        if collecting:
            gc.enable()


class _LiveStorages(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of storages as they appear in operators' outputs and as they die.

    PyTorch keeps a storage's Python object as long as the storage lives, so a weak reference tells when it dies.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live_bytes = 0
        self._peak_bytes = 0
        self._settled = True  # what is counted is what is alive: nothing is about to be dropped
        # By identity of the storage. The weak references are kept for their callbacks.
        self._counted: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._foreign: dict[int, weakref.ref[Any]] = {}

    @property
    def peak_bytes(self) -> int:
        """Most bytes that were counted at once."""
        return max(self._peak_bytes, self.live_bytes)

    def hold(self, tensor: torch.Tensor) -> None:
        """Count ``tensor``, which is alive already."""
        for storage in _storages(tensor):
            self._count(storage)

    def forget(self) -> None:
        """Stop watching."""
        self._counted.clear()
        self._foreign.clear()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Result of the operator, which is run as it is."""
        # What an operator takes and nobody declared or created was there before, and is not ours to count.
        # `lift_fresh` alone takes what is new: the storage that torch.tensor() has just filled.
        if func is not torch.ops.aten.lift_fresh.default:
            for tensor in _tensors((args, kwargs)):
                for storage in _storages(tensor):
                    self._pass_over(storage)
        self._settle()
        result = func(*args, **(kwargs or {}))
        self._settled = not _replaces_its_first(func, args)
        for tensor in _tensors(result):
            for storage in _storages(tensor):
                self._count(storage)
        # In-place operators without a result, and those that resize what they are given.
        for tensor in _tensors((args, kwargs)):
            for storage in _storages(tensor):
                if id(storage) in self._counted:
                    self._count(storage)
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = id(storage)
        if key in self._foreign:
            return
        size = -(-storage.nbytes() // _BLOCK_BYTES) * _BLOCK_BYTES
        if key in self._counted:
            reference, before = self._counted[key]
        else:
            reference, before = weakref.ref(storage, lambda _: self._release(key)), 0
        self._counted[key] = (reference, size)
        self.live_bytes += size - before
        if self._settled:
            self._peak_bytes = self.peak_bytes

    def _settle(self) -> None:
        """Look again at what is alive, after an operator that replaced what it was given."""
        if not self._settled:
            self._peak_bytes, self._settled = self.peak_bytes, True

    def _release(self, key: int) -> None:
        _, size = self._counted.pop(key, (None, 0))
        self.live_bytes -= size

    def _pass_over(self, storage: torch.UntypedStorage) -> None:
        key = id(storage)
        if key not in self._counted and key not in self._foreign:
            # Forgotten when it dies: the next storage may get the same identity.
            self._foreign[key] = weakref.ref(storage, lambda _: self._foreign.pop(key, None))


def _replaces_its_first(func: Any, args: tuple[Any, ...]) -> bool:
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


def _tensors(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


def _storages(tensor: torch.Tensor) -> Iterator[torch.UntypedStorage]:
    """The memory behind ``tensor``: one storage, or those of the tensors it is made of."""
    return (part.untyped_storage() for part in plain_parts(tensor))


def allocated_peak(fn: Callable[[], object], device: torch.device) -> AllocatedPeak:
    """Peak of CUDA's caching allocator while ``fn`` runs for the second time, with everything that is alive then.

    The first run is for what happens once and is not the steady state: the CUDA context, library handles, algorithm
    search of ``cudnn.benchmark`` with its large workspaces. What it leaves behind (gradients, optimizer state) is part
    of the steady state and counts. Before it, cuBLAS workspaces that earlier code left are freed: they are allocated
    on first use, and would make the figure depend on which test ran before. Before the second, unused cached blocks
    go back to the driver, so that ``reserved_bytes`` tells of this run and not of the pool's history.

    Raises UsageError for a device that is not CUDA.
    """
    if device.type != "cuda":
        raise UsageError(
            f"allocated memory is read from CUDA's allocator, and {device} has none; use live_peak, or --device=cuda"
        )
    cuda = torch.cuda
    gc.collect()
    # Not public, but without an equal: torch's own CUDA graph trees call it for the same reason.
    if clear_workspaces := getattr(torch._C, "_cuda_clearCublasWorkspaces", None):
        clear_workspaces()
    before_bytes = cuda.memory_allocated(device)
    fn()
    cuda.synchronize(device)
    gc.collect()
    cuda.empty_cache()
    cuda.reset_peak_memory_stats(device)
    fn()
    cuda.synchronize(device)
    free_bytes, total_bytes = cuda.mem_get_info(device)
    return AllocatedPeak(
        allocated_bytes=cuda.max_memory_allocated(device),
        reserved_bytes=cuda.max_memory_reserved(device),
        device_bytes=total_bytes - free_bytes,
        before_bytes=before_bytes,
    )
