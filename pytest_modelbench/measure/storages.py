"""Storages that are alive: counted as operators make them and as they die, on whatever device they are."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pytest_modelbench.measure.held import plain_parts
from pytest_modelbench.measure.in_place import replaces_its_first

# The CUDA caching allocator hands out multiples of 512 bytes (c10/cuda/CUDACachingAllocator, kMinBlockSize); counting
# so everywhere makes figures from the meta device and the CPU agree with a GPU's.
_BLOCK_BYTES = 512


class LiveStorages(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of storages as they appear in operators' outputs and as they die.

    PyTorch keeps a storage's Python object as long as the storage lives, so a weak reference tells when it dies.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live_bytes = 0
        self.changes = 0  #: how often a storage began, ended, or took another size
        self.operator: Any = None  #: that runs, or ran last
        self._peak_bytes = 0
        self._peak_change = 0
        self._settled = True  # what is counted is what is alive: nothing is about to be dropped
        # By identity of the storage. The weak references are kept for their callbacks.
        self._counted: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._foreign: dict[int, weakref.ref[Any]] = {}

    @property
    def peak_bytes(self) -> int:
        """Most bytes that were counted at once."""
        return max(self._peak_bytes, self.live_bytes)

    @property
    def peak_change(self) -> int:
        """After how many changes that was, for the first time."""
        return self._peak_change if self._peak_bytes >= self.live_bytes else self.changes

    def hold(self, tensor: torch.Tensor) -> None:
        """Count ``tensor``, which is alive already."""
        for storage in storages(tensor):
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
                for storage in storages(tensor):
                    self._pass_over(storage)
        self._settle()
        self.operator = func
        result = func(*args, **(kwargs or {}))
        self._settled = not replaces_its_first(func, args)
        for tensor in _tensors(result):
            for storage in storages(tensor):
                self._count(storage)
        # In-place operators without a result, and those that resize what they are given.
        for tensor in _tensors((args, kwargs)):
            for storage in storages(tensor):
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
        if size == before:
            return
        self._change(key, before, size)
        if self._settled:
            self._look()

    def _settle(self) -> None:
        """Look again at what is alive, after an operator that replaced what it was given."""
        if not self._settled:
            self._settled = True
            self._look()

    def _look(self) -> None:
        if self.live_bytes > self._peak_bytes:
            self._peak_bytes, self._peak_change = self.live_bytes, self.changes

    def _change(self, key: int, before: int, now: int) -> None:
        """The storage known by ``key`` takes ``now`` bytes: none once it is dead, and none ``before`` it was there."""
        self.live_bytes += now - before
        self.changes += 1

    def _release(self, key: int) -> None:
        _, size = self._counted.pop(key, (None, 0))
        if size:
            self._change(key, size, 0)

    def _pass_over(self, storage: torch.UntypedStorage) -> None:
        key = id(storage)
        if key not in self._counted and key not in self._foreign:
            # Forgotten when it dies: the next storage may get the same identity.
            self._foreign[key] = weakref.ref(storage, lambda _: self._foreign.pop(key, None))


def _tensors(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


def storages(tensor: torch.Tensor) -> Iterator[torch.UntypedStorage]:
    """The memory behind ``tensor``: one storage, or those of the tensors it is made of."""
    return (part.untyped_storage() for part in plain_parts(tensor))
