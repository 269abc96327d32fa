"""Tests measured in pairs of processes: two places of code go in, what became of each test comes out.

Nothing here knows of baselines, looks or verdicts: `session.confirming` has the policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial

from pytest_modelbench.session.launch import BASE, CANDIDATE, Launcher, Tree
from pytest_modelbench.workers.connection import Connection, Timeout
from pytest_modelbench.workers.driver import Listener
from pytest_modelbench.workers.pairs import Sides, run_pair
from pytest_modelbench.workers.runs import PairRun, TestRun
from pytest_modelbench.workers.untimed import run_untimed


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
            lambda tests, pair, in_turns: member(tests, pair, base, candidate, worker=BASE, in_turns=in_turns),
            lambda tests, pair, in_turns: member(tests, pair, candidate, base, worker=CANDIDATE, in_turns=in_turns),
            collected=not candidate.code.revision,
        )
        return run_pair(tests, number, sides, self._listener, self._timeout_s)

    def untimed(self, tree: Tree, other: Tree, tests: Sequence[str], number: int) -> Iterator[TestRun]:
        """What became of each of ``tests`` in ``tree`` alone, for what is exact; ``other``: what it goes with."""

        def launch(tests: Sequence[str], number: int, in_turns: bool) -> AbstractContextManager[Connection]:
            return self._launcher.member(tests, number, tree, other, worker=CANDIDATE, in_turns=in_turns)

        return run_untimed(tests, number, launch, self._listener, self._timeout_s)
