"""What is known of each test so far, and what that amounts to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_modelbench.controller.commands import Commands
from pytest_modelbench.core.environment import Environment, differences
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.records import CheckKey, Record
from pytest_modelbench.core.session import Check, TestResult
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.report import messages
from pytest_modelbench.runner.gate import Gate
from pytest_modelbench.runner.passes import TestRun


@dataclass(frozen=True, slots=True)
class Decision:
    """How a test ends. ``own``: the test itself decided it, by a failing assertion, an error or a skip."""

    outcome: str  #: passed, failed, skipped or inconclusive
    message: str = ""
    headline: str = ""  #: the message in one line
    own: bool = False


@dataclass(slots=True)
class Entry:
    """Everything known of one test."""

    runs: list[TestRun] = field(default_factory=list)
    checks: dict[CheckKey, Check] = field(default_factory=dict)
    decision: Decision | None = None

    @property
    def records(self) -> dict[CheckKey, list[Record]]:
        """Records of every check, one a process."""
        grouped: dict[CheckKey, list[Record]] = {}
        for run in self.runs:
            for record in run.records:
                grouped.setdefault(record.key, []).append(record)
        return grouped

    @property
    def duration_s(self) -> float:
        """Time spent in all processes."""
        return sum(run.duration_s for run in self.runs)


class Ledger:
    """Gathers what workers report and decides, test by test."""

    def __init__(
        self, settings: Settings, commands: Commands, open_gate: Callable[[Environment], Gate], *, updating: bool
    ) -> None:
        self._settings = settings
        self._commands = commands
        self._open_gate = open_gate
        self._updating = updating
        self._noisy: set[CheckKey] = set()
        self.gate: Gate | None = None
        self.entries: dict[str, Entry] = {}
        self.warnings: list[str] = []

    @property
    def environment(self) -> Environment | None:
        """Where the session measures, once a worker has told."""
        return self.gate.environment if self.gate else None

    def environment_known(self, environment: Environment) -> None:
        """Open the baselines of ``environment``; every worker of a session must measure in the same one."""
        if self.gate is None:
            self.gate = self._open_gate(environment)
        elif moved := differences(self.gate.environment.identity, environment.identity):
            raise UsageError(f"the environment changed while the session ran: {', '.join(moved)}; run it again")

    def add(self, run: TestRun) -> None:
        """Take in a test's run in one process."""
        entry = self.entries.setdefault(run.test, Entry())
        entry.runs.append(run)
        self._noisy.update(record.key for record in run.records if record.metric.noisy)

    def decide(self, test: str, *, last_pass: bool) -> Decision | None:
        """How ``test`` ends, or None if another pass should measure it first."""
        entry = self.entries[test]
        decision = self._by_itself(test, entry.runs[-1]) or self._by_its_checks(test, entry, last_pass)
        entry.decision = decision
        return decision

    def results(self) -> list[TestResult]:
        """How every decided test ended."""
        return [
            TestResult(
                test,
                entry.decision.outcome,
                entry.duration_s,
                entry.decision.message,
                by_verdict=entry.decision.outcome == "failed" and not entry.decision.own,
            )
            for test, entry in self.entries.items()
            if entry.decision
        ]

    def checks(self, *, decided_only: bool = False) -> list[Check]:
        """Every check judged so far."""
        return [
            check
            for entry in self.entries.values()
            if not decided_only or (entry.decision and not entry.decision.own and entry.decision.outcome != "failed")
            for check in entry.checks.values()
        ]

    def _by_itself(self, test: str, run: TestRun) -> Decision | None:
        """The decision that the test made itself in its last run, if it did."""
        if run.ended and not run.trouble:
            run.trouble = _missing_reports(run.reports)
        if run.trouble:
            return Decision("failed", run.trouble, run.trouble.splitlines()[0], own=True)
        outcomes = {report["outcome"] for report in run.reports}
        if "failed" in outcomes:
            return Decision("failed", _first_line(run.reports, "failed"), own=True)
        if "skipped" in outcomes:
            reason = _skip_reason(run.reports)
            if self._settings.skipped == "fail" and not self._updating and self.gate and self.gate.has_baseline(test):
                headline = f"skipped, so its baseline was not checked: {reason}"
                way_out = "--modelbench-skipped=pass lets skipped tests pass, and counts them as not gated."
                return Decision("failed", f"{headline}\n{way_out}", headline)
            return Decision("skipped", reason, own=True)
        return None

    def _by_its_checks(self, test: str, entry: Entry, last_pass: bool) -> Decision | None:
        assert self.gate is not None  # a run without trouble comes from a worker that told its environment
        gate = self.gate
        for key, records in entry.records.items():
            entry.checks[key] = gate.check(records, len(self._noisy))
        checks = list(entry.checks.values())
        if not last_pass and not all(check.judgement.settled for check in checks):
            return None
        if lost := gate.unmeasured(test, checks):
            headline = f"has a baseline for {', '.join(key.name for key in lost)}, but did not measure it"
            way_out = [self._commands.prune(test, key.name) for key in lost]
            text = "\n".join([headline, "If that is intended, remove what is stored:", *way_out])
            if not self._updating:
                return Decision("failed", text, headline)
            self.warnings.append(f"{test}: {text}")
        outcomes = {check.key: gate.outcome(check) for check in checks}
        for outcome in ("failed", "inconclusive"):
            if told := [check for check in checks if outcomes[check.key] == outcome]:
                texts = [self._failure(check) for check in told]
                return Decision(outcome, "\n\n".join(texts), texts[0].splitlines()[0])
        return Decision("passed")

    def _failure(self, check: Check) -> str:
        assert self.gate is not None
        return messages.failure(
            check,
            rerun=self._commands.rerun(check.key.test),
            accept=self._commands.accept(check.key.test),
            neighbours=self.gate.neighbours(check),
            provenance=self.gate.environment.provenance,
        )


def _first_line(reports: Sequence[dict[str, Any]], outcome: str) -> str:
    """The message of the first report with ``outcome``, as short as pytest's summary gives it."""
    for report in reports:
        if report["outcome"] == outcome:
            longrepr = report.get("longrepr")
            crash = longrepr.get("reprcrash") if isinstance(longrepr, dict) else None
            return str(crash["message"] if crash else longrepr)
    return ""


def _skip_reason(reports: Sequence[dict[str, Any]]) -> str:
    for report in reports:
        if report["outcome"] == "skipped":
            if "wasxfail" in report:
                return f"expected to fail: {report['wasxfail']}".rstrip(": ")
            longrepr = report.get("longrepr")
            reason = longrepr[2] if isinstance(longrepr, (list, tuple)) else longrepr
            return str(reason).removeprefix("Skipped: ")
    return ""


def _missing_reports(reports: Sequence[dict[str, Any]]) -> str:
    """What is wrong with a test that ended without saying how, or an empty string."""
    outcomes = {report["when"]: report["outcome"] for report in reports}
    if "teardown" in outcomes and ("call" in outcomes or outcomes.get("setup") != "passed"):
        return ""
    return f"The test ended without a result; it reported only: {', '.join(outcomes) or 'nothing'}."
