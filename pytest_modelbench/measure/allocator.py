"""The C allocator's state, which decides whether an operator's output costs page faults."""

from __future__ import annotations

import torch

#: glibc gives a block above its threshold back to the kernel as soon as it is freed, so that every page of the next one
#: faults in anew; freeing such a block raises the threshold to its size, up to this much (DEFAULT_MMAP_THRESHOLD_MAX in
#: glibc's malloc.c, 64-bit).
_HIGHEST_THRESHOLD = 32 * 2**20
#: Room for the allocator's own header and PyTorch's alignment, so that the block stays below it.
_ROOM = 2 * 4096


def settle_allocator() -> None:
    """Bring the C allocator to where a process that has run for a while has it.

    In a fresh process the threshold depends on which models ran before: a 3x3 convolution with 3 MB of output took
    7.5 to 8.8 ms as the first thing measured and 4.4 to 5.1 ms after a larger model (tests/trials/noise_sources.py).
    Afterwards the order of tests does not decide. Without effect on other allocators.
    """
    torch.empty(_HIGHEST_THRESHOLD - _ROOM, dtype=torch.uint8)  # and freed at once
