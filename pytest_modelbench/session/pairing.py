"""Tests measured side by side with other code: to confirm what a stored baseline leaves open, or on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from pytest_modelbench.core.environment import Environment, differences
from pytest_modelbench.core.errors import ModelbenchError, UsageError
from pytest_modelbench.core.records import CheckKey, Record
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import BaselineView, Duet
from pytest_modelbench.session.entries import Decision
from pytest_modelbench.session.gate import Recourse
from pytest_modelbench.session.launch import Launcher, Place, interpreter
from pytest_modelbench.session.results import Ledger
from pytest_modelbench.vcs.checkout import Checkout, resolve, same_code
from pytest_modelbench.workers.lockstep import run_pair
from pytest_modelbench.workers.pairs import PairRun
from pytest_modelbench.workers.protocol import Message
from pytest_modelbench.workers.rounds import Timeout, shuffled


class Audience(Protocol):
    """Who is told what happens: `conductor.Conductor`."""

    def environment_known(self, environment: Environment) -> None: ...
    def pairs_started(self, number: int, looks: Sequence[int], tests: Sequence[str], beside: str) -> None: ...
    def test_started(self, test: str) -> None: ...
    def pair_ended(self, run: PairRun) -> None: ...
    def decided(self, test: str, decision: Decision) -> None: ...
    def out_of_time(self) -> bool: ...
    def warning(self, message: Message) -> None: ...


class Recourses:
    """What can be done about a check that its stored baseline does not clear, by the commit of that baseline."""

    def __init__(self, root: Path, settings: Settings, *, inline: bool = False) -> None:
        self._root = root
        self._baselines = root / settings.baselines
        self._unwanted = "--modelbench-inline" if inline else ""
        if settings.confirm != "duet":
            self._unwanted = f"--modelbench-confirm={settings.confirm}"
        self._known: dict[str | None, Recourse] = {
            None: Recourse(why_none="it was recorded outside git, or with uncommitted changes")
        }

    def __call__(self, commit: str | None) -> Recourse:
        """The recourse, looked up once for each commit."""
        if self._unwanted:
            return Recourse(why_none=self._unwanted)
        if commit not in self._known and commit is not None:
            try:
                resolve(self._root, commit)
                alike = same_code(self._root, commit, ignoring=[self._baselines])
                self._known[commit] = Recourse(duet=not alike, same_code=alike)
            except ModelbenchError as error:
                self._known[commit] = Recourse(why_none=str(error))
        return self._known[commit]


class Twins:
    """Baselines that are not stored but measured: by the twin with the code compared with."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.environment: Environment | None = None

    def load(self, folder: str) -> None:
        """Nothing to read."""

    def holds_any(self, folder: str) -> bool:
        """The twin has measured something."""
        return True

    def find(self, folder: str, key: CheckKey) -> BaselineView | None:
        """What the twin measured, in all pairs so far; None if it did not."""
        entry = self._ledger.entries[key.test]
        found = [
            record for pair in entry.pairs for record in (pair.old.records if pair.old else ()) if record.key == key
        ]
        return _view(found, self.environment) if found else None

    def keys(self, folder: str) -> list[CheckKey]:
        """Nothing that has to be there: an absent test of other code is not missed."""
        return []


