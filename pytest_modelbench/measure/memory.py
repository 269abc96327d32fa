"""Peak memory of a run: what PyTorch keeps alive on any device, and what CUDA's caching allocator gave out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.measure.devices import clear_workspaces
from pytest_modelbench.measure.in_place import know_holders
from pytest_modelbench.measure.storages import LiveStorages

__tracebackhide__ = hide_own_frames

Tracker = TypeVar("Tracker", bound=LiveStorages)

#: Calls that `live_growth` makes at most: a queue of the last few results is full by then.
_MOST_CALLS = 12
#: Runs that `allocated_peak` makes at most: `torch.compile` records a graph in the second, and replays it afterwards.
_MOST_RUNS = 6


@dataclass(frozen=True, slots=True)
class LivePeak:
    """Bytes of storages alive during a run, each rounded up to 512 bytes, on whatever device they are."""

    peak_bytes: int  #: at most, what was held included
    held_bytes: int  #: of the tensors named as held, before the run
    end_bytes: int  #: after the run, its result dropped: what it left behind, and what is still held


@dataclass(frozen=True, slots=True)
class LiveGrowth:
    """Bytes of storages alive during the first of several calls, and what each of the later ones leaves behind."""

    peak: LivePeak
    per_call_bytes: int  #: that stay alive for each further call; 0 once a call leaves nothing
    calls: int


@dataclass(frozen=True, slots=True)
class AllocatedPeak:
    """Bytes on a CUDA device during a run like those before it."""

    allocated_bytes: int  #: given out by the caching allocator, at most: in whole blocks, as it could cut them
    reserved_bytes: int  #: taken from the driver by the caching allocator, at most
    device_bytes: int  #: in use on the device after the run: CUDA context, libraries and other processes included
    before_bytes: int  #: already allocated before the first run: model, inputs, and whatever else was alive
    requested_bytes: int  #: asked of the caching allocator, at most, without what libraries keep for themselves
    workspace_bytes: int  #: that cuBLAS keeps for itself, for each of its handles

    @property
    def rounding_bytes(self) -> int:
        """What was given out beyond what was asked for, at most."""
        return self.allocated_bytes - self.workspace_bytes - self.requested_bytes


def live_peak(
    fn: Callable[[], object], held: Iterable[torch.Tensor] = (), tracker: LiveStorages | None = None
) -> LivePeak:
    """Peak of the storages alive while ``fn`` runs: those of ``held`` and all that ``fn`` creates.

    ``held`` are tensors already alive that count: parameters, buffers, inputs. Others that ``fn`` merely finds do not.
    ``tracker`` is what follows them, by default one of this function's own.
    Views and in-place operations share a storage and count once. Follows what passes PyTorch's dispatcher: scratch
    memory inside a kernel and inside compiled code is not seen. The same on every run, bit for bit: the garbage
    collector is off meanwhile, so that reference cycles count until the end, whenever it would have run.
    """
    with watched(tracker or LiveStorages(), held) as following:
        return _peak_of(fn, following)


def live_growth(
    fn: Callable[[], object], held: Iterable[torch.Tensor] = (), tracker: LiveStorages | None = None
) -> LiveGrowth:
    """`live_peak` of the first call of ``fn``, and what each further one leaves behind for good, in bytes.

    What calls keep is looked at between them, garbage collected: reference cycles are not growth. The first call may
    make what all find, and a queue may fill up: calls go on until one leaves nothing, at most `_MOST_CALLS`.
    """
    with watched(tracker or LiveStorages(), held) as following, _small_heap():
        peak = _peak_of(fn, following)
        after = [_settled_bytes(following)]
        while len(after) < _MOST_CALLS and (len(after) == 1 or after[-1] > after[-2]):
            with following:
                fn()
            after.append(_settled_bytes(following))
    if after[-1] <= after[-2]:
        return LiveGrowth(peak, 0, len(after))
    # Whoever takes room for several at a time grows in steps: the later half's mean.
    half = len(after) // 2
    return LiveGrowth(peak, (after[-1] - after[half - 1]) // (len(after) - half), len(after))


def _peak_of(fn: Callable[[], object], tracker: LiveStorages) -> LivePeak:
    held_bytes = tracker.live_bytes
    with tracker:
        fn()
    return LivePeak(tracker.peak_bytes, held_bytes, tracker.live_bytes)


def _settled_bytes(tracker: LiveStorages) -> int:
    gc.collect()
    return tracker.live_bytes


@contextmanager
def watched(tracker: Tracker, held: Iterable[torch.Tensor]) -> Iterator[Tracker]:
    """``tracker``, which counts ``held``, with the garbage collector off meanwhile; it forgets all afterwards."""
    know_holders()
    collecting = gc.isenabled()
    gc.disable()
    try:
        for tensor in held:
            tracker.hold(tensor)
            del tensor  # the tracker must not be what keeps it alive
        yield tracker
    finally:
        tracker.forget()
        if collecting:
            gc.enable()


@contextmanager
def _small_heap() -> Iterator[None]:
    """Within, collecting garbage looks at what is new alone: a heap with torch in it costs 0.2 s each time."""
    if gc.get_freeze_count():  # somebody else's
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def allocated_peak(fn: Callable[[], object], device: torch.device, *, replayed: bool = False) -> AllocatedPeak:
    """Peak of CUDA's caching allocator while ``fn`` runs, once it runs as it did before, after `_MOST_RUNS` at most.

    The first runs are for what happens once and is not the steady state: the CUDA context, library handles, algorithm
    search of ``cudnn.benchmark`` with its large workspaces. What they leave behind (gradients, optimizer state) is part
    of the steady state and counts. Of what is ``replayed`` as a graph the largest run counts, from the second on: its
    replays use what was allocated as it was recorded. Before them, cuBLAS workspaces that earlier code left are freed:
    they are allocated on first use, and would make the figure depend on which test ran before. Before each that is
    looked at, unused cached blocks go back to the driver, so that ``reserved_bytes`` tells of this run and not of the
    pool's history.

    Raises UsageError for a device that is not CUDA.
    """
    if device.type != "cuda":
        raise UsageError(
            f"allocated memory is read from CUDA's allocator, and {device} has none; use live_peak, or --device=cuda"
        )
    cuda = torch.cuda
    gc.collect()
    clear_workspaces()
    before_bytes = cuda.memory_allocated(device)
    fn()
    runs: list[dict[str, int]] = []
    while len(runs) < 2 or (_requested(runs[-1]) != _requested(runs[-2]) and len(runs) < _MOST_RUNS - 1):
        runs.append(_stats_of(fn, device))
    stats = max(runs, key=_requested) if replayed else runs[-1]
    free_bytes, total_bytes = cuda.mem_get_info(device)
    reserved_bytes = cuda.max_memory_reserved(device)
    kept_bytes = cuda.memory_stats(device)["requested_bytes.all.current"]
    # They were there all through the run: earlier ones had made them.
    clear_workspaces()
    kept_bytes -= cuda.memory_stats(device)["requested_bytes.all.current"]
    requested_bytes = _requested(stats) - kept_bytes
    # From torch 2.15 on nothing is kept, and each product asks for what it takes.
    with _no_workspaces() as known:
        least_bytes = min(requested_bytes, _requested(_stats_of(fn, device))) if known else requested_bytes
    return AllocatedPeak(
        allocated_bytes=stats["allocated_bytes.all.peak"],
        reserved_bytes=reserved_bytes,
        device_bytes=total_bytes - free_bytes,
        before_bytes=before_bytes,
        requested_bytes=least_bytes,
        workspace_bytes=_requested(stats) - least_bytes,
    )


def _stats_of(fn: Callable[[], object], device: torch.device) -> dict[str, int]:
    """The allocator's figures of one run, from a cache that is empty."""
    cuda = torch.cuda
    cuda.synchronize(device)
    gc.collect()
    cuda.empty_cache()
    cuda.reset_peak_memory_stats(device)
    fn()
    cuda.synchronize(device)
    stats: dict[str, int] = cuda.memory_stats(device)
    return stats


def _requested(stats: Mapping[str, int]) -> int:
    return stats["requested_bytes.all.peak"]


@contextmanager
def _no_workspaces() -> Iterator[bool]:
    """Within, cuBLAS computes without workspaces, where torch can tell it so; whether it can."""
    backends: Any = torch.backends.cuda
    names = [f"{library}_workspace_size" for library in ("cublas", "cublaslt")]
    if not all(hasattr(backends, name) for name in names):
        yield False
        return
    settings = [getattr(backends, name) for name in names]
    before = [setting() for setting in settings]
    try:
        for setting in settings:
            setting(0)
        yield True
    finally:
        for setting, size in zip(settings, before, strict=True):
            setting(size)
