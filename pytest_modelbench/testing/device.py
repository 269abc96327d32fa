"""An accelerator that is made up: a queue of kernels, which the CPU fills and the device works off, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel: how long the CPU takes to launch it, and the device to run it, in nanoseconds."""

    launch_ns: int
    run_ns: int


class SimulatedDevice:
    """A device and the CPU that launches its work, as CUDA does; a `measure.clocks.Clock` of its events.

    A launch takes the CPU's time and queues a kernel, which starts once those before it are done. The CPU waits where
    the queue is full, ``depth`` kernels long, and in `synchronize`, which takes ``wait_ns`` of its own. A mark is an
    event: the device stamps it when it gets there.
    """

    name = "simulated events"

    def __init__(self, depth: int = 1024, mark_ns: int = 2_000, wait_ns: int = 5_000) -> None:
        self.cpu_ns = 0  #: how far the CPU is
        self._done_ns = 0  # when the device is done with all that is queued
        self._depth = depth
        self._queue: deque[int] = deque()  # when each queued kernel is done
        self._mark_ns = mark_ns
        self._wait_ns = wait_ns

    def launch(self, kernel: Kernel) -> None:
        """Queue ``kernel``."""
        self._advance(kernel.launch_ns)
        if len(self._queue) >= self._depth:
            self._advance(self._queue[0] - self.cpu_ns)
        self._done_ns = max(self._done_ns, self.cpu_ns) + kernel.run_ns
        self._queue.append(self._done_ns)

    def work(self, *kernels: Kernel) -> Callable[[], None]:
        """A workload that launches ``kernels``, one after the other, and waits for none."""

        def call() -> None:
            for kernel in kernels:
                self.launch(kernel)

        return call

    def mark(self) -> int:
        """When the device gets here."""
        self._advance(self._mark_ns)
        return max(self._done_ns, self.cpu_ns)

    def elapsed_s(self, marks: Sequence[int]) -> list[float]:
        """Seconds between consecutive ``marks``, once the device is done."""
        self.synchronize()
        return [(later - earlier) / 1e9 for earlier, later in pairwise(marks)]

    def synchronize(self) -> None:
        """Wait until all that is queued is done."""
        self._advance(self._done_ns - self.cpu_ns)
        self._advance(self._wait_ns)

    def _advance(self, by_ns: int) -> None:
        self.cpu_ns += max(0, by_ns)
        while self._queue and self._queue[0] <= self.cpu_ns:
            self._queue.popleft()