def _view(records: Sequence[Record], environment: Environment | None) -> BaselineView:
    last = records[-1]
    values = sorted(record.value for record in records)
    return BaselineView(
        case=last.case,
        unit=last.metric.unit,
        better=last.metric.better,
        value=values[len(values) // 2] if last.metric.noisy else last.value,
        basis=last.basis,
        anchor=tuple(record.level for record in records if record.level is not None),
        identity=environment.identity if environment else None,
        provenance=environment.provenance if environment else None,
    )


def _nothing() -> None:
    """The working tree is there."""


class Duets:
    """Runs pairs of processes until every test is decided, or the last look is over."""

    def __init__(
        self, settings: Settings, ledger: Ledger, launcher: Launcher, audience: Audience, timeout_s: Timeout, seed: str
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._launcher = launcher
        self._here = launcher.here()
        self._audience = audience
        self._timeout_s = timeout_s
        self._seed = seed
        self._twins: Twins | None = None  #: None: stored baselines are confirmed

    def confirm(self, tests: Sequence[str]) -> None:
        """Decide ``tests``, each beside the commits of its baselines."""
        wanted = {test: self._ledger.by_commit(test) for test in tests}
        checks = sum(sum(counts.values()) for counts in wanted.values())
        for commit in sorted({commit for counts in wanted.values() for commit in counts}):
            duet = Duet(f"commit {commit[:10]}", self._settings.pairs, checks, commit=commit)
            group = [test for test in tests if self._ledger.waits(test, duet)]
            if not group:
                continue  # they failed by themselves beside another commit
            try:
                with Checkout(self._here.root, resolve(self._here.root, commit)) as checkout:
                    self._decide(group, duet, Place(checkout.root, checkout.path_of), checkout.check)
            except ModelbenchError as error:
                for test in group:
                    if self._ledger.waits(test, duet):
                        note = f"not confirmed beside commit {commit[:10]}: {error}"
                        self._told(test, self._ledger.decide_alone(test, commit, note))
            if self._audience.out_of_time():
                return

    def against(self, tests: Sequence[str], twins: Twins) -> None:
        """Decide ``tests`` beside the revision, the interpreter or both that the session was told."""
        settings, here = self._settings, self._here
        self._twins = twins
        names = []
        with ExitStack() as stack:
            place, check = here, _nothing
            if settings.against:
                revision = resolve(here.root, settings.against)
                checkout = stack.enter_context(Checkout(here.root, revision))
                place, check = Place(checkout.root, checkout.path_of), checkout.check
                names.append(f"{settings.against} ({revision.commit[:10]})")
            if settings.against_python:
                python = interpreter(settings.against_python)
                place = Place(place.root, place.path_of, python)
                names.append(python)
            self._decide(tests, Duet(" with ".join(names), settings.pairs, stored=False), place, check)

    def _decide(self, tests: Sequence[str], duet: Duet, old: Place, check: Callable[[], object]) -> None:
        """Pairs until ``tests`` are decided; ``check`` raises ModelbenchError if the old code is gone from the disk."""
        launcher, here = self._launcher, self._here
        remaining = list(tests)
        self._ledger.begin_duet(tests)
        for number in range(1, duet.looks[-1] + 1):
            order = shuffled(remaining, f"{self._seed}-{duet.revision}-{number}")
            self._audience.pairs_started(number, duet.looks, order, duet.revision)
            run_pair(
                order,
                number,
                lambda tests, pair: launcher.twin(tests, pair, old, here),
                lambda tests, pair: launcher.twin(tests, pair, here, old),
                self,
                self._timeout_s,
            )
            if self._twins is not None and number == 1:
                # From now on it is known how many checks share the error rate.
                duet = replace(duet, checks=self._ledger.noisy_checks)
            check()
            over = self._audience.out_of_time()
            for test in order:
                if over and self._ledger.drop_cut(test):
                    continue  # a pair that was cut short tells nothing
                decision = self._ledger.decide_beside(test, duet, last_pair=number == duet.looks[-1])
                self._told(test, decision)
                if decision is not None or (duet.stored and not self._ledger.waits(test, duet)):
                    remaining.remove(test)
            if over or not remaining:
                return

    def _told(self, test: str, decision: Decision | None) -> None:
        if decision is not None:
            self._audience.decided(test, decision)

    # --- what a pair tells

    def environment_known(self, environment: Environment) -> None:
        """Where the code under test is measured."""
        self._audience.environment_known(environment)

    def twin_environment_known(self, environment: Environment) -> None:
        """Where the code compared with is measured: on the same device, in the same way."""
        if self._twins is not None:
            self._twins.environment = environment
        elif (known := self._ledger.environment) and (moved := differences(known.identity, environment.identity)):
            raise UsageError(f"the code compared with is measured in another environment: {', '.join(moved)}")

    def test_started(self, test: str) -> None:
        """Show."""
        self._audience.test_started(test)

    def pair_ended(self, run: PairRun) -> None:
        """Keep, and show."""
        self._ledger.add_pair(run, alone=self._twins is not None)
        self._audience.pair_ended(run)

    def warning(self, message: Message) -> None:
        """Pass on."""
        self._audience.warning(message)
