"""What CUDA's caching allocator makes of a sequence: the sizes of segments, splits and joins, by its own rules."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.measure.caching_allocator import MIB, CachingAllocator, Rules, Simulated, Step, simulate


@pytest.mark.parametrize(
    ("size", "allocated", "reserved"),
    [
        (0, 0, 0),
        (1, 512, 2 * MIB),
        (512, 512, 2 * MIB),
        (513, 1024, 2 * MIB),
        (MIB, MIB, 2 * MIB),
        (MIB + 1, MIB + 512, 20 * MIB),
        (10 * MIB - 512, 10 * MIB - 512, 20 * MIB),
        (10 * MIB, 10 * MIB, 10 * MIB),
        (10 * MIB + 1, 10 * MIB + 512, 12 * MIB),
        # What is left of a segment of its own is no more than the kernel's round: it is not split off.
        (31 * MIB, 32 * MIB, 32 * MIB),
    ],
)
def test_one_allocation(size, allocated, reserved):
    assert simulate([Step(0, size)]) == Simulated(allocated, reserved, allocated, reserved)


def test_what_was_freed_is_used_again_and_the_rest_split_off():
    steps = [Step(0, 12 * MIB), Step(0), Step(1, 4 * MIB), Step(2, 8 * MIB)]
    assert simulate(steps) == Simulated(12 * MIB, 12 * MIB, 12 * MIB, 12 * MIB)


def test_neighbours_that_are_free_grow_together():
    four = [Step(key, 5 * MIB) for key in range(4)]  # one segment of 20 MiB
    freed = [Step(1), Step(2)]
    assert simulate([*four, *freed, Step(9, 9 * MIB)]).reserved_bytes == 20 * MIB
    assert simulate([*four, Step(0), Step(2), Step(9, 9 * MIB)]).reserved_bytes == 40 * MIB  # in two holes


def test_the_smallest_that_fits_is_taken():
    steps = [Step(0, 30 * MIB), Step(1, 16 * MIB), Step(0), Step(1), Step(2, 16 * MIB), Step(3, 30 * MIB)]
    assert simulate(steps).reserved_bytes == 46 * MIB


def test_small_and_large_have_pools_of_their_own():
    steps = [Step(0, 12 * MIB), Step(0), Step(1, MIB)]
    assert simulate(steps).reserved_bytes == 14 * MIB


def test_what_is_not_to_be_split_is_kept_for_what_needs_it():
    rules = Rules(max_split_size_bytes=20 * MIB)
    assert simulate([Step(0, 40 * MIB), Step(0), Step(1, 2 * MIB)], rules).reserved_bytes == 60 * MIB
    assert simulate([Step(0, 40 * MIB), Step(0), Step(1, 30 * MIB)], rules).reserved_bytes == 40 * MIB
    assert simulate([Step(0, 60 * MIB), Step(0), Step(1, 30 * MIB)], rules).reserved_bytes == 90 * MIB


def test_a_segment_that_grows_leaves_no_holes_between_sizes():
    steps = [Step(0, 30 * MIB), Step(0), Step(1, 50 * MIB)]
    assert simulate(steps).reserved_bytes == 80 * MIB
    assert simulate(steps, Rules(expandable_segments=True)).reserved_bytes == 60 * MIB


@pytest.mark.parametrize("steps", [[Step(0)], [Step(0, 1), Step(0), Step(0)], [Step(0, 1), Step(0, 1)]])
def test_a_sequence_that_cannot_be_is_refused(steps):
    with pytest.raises(UsageError):
        simulate(steps)


sizes = st.one_of(st.integers(1, 4096), st.integers(1, 3 * MIB), st.integers(MIB, 80 * MIB))


@st.composite
def sequences(draw):
    """Allocations and ends of them, in an order that can be."""
    steps, alive = [], []
    for key in range(draw(st.integers(1, 40))):
        steps.append(Step(key, draw(sizes)))
        alive.append(key)
        while alive and draw(st.booleans()):
            steps.append(Step(alive.pop(draw(st.integers(0, len(alive) - 1)))))
    return steps, alive


rules = st.builds(Rules, st.sampled_from([math.inf, 20 * MIB, 64 * MIB]), st.booleans())


@given(sequences(), rules)
def test_nothing_is_lost_and_nothing_is_given_twice(drawn, rules):
    steps, alive = drawn
    allocator = CachingAllocator(rules)
    asked = {}
    for step in steps:
        if step.size_bytes is None:
            allocator.free(step.key)
            del asked[step.key]
        else:
            allocator.allocate(step.key, step.size_bytes)
            asked[step.key] = step.size_bytes
        found = allocator.simulated
        assert sum(asked.values()) <= found.end_allocated_bytes <= found.end_reserved_bytes
    for key in alive:
        allocator.free(key)
    found = allocator.simulated
    assert found.end_allocated_bytes == 0
    assert found.end_reserved_bytes == found.reserved_bytes >= found.allocated_bytes
    # All that is reserved is free again, and in as few blocks as there are segments: it can be asked for in full.
    free = sum(size for pool in allocator._pools.values() for size, _ in pool._free)
    assert free == found.end_reserved_bytes
