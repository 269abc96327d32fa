"""A clock that moves only when a workload says so: what is timed by it is exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

Cost = int | Callable[[], int]


class FakeClock:
    """Nanoseconds that workloads add to; a `measure.clocks.Clock`.

    ``log`` has a letter for each call of a workload and ``|`` for each mark, ``reads`` the number of marks of each
    reading, ``waits`` how often the device was waited for.
    """

    name = "fake"

    def __init__(self) -> None:
        self.now_ns = 0
        self.log: list[str] = []
        self.reads: list[int] = []
        self.waits = 0

    def mark(self) -> int:
        """Now."""
        self.log.append("|")
        return self.now_ns

    def elapsed_s(self, marks: Sequence[int]) -> list[float]:
        """Seconds between consecutive ``marks``."""
        self.reads.append(len(marks))
        return [(later - earlier) / 1e9 for earlier, later in pairwise(marks)]

    def synchronize(self) -> None:
        """Count that somebody waited."""
        self.waits += 1

    def work(self, cost_ns: Cost, letter: str = "T") -> Callable[[], None]:
        """A workload that takes so long a call; a callable says it anew for each."""

        def call() -> None:
            self.log.append(letter)
            self.now_ns += cost_ns if isinstance(cost_ns, int) else cost_ns()

        return call

    def step(self, *phases: tuple[str, int]) -> Callable[[Callable[[str], object]], None]:
        """A step in phases: it takes what each costs in nanoseconds, and says when it ends."""

        def call(mark: Callable[[str], object]) -> None:
            for name, cost_ns in phases:
                self.now_ns += cost_ns
                mark(name)

        return call


def series(*values: int) -> Callable[[], int]:
    """Each value once, then the last for ever."""
    rest = list(values)
    return lambda: rest.pop(0) if len(rest) > 1 else rest[0]
