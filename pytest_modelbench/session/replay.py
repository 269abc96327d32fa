"""Worker reports turned into what pytest shows: one ordinary outcome per test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from pytest_modelbench.core.session import Outcome
from pytest_modelbench.session.entries import Decision, TestEntry


@dataclass(frozen=True, slots=True)
class Crash:
    """Where and in one line what: pytest's short summary reads these."""

    path: str
    lineno: int
    message: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the gate failed a test: shown as text, in place of a traceback."""

    reprcrash: Crash
    text: str

    def toterminal(self, tw: Any) -> None:
        """Write the text."""
        for line in self.text.splitlines():
            tw.line(line)

    def __str__(self) -> str:
        return self.text


def replay(item: pytest.Item, entry: TestEntry, decision: Decision) -> None:
    """Tell pytest, by its ordinary hooks, how ``item`` ended."""
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in final_reports(item, entry, decision):
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def final_reports(item: pytest.Item, entry: TestEntry, decision: Decision) -> list[pytest.TestReport]:
    """Reports of the last process, with the time of all, and the gate's decision on the test's own call."""
    if not entry.runs:
        return [_never_run(item, decision)]
    reports = [_report(item, data) for data in entry.runs[-1].reports]
    if entry.runs[-1].trouble:
        return [*reports, _made_up(item, entry, decision)]
    for report in reports:
        earlier = [data for run in entry.runs[:-1] for data in run.reports if data["when"] == report.when]
        report.duration += sum(data["duration"] for data in earlier)
    if not decision.own and (told := _last_word(reports)):
        apply(told, decision)
    return reports


def _last_word(reports: list[pytest.TestReport]) -> pytest.TestReport | None:
    """The report that the decision goes on: of the test's call, or of what skipped it; not of a subtest or a rerun."""
    plain = [report for report in reports if type(report) is pytest.TestReport]
    told = [report for report in plain if report.when == "call" or report.outcome == "skipped"]
    return told[-1] if told else None


def _report(item: pytest.Item, data: dict[str, Any]) -> pytest.TestReport:
    report: pytest.TestReport = item.config.hook.pytest_report_from_serializable(config=item.config, data=dict(data))
    if isinstance(report.longrepr, list):
        report.longrepr = tuple(report.longrepr)  # JSON has no tuples; JUnit's writer insists on one for a skip
    return report


def apply(report: pytest.TestReport, decision: Decision) -> None:
    """Make ``report`` say what the gate decided."""
    path, lineno, _ = report.location
    if decision.outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE):
        vars(report).pop("wasxfail", None)  # with it, pytest would take the failure for an expected one
    if decision.outcome is Outcome.FAILED:
        report.when = "call"  # a skip in setup would count as an error of the fixture
        report.outcome = "failed"
        report.longrepr = _reason(path, lineno, decision)  # type: ignore[assignment]
    elif decision.outcome is Outcome.INCONCLUSIVE:
        # To everyone who knows pytest's three outcomes only (JUnit, plugins), it is not a pass.
        report.outcome = "skipped"
        report.longrepr = (path, (lineno or 0) + 1, f"inconclusive: {decision.message}")
        report.modelbench_inconclusive = True  # type: ignore[attr-defined]


def _never_run(item: pytest.Item, decision: Decision) -> pytest.TestReport:
    report = pytest.TestReport(
        item.nodeid, item.location, dict.fromkeys(item.keywords, 1), outcome="passed", longrepr=None, when="call"
    )
    apply(report, decision)
    return report


def _made_up(item: pytest.Item, entry: TestEntry, decision: Decision) -> pytest.TestReport:
    path, lineno, _ = item.location
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict.fromkeys(item.keywords, 1),
        outcome="failed",
        longrepr=_reason(path, lineno, decision),  # type: ignore[arg-type]
        # A test that got through its own call has had its outcome; what follows is an error of its teardown.
        when="teardown" if any(report["when"] == "call" for report in entry.runs[-1].reports) else "call",
        duration=entry.duration_s,
    )


def _reason(path: str, lineno: int | None, decision: Decision) -> Reason:
    return Reason(Crash(path, (lineno or 0) + 1, decision.headline or decision.message), decision.message)
