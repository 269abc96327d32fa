"""Where the time of a pass goes: which part of a module runs, and for how long, between its own parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from torch import nn

from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.measure.clocks import Clock
from pytest_modelbench.measure.places import Places

_NS = 1e9


class PartTimes(Places):
    """Times passes of ``module`` part by part while it is entered. Hooks take time themselves: for telling parts apart.

    A part's time is its own: that of what it calls is theirs.
    """

    def __init__(self, module: nn.Module, clock: Clock) -> None:
        super().__init__(module)
        self._clock = clock
        self._types = {name: type(part).__name__ for name, part in module.named_modules()}
        self._marks: list[Any] = []
        self._owners: list[str] = []
        self._calls: list[dict[str, float]] = []

    def call(self, run: Callable[[], object]) -> None:
        """Call ``run``, which is one pass, and remember what each part took of it."""
        self._marks, self._owners = [self._clock.mark()], [""]
        run()
        self._marks.append(self._clock.mark())
        took_s: defaultdict[str, float] = defaultdict(float)
        for name, seconds in zip(self._owners, self._clock.elapsed_s(self._marks), strict=True):
            took_s[name] += seconds
        self._calls.append(took_s)

    def breakdown(self) -> Breakdown:
        """Nanoseconds a call by part, with its type, in the order in which they run.

        The mean of the calls in the middle: of a quarter that took longest and one that took least nothing is known
        but that something else happened.
        """
        ordered = sorted(self._calls, key=lambda took_s: sum(took_s.values()))
        quarter = len(ordered) // 4
        middle = ordered[quarter : len(ordered) - quarter]
        total_s: defaultdict[str, float] = defaultdict(float)
        for took_s in middle:
            for name, seconds in took_s.items():
                total_s[name] += seconds
        return Breakdown.of(
            {(name, self._types[name]): max(0, round(_NS * taken_s / len(middle))) for name, taken_s in total_s.items()}
        )

    def _note(self) -> None:
        self._marks.append(self._clock.mark())
        self._owners.append(self._stack[-1] if self._stack else "")
