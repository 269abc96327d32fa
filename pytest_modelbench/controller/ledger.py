"""What is known of each test so far, and what that amounts to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_modelbench.controller.commands import Commands
from pytest_modelbench.core.environment import Environment, differences
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.records import CALM, CheckKey, Record
from pytest_modelbench.core.session import Check, TestResult
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import Duet, Verdict
from pytest_modelbench.report import messages
from pytest_modelbench.runner.duet import PairRun, changes
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
    pairs: list[PairRun] = field(default_factory=list)
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
        twins = (twin for pair in self.pairs for twin in (pair.old, pair.new) if twin)
        return sum(run.duration_s for run in {id(run): run for run in (*self.runs, *twins)}.values())

    @property
    def escalated(self) -> list[Check]:
        """Checks that a duet is to decide."""
        return [check for check in self.checks.values() if check.judgement.escalated]

    @property
    def obstacle(self) -> str:
        """Why pairs compare nothing, once two in a row did not; one may be chance."""
        last = [pair.obstacle for pair in self.pairs[-2:]]
        return last[-1] if len(last) == 2 and all(last) else ""


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

    @property
    def calm_s(self) -> float | None:
        """The reference's time per call at its fastest in this session; None while no process has told."""
        told = [
            record.details[CALM]
            for entry in self.entries.values()
            for run in entry.runs
            for record in run.records
            if record.details.get(CALM)
        ]
        return min(told, default=None)

    @property
    def noisy_checks(self) -> int:
        """How many checks share the error rate, as far as is known."""
        return len(self._noisy)

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

    def add_pair(self, run: PairRun, *, alone: bool) -> None:
        """Take in a test's run in one pair of processes; ``alone``: no passes have measured it before."""
        entry = self.entries.setdefault(run.test, Entry())
        entry.pairs.append(run)
        if alone and run.new is not None:
            entry.runs.append(run.new)
            self._noisy.update(record.key for record in run.new.records if record.metric.noisy)

    def decide_beside(self, test: str, duet: Duet, *, last_pair: bool) -> Decision | None:
        """How ``test`` ends after its pairs so far, or None if another pair should measure it first.

        ``duet`` without changes says what they mean: beside which revision, at which looks, sharing an error rate.
        """
        entry = self.entries[test]
        new = entry.pairs[-1].new
        assert new is not None  # `run_pair` puts a run in its place, which says what happened
        decision = self._by_itself(test, new)
        obstacle = entry.pairs[-1].obstacle
        if decision is None and obstacle and not (last_pair or entry.obstacle):
            return None
        if decision is None and obstacle and duet.stored:
            decision = self.decide_alone(test, f"not confirmed beside {duet.revision}: {obstacle}")
        elif decision is None and obstacle:
            text = f"cannot be compared with {duet.revision}: {obstacle}"
            decision = Decision("failed", text, text.splitlines()[0])
        elif decision is None:
            for key, records in entry.records.items():
                known = entry.checks.get(key)
                if known is None or not known.judgement.settled:
                    told = replace(duet, changes=tuple(changes(entry.pairs, key)), pairs=len(entry.pairs))
                    entry.checks[key] = self._gate.check(records, len(self._noisy), told)
            decision = self._by_checks(test, entry, last_pair)
        entry.decision = decision
        return decision

    def give_up(self, test: str, note: str) -> Decision:
        """How ``test`` ends since no more will be measured, as ``note`` says: what is open stays inconclusive."""
        entry = self.entries.setdefault(test, Entry())
        for key, records in entry.records.items():
            check = entry.checks.get(key) or self._gate.check(records, len(self._noisy))
            judgement = check.judgement
            if not judgement.settled:
                reason = "; ".join(filter(None, [judgement.reason, note]))
                judgement = replace(
                    judgement, verdict=Verdict.INCONCLUSIVE, settled=True, escalated=False, reason=reason
                )
            entry.checks[key] = replace(check, judgement=judgement)
        decided = self._by_checks(test, entry, last_pass=True) if entry.checks else None
        decision = decided or Decision("inconclusive", f"not measured: {note}")
        entry.decision = decision
        return decision

    def decide_alone(self, test: str, note: str) -> Decision:
        """How ``test`` ends on what is stored, since its duet told nothing; ``note`` says why."""
        entry = self.entries[test]
        for key, check in entry.checks.items():
            if check.judgement.escalated:
                fallen = self._gate.check(entry.records[key], len(self._noisy), confirm=False)
                reason = "; ".join(filter(None, [fallen.judgement.reason, note]))
                entry.checks[key] = replace(fallen, judgement=replace(fallen.judgement, reason=reason))
        decision = self._by_checks(test, entry, last_pass=True)
        assert decision is not None
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

    @property
    def _gate(self) -> Gate:
        assert self.gate is not None  # a run without trouble comes from a worker that told its environment
        return self.gate

    def _by_its_checks(self, test: str, entry: Entry, last_pass: bool) -> Decision | None:
        for key, records in entry.records.items():
            entry.checks[key] = self._gate.check(records, len(self._noisy))
        return self._by_checks(test, entry, last_pass)

    def _by_checks(self, test: str, entry: Entry, last_pass: bool) -> Decision | None:
        gate = self._gate
        checks = list(entry.checks.values())
        if not last_pass and not all(check.judgement.settled for check in checks):
            return None
        if any(check.judgement.escalated for check in checks):
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
        return messages.failure(
            check,
            rerun=self._commands.rerun(check.key.test),
            accept=self._commands.accept(check.key.test),
            settle=self._commands.settle(check.judgement, check.key.test),
            neighbours=self._gate.neighbours(check),
            provenance=self._gate.environment.provenance,
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
