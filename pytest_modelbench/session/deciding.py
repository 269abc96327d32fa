"""How a test ends: by itself, by the verdicts on its checks, or because no more is measured."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.reasons import Disturbed, Reason
from pytest_modelbench.core.session import Check, Outcome
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.report import endings, messages
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.session.entries import Decision, TestEntry, failed
from pytest_modelbench.session.gate import Gate
from pytest_modelbench.store.acceptance import refusal_of
from pytest_modelbench.workers.reports import first_line, missing_reports, skip_reason
from pytest_modelbench.workers.runs import TestRun


class Decider:
    """Turns what is known of a test into how it ends. Asks nothing of the machine and measures nothing."""

    def __init__(self, settings: Settings, commands: Commands, session: str, *, updating: bool) -> None:
        self._settings = settings
        self._commands = commands
        self._session = session
        self._updating = updating
        self.warnings: list[str] = []

    def by_itself(self, entry: TestEntry, run: TestRun, has_baseline: bool) -> Decision | None:
        """The decision that the test made itself in ``run``, if it did."""
        if run.ended and not run.trouble:
            run.trouble = missing_reports(run.reports)
        if run.trouble:
            return Decision(Outcome.FAILED, run.trouble, run.trouble.splitlines()[0], own=True)
        outcomes = {report["outcome"] for report in run.reports}
        if "failed" in outcomes:
            return Decision(Outcome.FAILED, first_line(run.reports, "failed"), own=True)
        if "skipped" in outcomes:
            reason = skip_reason(run.reports)
            if self._settings.skipped == "fail" and not self._updating and has_baseline:
                return failed(endings.skipped(reason))
            return Decision(Outcome.SKIPPED, reason, own=True)
        return None

    def by_checks(self, test: str, checks: Sequence[tuple[Check, Gate]], gates: Sequence[Gate]) -> Decision:
        """The decision by the verdicts on all checks of ``test``, each with the gate of its environment."""
        measured = [check for check, _ in checks]
        if lost := sorted({key for gate in gates for key in gate.unmeasured(test, measured)}):
            commands = [self._commands.prune(test, key.name) for key in lost]
            text = endings.unmeasured([key.name for key in lost], commands)
            if not self._updating:
                return failed(text)
            self.warnings.append(f"{test}: {text}")
        if self._updating:
            return self._by_refusals(measured)
        for outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE):
            if told := [(check, gate) for check, gate in checks if gate.outcome(check) is outcome]:
                text = messages.failure([(check, self._advice(check, gate)) for check, gate in told])
                more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
                return Decision(outcome, text, text.splitlines()[0] + more)
        return Decision(Outcome.PASSED)

    def not_comparable(self, base: str, obstacle: str) -> Decision:
        """The decision on a test that pairs beside ``base`` compare nothing of."""
        return failed(f"cannot be compared with {base}: {obstacle}")

    def gone(self, test: str, base: str, lost: Sequence[CheckKey]) -> Decision:
        """The decision on a test of which ``base`` measures what the candidate does not."""
        return failed(endings.gone(test, base, [key.name for key in lost]))

    def given_up(self, reason: Reason, *, measured: bool) -> Decision | None:
        """The decision on a test of which no more is measured; None where its checks say it."""
        if self._updating and not isinstance(reason, Disturbed):
            return failed(endings.not_accepted(reason))
        return None if measured else Decision(Outcome.INCONCLUSIVE, endings.not_measured(reason))

    def _by_refusals(self, checks: Sequence[Check]) -> Decision:
        """The decision where baselines are updated: what cannot be accepted is not as good as accepted."""
        for check in checks:
            if refusal := refusal_of(check, self._session):
                text = f"{check.key.name} cannot be accepted: {refusal.text}"
                return Decision(Outcome.INCONCLUSIVE, text, text)
        return Decision(Outcome.PASSED)

    def _advice(self, check: Check, gate: Gate) -> messages.Advice:
        test = check.key.test
        return messages.Advice(
            rerun=self._commands.rerun(test),
            accept=self._commands.accept(test),
            settle=self._commands.settle(check.judgement, test),
            neighbours=gate.neighbours(check),
            provenance=gate.environment.provenance,
            against=self._commands.against,
        )
