"""What PyTorch's caching allocator makes of a sequence of allocations: reserved bytes and fragmentation, without a GPU.

The rules are those of c10/cuda/CUDACachingAllocator.cpp with its default settings: sizes are rounded to 512 bytes; up
to 1 MiB comes out of segments of 2 MiB, up to 10 MiB out of segments of 20 MiB, and what is larger has a segment of its
own, rounded to 2 MiB. A free block is the smallest that fits, the rest of it is split off, and what is freed grows
together with its free neighbours. Nothing goes back to the driver before memory is short. One stream.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pytest_modelbench.core.errors import UsageError

MIB = 2**20
#: kMinBlockSize, kSmallSize, kSmallBuffer, kMinLargeAlloc, kLargeBuffer and kRoundLarge.
_ROUND, _SMALL, _SMALL_SEGMENT, _OWN_SEGMENT, _LARGE_SEGMENT, _ROUND_LARGE = (
    512,
    MIB,
    2 * MIB,
    10 * MIB,
    20 * MIB,
    2 * MIB,
)


class Step(NamedTuple):
    """An allocation of so many bytes, or with none the end of it; ``key`` says which."""

    key: int
    size_bytes: int | None = None

    @property
    def ends(self) -> bool:
        """Whether it is the end of one."""
        return self.size_bytes is None


@dataclass(frozen=True, slots=True)
class Rules:
    """What PYTORCH_ALLOC_CONF may change."""

    max_split_size_bytes: float = math.inf
    expandable_segments: bool = False  #: one segment of each kind that grows by 2 MiB or 20 MiB


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of a sequence, at most and at its end."""

    allocated_bytes: int  #: in blocks that are in use, at most
    reserved_bytes: int  #: in segments, at most
    end_allocated_bytes: int
    end_reserved_bytes: int

    @property
    def unused_bytes(self) -> int:
        """What is reserved at most beyond what is in use at most."""
        return self.reserved_bytes - self.allocated_bytes


def simulate(steps: Iterable[Step], rules: Rules | None = None) -> Simulated:
    """What the allocator makes of ``steps``, from empty. Raises UsageError for an end of what never began."""
    allocator = CachingAllocator(rules or Rules())
    for step in steps:
        if step.size_bytes is None:
            allocator.free(step.key)
        else:
            allocator.allocate(step.key, step.size_bytes)
    return allocator.simulated


@dataclass(slots=True, eq=False)
class _Block:
    address: int
    size: int
    in_use: bool = False
    before: _Block | None = field(default=None, repr=False)
    after: _Block | None = field(default=None, repr=False)


class _Pool:
    """The free blocks of one kind, by size and then by address."""

    def __init__(self, small: bool) -> None:
        self.small = small
        self._free: list[tuple[int, int]] = []
        self._blocks: dict[int, _Block] = {}

    def add(self, block: _Block) -> None:
        insort(self._free, (block.size, block.address))
        self._blocks[block.address] = block

    def remove(self, block: _Block) -> None:
        del self._free[bisect_left(self._free, (block.size, block.address))]
        del self._blocks[block.address]

    def smallest_of(self, size: int) -> _Block | None:
        """The smallest block of at least ``size``, the lowest of several."""
        at = bisect_left(self._free, (size, 0))
        return self._blocks[self._free[at][1]] if at < len(self._free) else None


class CachingAllocator:
    """Blocks in use and free, in segments. Addresses are those of the order in which segments were made."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._pools = {small: _Pool(small) for small in (True, False)}
        self._used: dict[int, tuple[_Block, _Pool]] = {}
        self._next_address = 0
        self._last: dict[bool, _Block | None] = {True: None, False: None}  # of expandable segments
        self._allocated = self._reserved = self._most_allocated = self._most_reserved = 0

    @property
    def simulated(self) -> Simulated:
        """What came of it so far."""
        return Simulated(self._most_allocated, self._most_reserved, self._allocated, self._reserved)

    def allocate(self, key: int, size_bytes: int) -> None:
        """Give ``size_bytes`` to ``key``; none takes no block, as in PyTorch."""
        if key in self._used:
            raise UsageError(f"allocation {key} begins a second time before it ends")
        if size_bytes <= 0:
            return
        size = -(-size_bytes // _ROUND) * _ROUND
        pool = self._pools[size <= _SMALL]
        block = self._found(pool, size) or self._made(pool, size)
        if self._splits(pool, block, size):
            self._split(pool, block, size)
        block.in_use = True
        self._used[key] = block, pool
        self._allocated += block.size
        self._most_allocated = max(self._most_allocated, self._allocated)

    def free(self, key: int) -> None:
        """Take back what ``key`` has."""
        if key not in self._used:
            raise UsageError(f"allocation {key} ends, and never began")
        block, pool = self._used.pop(key)
        self._allocated -= block.size
        block.in_use = False
        for neighbour in (block.before, block.after):
            if neighbour is not None and not neighbour.in_use:
                pool.remove(neighbour)
                at_end = self._last[pool.small] in (block, neighbour)
                block = _joined(*sorted((block, neighbour), key=lambda one: one.address))
                if at_end:
                    self._last[pool.small] = block
        pool.add(block)

    def _found(self, pool: _Pool, size: int) -> _Block | None:
        block = pool.smallest_of(size)
        if block is None:
            return None
        most = self._rules.max_split_size_bytes
        # What may not be split is kept for those that need nearly all of it.
        whole = not self._rules.expandable_segments
        if whole and ((size < most <= block.size) or (size >= most and block.size >= size + _LARGE_SEGMENT)):
            return None
        pool.remove(block)
        return block

    def _made(self, pool: _Pool, size: int) -> _Block:
        if self._rules.expandable_segments:
            return self._grown(pool, size)
        if size <= _SMALL:
            segment = _SMALL_SEGMENT
        elif size < _OWN_SEGMENT:
            segment = _LARGE_SEGMENT
        else:
            segment = -(-size // _ROUND_LARGE) * _ROUND_LARGE
        return self._reserve(segment)

    def _grown(self, pool: _Pool, size: int) -> _Block:
        """The end of the pool's one segment, grown by as many pages as it takes."""
        page = _SMALL_SEGMENT if pool.small else _LARGE_SEGMENT
        last = self._last[pool.small]
        if last is not None and not last.in_use:
            pool.remove(last)
            last.size += self._reserve(-(-(size - last.size) // page) * page).size
            return last
        block = self._reserve(-(-size // page) * page)
        if last is not None:
            last.after, block.before = block, last
        self._last[pool.small] = block
        return block

    def _reserve(self, size: int) -> _Block:
        block = _Block(self._next_address, size)
        self._next_address += size
        self._reserved += size
        self._most_reserved = max(self._most_reserved, self._reserved)
        return block

    def _splits(self, pool: _Pool, block: _Block, size: int) -> bool:
        rest = block.size - size
        if pool.small or self._rules.expandable_segments:
            return rest >= _ROUND
        return size < self._rules.max_split_size_bytes and rest > _SMALL

    def _split(self, pool: _Pool, block: _Block, size: int) -> None:
        rest = _Block(block.address + size, block.size - size, before=block, after=block.after)
        if block.after is not None:
            block.after.before = rest
        block.after, block.size = rest, size
        if self._last[pool.small] is block:
            self._last[pool.small] = rest
        pool.add(rest)


def _joined(lower: _Block, upper: _Block) -> _Block:
    lower.size += upper.size
    lower.after = upper.after
    if upper.after is not None:
        upper.after.before = lower
    return lower
