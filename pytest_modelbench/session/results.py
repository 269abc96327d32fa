"""What is known of each test so far, and what that amounts to."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace

from pytest_modelbench.core.environment import Environment, differences
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.records import CALM, CheckKey, Record
from pytest_modelbench.core.session import Check, TestResult
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import Duet
from pytest_modelbench.report import messages
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.session.entries import Decision, Entry, failed, left_open
from pytest_modelbench.session.gate import Gate
from pytest_modelbench.workers.pairs import PairRun, changes, disturbed
from pytest_modelbench.workers.reports import first_line, missing_reports, skip_reason
from pytest_modelbench.workers.rounds import TestRun


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
        decision = self._by_itself(test, entry.runs[-1])
        if decision is None:
            for key, records in entry.records.items():
                known = entry.checks.get(key)
                # What is decided at one look is not looked at again; exact values may still turn out to differ.
                if known is None or not (known.metric.noisy and (known.judgement.settled or known.judgement.escalated)):
                    entry.checks[key] = self._judged(entry, key, records)
            decision = self._by_checks(test, entry, last_pass)
        entry.decision = decision
        return decision

    def decided_by_itself(self, run: TestRun) -> bool:
        """Whether the test ended in its own way, so that no measurement matters."""
        return self._by_itself(run.test, run) is not None

    def wants_pass(self, test: str) -> bool:
        """Whether another pass may decide something of ``test`` that no duet will."""
        entry = self.entries[test]
        if entry.decision is not None:
            return False
        open_checks = [check for check in entry.checks.values() if not check.judgement.settled]
        return not entry.escalated or not all(map(self._gate.confirmable, open_checks))

    def by_commit(self, test: str) -> dict[str, int]:
        """The commits beside which duets can decide what is open of ``test``, and how many checks each of them."""
        commits = [self._gate.confirmable(check) for check in self.entries[test].checks.values()]
        return {commit: commits.count(commit) for commit in sorted(set(commits)) if commit}

    def begin_duet(self, tests: Sequence[str]) -> None:
        """From now on pairs of ``tests`` are beside other code than before."""
        for test in tests:
            entry = self.entries.setdefault(test, Entry())
            entry.earlier, entry.pairs = [*entry.earlier, *entry.pairs], []

    def add_pair(self, run: PairRun, *, alone: bool) -> None:
        """Take in a test's run in one pair of processes; ``alone``: no passes have measured it before."""
        entry = self.entries.setdefault(run.test, Entry())
        entry.pairs.append(run)
        if alone and run.new is not None:
            entry.runs.append(run.new)
            self._noisy.update(record.key for record in run.new.records if record.metric.noisy)

    def drop_cut(self, test: str) -> bool:
        """Whether the last pair of ``test`` was cut short; if so, it has not been."""
        entry = self.entries.get(test)
        pair = entry.pairs[-1] if entry and entry.pairs else None
        if entry is None or pair is None or not any(run is None or run.cut for run in (pair.old, pair.new)):
            return False
        entry.pairs.pop()
        entry.runs = [run for run in entry.runs if run is not pair.new]
        return True

    def decide_beside(self, test: str, duet: Duet, *, last_pair: bool) -> Decision | None:
        """How ``test`` ends after its pairs so far, or None if another pair should measure it first.

        ``duet`` without changes says what they mean: beside which revision, at which looks, sharing an error rate.
        """
        entry = self.entries[test]
        new = entry.pairs[-1].new
        assert new is not None  # `run_pair` puts a run in its place, which says what happened
        decision = self._by_itself(test, new)
        if decision is not None and entry.runs[-1] is not new:
            entry.runs.append(new)  # what pytest is told is what happened last
        obstacle = entry.pairs[-1].obstacle
        if decision is None and obstacle and not (last_pair or entry.obstacle):
            return None
        if decision is None and obstacle and duet.stored:
            decision = self.decide_alone(test, duet.commit, f"not confirmed beside {duet.revision}: {obstacle}")
        elif decision is None and obstacle:
            decision = failed(f"cannot be compared with {duet.revision}: {obstacle}")
        elif decision is None and not duet.stored and (gone := entry.gone):
            names = ", ".join(key.name for key in gone)
            way_out = f"If that is intended, leave the test out of this comparison: --deselect {shlex.quote(test)}"
            decision = failed(f"{duet.revision} measures {names}, and the present code does not\n{way_out}")
        elif decision is None:
            self._judge_beside(entry, duet)
            decision = self._by_checks(test, entry, last_pair)
        entry.decision = decision
        return decision

    def _judge_beside(self, entry: Entry, duet: Duet) -> None:
        """Judge by the pairs so far what ``duet`` is to decide of a test, and what is not known at all yet."""
        for key, records in entry.records.items():
            known = entry.checks.get(key)
            if known is None or (not duet.stored and not known.judgement.settled) or self._waits(known, duet):
                entry.duets[key] = replace(
                    duet,
                    changes=tuple(changes(entry.pairs, key)),
                    pairs=len(entry.pairs),
                    disturbed=disturbed(entry.pairs, key),
                    screened=len(records),
                )
                entry.checks[key] = self._judged(entry, key, records)

    def waits(self, test: str, duet: Duet) -> bool:
        """Whether ``duet`` has something left to decide of ``test``."""
        entry = self.entries[test]
        return entry.decision is None and any(self._waits(check, duet) for check in entry.checks.values())

    def give_up(self, test: str, note: str) -> Decision:
        """How ``test`` ends since no more will be measured, as ``note`` says: what is open stays inconclusive."""
        entry = self.entries.setdefault(test, Entry())
        decision = self._by_itself(test, entry.runs[-1]) if entry.runs else None
        if decision is None and self._updating:
            decision = failed(f"not accepted: {note}, before it was measured often enough")
        if decision is None:
            for key, records in entry.records.items():
                check = entry.checks.get(key)
                if check is None and not entry.pairs:
                    check = self._gate.check(records, len(self._noisy))
                if check is not None:
                    entry.checks[key] = check if check.judgement.settled else left_open(check, note)
            decision = self._by_checks(test, entry, last_pass=True) if entry.checks else None
        decision = decision or Decision("inconclusive", f"not measured: {note}")
        entry.decision = decision
        return decision

    def decide_alone(self, test: str, commit: str, note: str) -> Decision | None:
        """How ``test`` ends on what is stored, since its duet beside ``commit`` told nothing; ``note`` says why.

        None if another duet, or further processes, have something left to decide.
        """
        entry = self.entries[test]
        all_records = entry.records
        for key, check in entry.checks.items():
            if self._gate.confirmable(check) == commit:
                entry.unconfirmed[key] = note
                entry.checks[key] = self._judged(entry, key, all_records[key])
        entry.decision = self._by_checks(test, entry, last_pass=True)
        return entry.decision

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
            run.trouble = missing_reports(run.reports)
        if run.trouble:
            return Decision("failed", run.trouble, run.trouble.splitlines()[0], own=True)
        outcomes = {report["outcome"] for report in run.reports}
        if "failed" in outcomes:
            return Decision("failed", first_line(run.reports, "failed"), own=True)
        if "skipped" in outcomes:
            reason = skip_reason(run.reports)
            if self._settings.skipped == "fail" and not self._updating and self._has_baseline(test):
                headline = f"skipped, so its baseline was not checked: {reason}"
                way_out = "--modelbench-skipped=pass lets skipped tests pass, and counts them as not gated."
                return Decision("failed", f"{headline}\n{way_out}", headline)
            return Decision("skipped", reason, own=True)
        return None

    def _has_baseline(self, test: str) -> bool:
        entry = self.entries.get(test)
        return bool(self.gate and self.gate.has_baseline(test)) or bool(entry and entry.gone)

    @property
    def _gate(self) -> Gate:
        assert self.gate is not None  # a run without trouble comes from a worker that told its environment
        return self.gate

    def _judged(self, entry: Entry, key: CheckKey, records: Sequence[Record]) -> Check:
        """A check, by what its duet told, or on what is stored alone if that told nothing."""
        note = entry.unconfirmed.get(key)
        if note is None:
            return self._gate.check(records, len(self._noisy), entry.duets.get(key))
        check = self._gate.check(records, len(self._noisy), confirm=False)
        judgement = check.judgement.noted(note)
        return replace(check, judgement=replace(judgement, after_duet=not judgement.settled))

    def _waits(self, check: Check, duet: Duet) -> bool:
        return bool(duet.commit) and self._gate.confirmable(check) == duet.commit

    def _by_checks(self, test: str, entry: Entry, last_pass: bool) -> Decision | None:
        gate = self._gate
        checks = list(entry.checks.values())
        if not last_pass and not all(check.judgement.settled for check in checks):
            return None
        if any(one.judgement.escalated or one.judgement.after_duet or gate.confirmable(one) for one in checks):
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
            against=self._commands.against,
        )
