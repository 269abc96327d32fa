"""Tests measured in pairs of processes: two places of code go in, what became of each test comes out.

Nothing here knows of baselines, looks or verdicts: `session.confirming` has the policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from pytest_modelbench.session.launch import Launcher, Tree
from pytest_modelbench.workers.connection import Timeout
from pytest_modelbench.workers.driver import Listener
from pytest_modelbench.workers.pairs import Sides, run_pair
from pytest_modelbench.workers.runs import PairRun


class Pairing:
    """Pairs of workers on this machine, with the listener who hears of the candidate."""

    def __init__(self, launcher: Launcher, listener: Listener, timeout_s: Timeout) -> None:
        self._launcher = launcher
        self._listener = listener
        self._timeout_s = timeout_s

    def pair(
        self, base: Tree, candidate: Tree, tests: Sequence[str], number: int = 1, *, placing: bool = False
    ) -> Iterator[PairRun]:
        """What became of each of ``tests``, measured on both sides in one pair of fresh processes.

        ``placing``: they say where in the models the time goes, for which hooks take some of it.
        """
        member = partial(self._launcher.member, placing=placing)
        sides = Sides(
            lambda tests, pair, in_turns: member(tests, pair, base, candidate, in_turns=in_turns),
            lambda tests, pair, in_turns: member(tests, pair, candidate, base, in_turns=in_turns),
        )
        return run_pair(tests, number, sides, self._listener, self._timeout_s)
