"""A session's course: passes run, tests emitted as they settle, results kept."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import ModelbenchError, UsageError
from pytest_modelbench.core.records import disturbance
from pytest_modelbench.core.session import Session
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.judge.noisy import AFRESH
from pytest_modelbench.report.scale import duration
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.session.entries import Decision
from pytest_modelbench.session.gate import Baselines, Gate
from pytest_modelbench.session.launch import Launcher
from pytest_modelbench.session.marks import Marks
from pytest_modelbench.session.pairing import Duets, Recourses, Twins
from pytest_modelbench.session.progress import Progress
from pytest_modelbench.session.replay import replay
from pytest_modelbench.session.results import Ledger
from pytest_modelbench.session.termination import sigterm_interrupts
from pytest_modelbench.store.baselines import BaselineStore, Change
from pytest_modelbench.vcs.git import stamp
from pytest_modelbench.workers.pairs import PairRun
from pytest_modelbench.workers.protocol import Message
from pytest_modelbench.workers.rounds import TestRun, run_passes


class Conductor:
    """Runs one session in the controlling process; the listener of its passes."""

    def __init__(
        self, config: pytest.Config, settings: Settings, looks: tuple[int, ...], commands: Commands, *, updating: bool
    ) -> None:
        self.config = config
        self.settings = settings
        self.updating = updating
        self.folder = config.rootpath / settings.baselines
        self.store = BaselineStore(self.folder)
        self.ledger = Ledger(settings, commands, self._open_gate, updating=updating)
        self.changes: list[Change] = []
        self.warnings: list[str] = []
        self.complete = False
        self.processes = 0
        self._passes = 0
        self._stamp = stamp(config.rootpath)
        self._started_s = time.monotonic()
        self._duration_s: float | None = None
        self._items: dict[str, pytest.Item] = {}
        self._marks = Marks({})
        self._progress: Progress | None = None
        self._session: pytest.Session | None = None
        self._looks = self._looks_ahead = looks
        self._budget_s = settings.budget_s if settings.budget_s is not None else math.inf
        self._launcher = Launcher(config, settings)
        self._recourses = Recourses(config.rootpath, settings, inline=config.option.modelbench_inline)
        self._twins = Twins(self.ledger) if settings.against or settings.against_python else None
        if self._twins is not None:
            return  # nothing that is stored is looked at
        if self.folder.is_symlink() and not self.folder.exists():
            raise UsageError(f"{settings.baselines} is a link that leads nowhere; no baseline can be found there")
        if updating:
            self.store.check_writable()
        # Before anything is measured: a baseline that cannot be read would make the whole night worthless.
        self.store.load("portable")

    # --- the session

    def run(self, session: pytest.Session, marks: Marks) -> None:
        """Measure and decide all of the session's tests."""
        self._session, self._marks = session, marks
        self._progress = Progress(self.config)
        self._items = {item.nodeid: item for item in session.items}
        self._launcher.paths = {test: Path(item.path) for test, item in self._items.items()}
        tests, seed = list(self._items), self._stamp.started
        duets = Duets(self.settings, self.ledger, self._launcher, self, self._timeout_s, seed)
        with sigterm_interrupts():
            self._measure(tests, duets, seed)

    def _measure(self, tests: Sequence[str], duets: Duets, seed: str) -> None:
        assert self._progress is not None
        try:
            if self._twins is not None:
                duets.against(tests, self._twins)
            else:
                self._run_passes(tests, seed)
                if (escalated := self._undecided(tests)) and not self.out_of_time():
                    duets.confirm(escalated)
                    # What stands out all the same, or had no duet after all, is measured again.
                    if (left := self._undecided(tests)) and not self.out_of_time():
                        self._looks_ahead = tuple(self._passes + more for more in (AFRESH, self._looks[-1]))
                        self._run_passes(left, seed)
            over = self.out_of_time()
            note = f"the budget of {duration(self._budget_s)} was over" if over else "not every process measured it"
            for test in self._undecided(tests):
                self.decided(test, self.ledger.give_up(test, note))
            self.complete = True
        finally:
            self._progress.clear()
            self._duration_s = time.monotonic() - self._started_s

    def _run_passes(self, tests: Sequence[str], seed: str) -> None:
        run_passes(
            tests,
            self._launcher.worker,
            self,
            most=self._looks[-1],
            timeout_s=self._timeout_s,
            seed=seed,
            first=self._passes + 1,
            out_of_time=self.out_of_time,
        )

    def result(self, collected: set[str], modules: Mapping[str, bool]) -> Session:
        """The session as a value."""
        ledger, gate = self.ledger, self.ledger.gate
        checks = ledger.checks()
        return Session(
            stamp=self._stamp,
            environment=ledger.environment,
            checks=tuple(checks),
            tests=tuple(ledger.results()),
            duration_s=self._duration_s if self._duration_s is not None else time.monotonic() - self._started_s,
            processes=self.processes,
            interrupted=not self.complete,
            updating=self.updating,
            ungated=gate.ungated(checks) if gate and not self.updating else {},
            orphans=tuple(gate.orphans(collected, {**modules, **self._missing_modules()})) if gate else (),
            warnings=(*self.warnings, *ledger.warnings),
        )

    def accept(self) -> None:
        """Record what was measured as the new baseline; nothing of an incomplete session, or of a failed test."""
        environment = self.ledger.environment
        if not (self.updating and self.complete and environment):
            return
        checks = []
        for check in self.ledger.checks(decided_only=True):
            if disturbed := disturbance(check.records):
                self.warnings.append(f"not accepted: {check.key}: the machine was disturbed in {disturbed}; try again")
            else:
                checks.append(check)
        self.changes = self.store.accept(checks, self._stamp, environment)

    def _open_gate(self, environment: Environment) -> Gate:
        store: Baselines = self._twins or self.store
        return Gate(store, environment, self.settings, self._looks, updating=self.updating, recourse=self._recourses)

    def _missing_modules(self) -> dict[str, bool]:
        """Modules that baselines speak of and that are gone from the disk: nothing of them can be collected."""
        gate = self.ledger.gate
        known = gate is not None and self._twins is None
        tests = {key.test for folder in gate.folders for key in self.store.keys(folder)} if gate and known else set()
        modules = {test.partition("::")[0] for test in tests}
        return {module: True for module in modules if not (self.config.rootpath / module).exists()}

    # --- workers

    def _timeout_s(self, test: str | None) -> float:
        # A worker that is still at it when the budget is over is ended like one that hangs.
        left_s = max(0.0, self._started_s + self._budget_s - time.monotonic())
        return min(self._marks.timeout_s(test, self.settings.timeout_s), left_s)

    def out_of_time(self) -> bool:
        """Whether the session's budget is over."""
        return time.monotonic() >= self._started_s + self._budget_s

    def _undecided(self, tests: Sequence[str]) -> list[str]:
        return [test for test in tests if test not in self.ledger.entries or not self.ledger.entries[test].decision]

    # --- what the passes tell

    def environment_known(self, environment: Environment) -> None:
        """Open the baselines, at the first worker."""
        self.ledger.environment_known(environment)

    def pass_started(self, number: int, tests: Sequence[str]) -> None:
        """Count, and show."""
        self.processes += 1
        self._passes = number
        self._launcher.calm_s = self.ledger.calm_s
        self._shown().pass_started(number, self._looks_ahead, tests)

    def test_started(self, test: str) -> None:
        """Show."""
        self._shown().test_started(test)

    def test_ended(self, run: TestRun) -> None:
        """Decide the test if it can be decided, and tell pytest."""
        self.ledger.add(run)
        self._shown().test_ended(run)
        noisy = any(record.metric.noisy for record in run.records)
        if run.process > 1 or not noisy or self.ledger.decided_by_itself(run):
            self._settle(run.test)

    def pass_ended(self, number: int) -> None:
        """After the first pass it is known how many checks share the error rate."""
        if number == 1:
            for test in self.unsettled(list(self.ledger.entries)):
                self._settle(test)

    def unsettled(self, tests: Sequence[str]) -> Sequence[str]:
        """Tests that another pass may decide."""
        return [test for test in tests if self.ledger.wants_pass(test)]

    # --- what the duets tell

    def pairs_started(self, number: int, looks: Sequence[int], tests: Sequence[str], beside: str) -> None:
        """Count, and show."""
        self.processes += 2
        self._shown().pass_started(number, looks, tests, beside)

    def pair_ended(self, run: PairRun) -> None:
        """Show."""
        if run.new is not None:
            self._shown().test_ended(run.new)

    def decided(self, test: str, decision: Decision) -> None:
        """Tell pytest."""
        assert self._session is not None
        self._shown().clear()
        replay(self._items[test], self.ledger.entries[test], decision)
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)
        if self._session.shouldstop:
            raise self._session.Interrupted(self._session.shouldstop)

    def warning(self, message: Message) -> None:
        """Hand a worker's warning to pytest's own summary of warnings."""
        category = _category(message["module"], message["category"])
        self.config.hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": warnings.WarningMessage(
                    message["text"], category, message["filename"], message["lineno"]
                ),
                "when": "runtest",
                "nodeid": message["test"],
                "location": tuple(message["location"]) if message["location"] else None,
            }
        )

    def _shown(self) -> Progress:
        assert self._progress is not None  # made by `run`, which everything that is told comes from
        return self._progress

    def _settle(self, test: str) -> None:
        entry = self.ledger.entries[test]
        try:
            decision = self.ledger.decide(test, last_pass=len(entry.runs) >= self._looks[-1])
        except ModelbenchError as error:
            raise pytest.UsageError(str(error)) from error
        if decision is not None:
            self.decided(test, decision)


def _category(module: str, name: str) -> type[Warning]:
    """The warning's class if it is one of Python's or pytest's own, else plain Warning: nothing is imported for it."""
    import sys

    found: Any = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) and issubclass(found, Warning) else Warning
