"""Whom pairs confirm, beside which code, at which looks, sharing which error rate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from pytest_modelbench.core.environment import differences, named
from pytest_modelbench.core.errors import ModelbenchError, UsageError
from pytest_modelbench.core.reasons import NotConfirmed
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.judge.procedure import Duet, looks_of_duet
from pytest_modelbench.session.checkouts import Checkouts, tree_of
from pytest_modelbench.session.entries import Decision
from pytest_modelbench.session.gate import Recourse
from pytest_modelbench.session.launch import Tree, interpreter
from pytest_modelbench.session.pairing import Pairing
from pytest_modelbench.session.results import Results
from pytest_modelbench.vcs.revision import Revision, resolve, same_code
from pytest_modelbench.workers.rounds import ordered
from pytest_modelbench.workers.runs import PairRun


class Audience(Protocol):
    """Who is told what happens: `session.runner.SessionRunner`."""

    def pairs_started(self, number: int, looks: Sequence[int], tests: Sequence[str], beside: str) -> None: ...
    def pair_ended(self, run: PairRun) -> None: ...
    def placing_started(self, tests: Sequence[str], beside: str) -> None: ...
    def decided(self, test: str, decision: Decision) -> None: ...
    def tell(self, line: str) -> None: ...
    def out_of_time(self) -> bool: ...


class Recourses:
    """What can be done about a check that its stored baseline does not clear, by the commit of that baseline."""

    def __init__(self, root: Path, settings: Settings, *, inline: bool = False) -> None:
        self._root = root
        self._unwanted = "--modelbench-inline" if inline else ""
        if settings.confirm != "duet":
            self._unwanted = f"--modelbench-confirm={settings.confirm}"
        self._known: dict[str | None, Recourse] = {
            None: Recourse(
                why_none=self._unwanted or "the baseline was recorded outside git, or with uncommitted changes"
            )
        }

    def __call__(self, commit: str | None) -> Recourse:
        """The recourse, looked up once for each commit."""
        if commit not in self._known and commit is not None:
            try:
                resolve(self._root, commit)
                alike = same_code(self._root, commit)
                duet = not (alike or self._unwanted)
                self._known[commit] = Recourse(duet, alike, "" if alike else self._unwanted)
            except ModelbenchError as error:
                self._known[commit] = Recourse(why_none=self._unwanted or str(error))
        return self._known[commit]


@dataclass(frozen=True, slots=True)
class Base:
    """The code compared with; ``check`` raises ModelbenchError if it is gone from the disk."""

    tree: Tree
    check: Callable[[], object] = lambda: None


class Confirmation:
    """Runs pairs until every test is decided, or the last look is over."""

    def __init__(self, settings: Settings, results: Results, pairing: Pairing, here: Tree, audience: Audience) -> None:
        self._settings = settings
        self._results = results
        self._pairing = pairing
        self._here = here
        self._audience = audience

    def confirm(self, tests: Sequence[str], seed: str | None) -> None:
        """Decide ``tests``, each beside the commits of its baselines."""
        wanted = {test: self._results.bases(test) for test in tests}
        checks = sum(self._results.waiting(test, commit) for test, commits in wanted.items() for commit in commits)
        for commit in sorted({commit for commits in wanted.values() for commit in commits}):
            duet = Duet(f"commit {commit[:10]}", self._settings.pairs, checks, commit=commit)
            group = [test for test in tests if self._results.waiting(test, commit)]
            if not group:
                continue  # they failed by themselves beside another commit
            try:
                with self._checkouts().of(resolve(self._here.root, commit)) as checkout:
                    self._decide(group, duet, Base(tree_of(checkout, commit), checkout.check), seed)
            except ModelbenchError as error:
                for test in group:
                    if self._results.waiting(test, commit):
                        reason = NotConfirmed(duet.base, str(error))
                        self._told(test, self._results.decide_alone(test, commit, reason))
            if self._audience.out_of_time():
                return

    def against(self, tests: Sequence[str], seed: str | None) -> None:
        """Decide ``tests`` beside the revision, the interpreter or both that the session was told."""
        settings, here = self._settings, self._here
        names = []
        with ExitStack() as stack:
            base = Base(here)
            python = interpreter(settings.against_python) if settings.against_python else sys.executable
            if settings.against:
                revision: Revision = resolve(here.root, settings.against)
                checkout = stack.enter_context(self._checkouts().of(revision, python))
                base = Base(tree_of(checkout, revision.commit), checkout.check)
                names.append(f"{settings.against} ({revision.commit[:10]})")
            if settings.against_python:
                base = replace(base, tree=replace(base.tree, python=python))
                names.append(python)
            self._decide(tests, Duet(" with ".join(names), settings.pairs, stored=False), base, seed)

    def _checkouts(self) -> Checkouts:
        return Checkouts(self._here.root, self._settings.build, self._audience.tell)

    def _place(self, tests: Sequence[str], duet: Duet, base: Base) -> None:
        """Find where ``tests`` changed, in one more pair: an explanation, which changes no verdict.

        Within a budget, what is open comes first.
        """
        if not tests or (self._settings.budget_s and self._results.any_undecided):
            return
        self._audience.placing_started(tests, duet.base)
        with suppress(ModelbenchError, OSError):
            for run in self._pairing.pair(base.tree, self._here, tests, placing=True):
                self._audience.pair_ended(run)
                self._results.place(run, duet)

    def _decide(self, tests: Sequence[str], duet: Duet, base: Base, seed: str | None) -> None:
        remaining = list(tests)
        if duet.stored:
            duet = replace(duet, looks=looks_of_duet(duet.looks, len(remaining)))
        self._results.begin_duet(tests)
        for number in range(1, duet.looks[-1] + 1):
            order = ordered(remaining, seed, duet.base, str(number))
            self._audience.pairs_started(number, duet.looks, order, duet.base)
            for run in self._pairing.pair(base.tree, self._here, order, number):
                self._results.add_pair(run, alone=not duet.stored)
                self._audience.pair_ended(run)
                if duet.stored:
                    _refuse_other_environment(run)
            if not duet.stored and number == 1:
                # From now on it is known how many checks share the error rate.
                looks = looks_of_duet(duet.looks, self._results.noisy_tests)
                duet = replace(duet, checks=self._results.noisy_checks, looks=looks)
            base.check()
            over = self._audience.out_of_time()
            moved: list[str] = []
            with ExitStack() as later:
                for test in order:
                    if over and self._results.drop_cut(test):
                        continue  # a pair that was cut short tells nothing
                    decision = self._results.decide_beside(test, duet, last_pair=number == duet.looks[-1])
                    if not over and self._results.moved(test, duet):
                        moved.append(test)
                        later.callback(self._tell, test)  # whatever comes in between
                    else:
                        self._told(test, decision)
                    if decision is not None or (duet.stored and not self._results.waiting(test, duet.commit)):
                        remaining.remove(test)
                self._place(moved, duet, base)
            if over or not remaining:
                return

    def _tell(self, test: str) -> None:
        self._told(test, self._results.entry(test).decision)

    def _told(self, test: str, decision: Decision | None) -> None:
        if decision is not None:
            self._audience.decided(test, decision)


def _refuse_other_environment(run: PairRun) -> None:
    """Raise UsageError where the base was measured on another device, or in another way, than the candidate."""
    known = [side.environment for side in run.sides if side.environment]
    if len(known) == 2 and (moved := differences(known[1].identity, known[0].identity)):
        raise UsageError(f"the code compared with is measured in another environment: {named(moved)}")
