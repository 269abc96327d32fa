"""How a test ends: by itself, by the verdicts on its checks, or because no more is measured."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pytest_modelbench.core.environment import Fact
from pytest_modelbench.core.listed_models import is_listed
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.reasons import Disturbed, Reason
from pytest_modelbench.core.session import Check, Outcome, Renamed
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report import endings, messages
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.session.entries import Decision, TestEntry, failed
from pytest_modelbench.session.gate import Gate
from pytest_modelbench.session.renaming import Renames
from pytest_modelbench.store.acceptance import refusal_of
from pytest_modelbench.workers.reports import first_line, missing_reports, skip_reason
from pytest_modelbench.workers.runs import TestRun

#: What Python says of a module that is missing, or of an extension of its package: those have names with "_".
_UNBUILT = re.compile(r"\bNo module named |\bcannot import name '_")


class Surroundings(Protocol):
    """Who knows what changed around tests: `session.around.Around`."""

    def used(self, check: Check, provenance: Mapping[str, Fact]) -> Collection[str]:
        """Of the packages that changed since the baseline of ``check``, those that its test imported."""

    def since(self, test: str, regressed: Sequence[tuple[Check, Mapping[str, Fact]]]) -> str:
        """What happened since the baselines of what ``regressed`` of ``test``, with this session's provenance."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Whether a session, by its id, updates baselines, and what it then accepts."""

    session: str
    updating: bool = False
    even_if_disturbed: bool = False


class Decider:
    """Turns what is known of a test into how it ends. Asks nothing of the machine and measures nothing."""

    def __init__(
        self,
        settings: Settings,
        commands: Commands,
        rule: Rule,
        around: Surroundings,
        renames: Renames | None = None,
    ) -> None:
        self._settings = settings
        self._commands = commands
        self._rule = rule
        self._updating = rule.updating
        self._around = around
        self._renames = renames or Renames()
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
            if self._settings.skipped == "fail":
                if has_baseline and not self._updating:
                    return failed(endings.skipped(reason))
                if is_listed(run.test):
                    return failed(endings.skipped_though_asked(reason))
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
                # What cannot be compared is often so because of what regressed.
                told.sort(key=lambda one: one[0].judgement.verdict is not Verdict.REGRESSED)
                renamed = self._renames.of(told, gates)
                judged = [(check, self._advice(check, gate, renamed)) for check, gate in told]
                text = messages.failure(judged, self._since(test, told))
                more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
                return Decision(outcome, text, text.splitlines()[0] + more)
        return Decision(Outcome.PASSED)

    def _since(self, test: str, told: Sequence[tuple[Check, Gate]]) -> str:
        """What happened around ``test`` since the baselines of what regressed of it; empty where nothing did."""
        regressed = [
            (check, gate.environment.provenance) for check, gate in told if check.judgement.verdict is Verdict.REGRESSED
        ]
        return self._around.since(test, regressed) if regressed else ""

    def not_comparable(self, base: str, obstacle: str) -> Decision:
        """The decision on a test that pairs beside ``base`` compare nothing of."""
        return failed(
            f"cannot be compared with {base}: {self.advised(obstacle) if self._settings.against else obstacle}"
        )

    def advised(self, obstacle: str) -> str:
        """``obstacle`` to measuring the code of another commit; if it may be for want of a build, with the option."""
        if self._settings.build or not _UNBUILT.search(obstacle):
            return obstacle
        return f"{obstacle}; if that module has to be built there: --modelbench-build COMMAND"

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
            if refusal := refusal_of(check, self._rule.session, even_if_disturbed=self._rule.even_if_disturbed):
                text = f"{check.key.name} cannot be accepted: {refusal.text}"
                return Decision(Outcome.INCONCLUSIVE, text, text)
        return Decision(Outcome.PASSED)

    def _advice(self, check: Check, gate: Gate, renamed: Sequence[Renamed]) -> messages.Advice:
        test = check.key.test
        return messages.Advice(
            rerun=self._commands.rerun(test),
            accept=self._commands.accept(test),
            settle=self._commands.settle(check.judgement, test),
            neighbours=gate.neighbours(check),
            provenance=gate.environment.provenance,
            used=self._around.used(check, gate.environment.provenance),
            renamed=renamed[0] if renamed else None,
            rename=self._commands.rename(renamed[0].old if renamed else "OLD", test),
        )
