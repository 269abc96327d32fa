"""How long what is left of a session will take, from how long the same took before in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

#: A pair runs its tests in two processes, one of them at a time: until a pair has told, it takes twice what one took.
_SIDES = 2
#: What takes longer than it did before by no more than this, or than all that is left, is not worth a word.
_PATIENCE_S = 5.0


class Pace:
    """Told what begins and what ends, by the clock ``now_s``.

    What is left are processes (or pairs of them) up to the next look, each with its start, which takes seconds with
    torch, and its tests. What lasts longer than it did before does not count as done: then nothing is known.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._starts_s: dict[bool, list[float]] = {False: [], True: []}  #: of processes, and of pairs
        self._tests_s: dict[bool, dict[str, float]] = {False: {}, True: {}}  #: the last time of each test, likewise
        self._noisy: dict[str, bool] = {}
        self._paired = False
        self._tests: list[str] = []  #: of this process, or pair
        self._pending: list[str] = []  #: those that have not begun
        self._later = 0  #: further ones of its kind up to the next look
        self._since_s = now_s()  #: when began what goes on
        self._expected_s: float | None = None  #: how long that may take; None: nothing tells

    def process_started(self, tests: Sequence[str], later: int, *, paired: bool = False) -> None:
        """A process, or a pair, begins with ``tests``; ``later`` ones follow it before anything is decided."""
        self._paired, self._tests, self._pending, self._later = paired, list(tests), list(tests), later
        self._since_s, self._expected_s = self._now_s(), self._start_s()

    def test_started(self, test: str) -> None:
        """A test begins."""
        if len(self._pending) == len(self._tests):
            self._starts_s[self._paired].append(self._now_s() - self._since_s)
        self._drop(test)
        self._since_s, self._expected_s = self._now_s(), self._test_s(test)

    def test_ended(self, test: str, *, noisy: bool) -> None:
        """A test is over; a noisy one is measured again in the processes that follow."""
        self._drop(test)
        self._tests_s[self._paired][test] = self._now_s() - self._since_s
        self._noisy[test] = noisy
        self._since_s, self._expected_s = self._now_s(), 0.0

    @property
    def repeats(self) -> bool:
        """Whether anything seen so far is measured in more than one process."""
        return any(self._noisy.values())

    def left_s(self) -> float | None:
        """Seconds up to the next look, at least one; 0 where that is overdue, None as long as nothing tells."""
        times = [self._test_s(test) for test in self._tests]
        if self._expected_s is None or None in times:
            return None
        so_far_s = self._now_s() - self._since_s
        left_s = max(0.0, self._expected_s - so_far_s) + self._sum_s(self._pending) + self._later_s()
        over_s = so_far_s - self._expected_s
        return 0.0 if over_s > max(_PATIENCE_S, left_s) else max(1.0, left_s)

    def _later_s(self) -> float:
        """Seconds of the processes after this one."""
        ended = [self._noisy[test] for test in self._tests if test in self._noisy]
        # One that was never measured is as likely to be noisy as the others.
        share = fmean(ended) if ended else 1.0
        again_s = sum(float(self._noisy.get(test, share)) * self._sum_s([test]) for test in self._tests)
        return self._later * (again_s + (self._start_s() or 0.0)) if again_s else 0.0

    def _sum_s(self, tests: Sequence[str]) -> float:
        return sum(self._test_s(test) or 0.0 for test in tests)

    def _start_s(self) -> float | None:
        """Seconds that a process takes to its first test."""
        if found := self._starts_s[self._paired]:
            return fmean(found)
        # The two of a pair start side by side.
        return fmean(self._starts_s[False]) if self._starts_s[False] else None

    def _test_s(self, test: str) -> float | None:
        """Seconds that a test takes: what it took, or what the others did."""
        own, single = self._tests_s[self._paired], self._tests_s[False]
        if test in own:
            return own[test]
        if self._paired and test in single:
            return _SIDES * single[test]
        return fmean(own.values()) if own else _SIDES * fmean(single.values()) if single else None

    def _drop(self, test: str) -> None:
        if test in self._pending:
            self._pending.remove(test)
