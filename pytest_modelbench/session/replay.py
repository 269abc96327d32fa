"""Worker reports turned into what pytest shows: one ordinary outcome per test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from pytest_modelbench.core.session import Outcome
from pytest_modelbench.report.properties import properties
from pytest_modelbench.session.entries import Decision, TestEntry


@dataclass(frozen=True, slots=True)
class Crash:
    """Where and in one line what: pytest's short summary reads these."""

    path: str
    lineno: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.lineno}: {self.message}"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the gate failed a test: shown as text, in place of a traceback.

    ``brief``: nothing of it, as with --tb=line pytest writes where and in one line what by itself.
    """

    reprcrash: Crash
    text: str
    brief: bool = False

    def toterminal(self, tw: Any) -> None:
        """Write the text."""
        for line in () if self.brief else self.text.splitlines():
            tw.line(line)

    def __str__(self) -> str:
        return self.text


class Replayer:
    """Tells pytest how tests ended, by its ordinary hooks: a plugin while a session's tests are decided.

    The protocol of each test is run, in which its reports are made, for what looks at that: editors, reporters.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._pluginmanager = config.pluginmanager
        self._reports: dict[str, list[pytest.TestReport]] = {}

    def replay(self, item: pytest.Item, entry: TestEntry, decision: Decision) -> None:
        """Tell how ``item`` ended."""
        self._reports[item.nodeid] = final_reports(item, entry, decision)
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)

    # First, as others would run the test here: pytest itself, pytest-rerunfailures, pytest-forked.
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Tell what became of the test elsewhere, and run nothing here."""
        reports = self._reports.pop(item.nodeid, None)
        if reports is None:
            return None
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            self._make(item, report)
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _make(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Show ``report`` to reporters that look at how reports are made; all others have done so in a worker."""
        listeners = [plugin for name in _MAKERS if (plugin := self._pluginmanager.get_plugin(name)) is not None]
        if not listeners:
            return
        others = [plugin for plugin in self._pluginmanager.get_plugins() if plugin not in listeners]
        if report.when in ("setup", "call"):
            phase = f"pytest_runtest_{report.when}"
            self._pluginmanager.subset_hook_caller(phase, others)(item=item)
        made = _Made(report)
        self._pluginmanager.register(made)
        try:
            caller = self._pluginmanager.subset_hook_caller("pytest_runtest_makereport", others)
            caller(item=item, call=_call(report))
        finally:
            self._pluginmanager.unregister(made)


#: Plugins that write down a test as its reports are made: allure-pytest.
_MAKERS = ("allure_listener",)


class _Made:
    """A plugin that has the report already."""

    def __init__(self, report: pytest.TestReport) -> None:
        self._report = report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self) -> pytest.TestReport:
        """That report."""
        return self._report


def _call(report: pytest.TestReport) -> pytest.CallInfo[None]:
    """A call that ended as ``report`` says."""

    def again() -> None:
        if report.failed:
            pytest.fail(report.longreprtext, pytrace=False)
        if report.skipped:
            pytest.skip(report.longreprtext)

    when: Any = report.when
    return pytest.CallInfo.from_call(again, when)


def final_reports(item: pytest.Item, entry: TestEntry, decision: Decision) -> list[pytest.TestReport]:
    """Reports of the last process, with the time of all, and the gate's decision on the test's own call."""
    if not entry.runs:
        return [_never_run(item, decision)]
    reports = [_report(item, data) for data in entry.runs[-1].reports]
    if entry.runs[-1].trouble:
        return _with_properties([*reports, _made_up(item, entry, decision)], entry)
    for report in reports:
        earlier = [data for run in entry.runs[:-1] for data in run.reports if data["when"] == report.when]
        report.duration += sum(data["duration"] for data in earlier)
    if not decision.own and (told := _last_word(reports)):
        apply(told, decision, item.config)
    return _with_properties(reports, entry)


def _with_properties(reports: list[pytest.TestReport], entry: TestEntry) -> list[pytest.TestReport]:
    """``reports`` with what was judged as properties, where reporters look: JUnit's at that of the teardown."""
    found = properties(entry.checks)
    for report in reports:
        if type(report) is pytest.TestReport and report.when != "setup":
            report.user_properties.extend(found)
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


def apply(report: pytest.TestReport, decision: Decision, config: pytest.Config) -> None:
    """Make ``report`` say what the gate decided."""
    path, lineno, _ = report.location
    if decision.outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE):
        vars(report).pop("wasxfail", None)  # with it, pytest would take the failure for an expected one
    if decision.outcome is Outcome.FAILED:
        report.when = "call"  # a skip in setup would count as an error of the fixture
        report.outcome = "failed"
        report.longrepr = _reason(path, lineno, decision, config)  # type: ignore[assignment]
    elif decision.outcome is Outcome.INCONCLUSIVE:
        # To everyone who knows pytest's three outcomes only (JUnit, plugins), it is not a pass.
        report.outcome = "skipped"
        report.longrepr = (path, (lineno or 0) + 1, f"inconclusive: {decision.headline or decision.message}")
        report.modelbench_inconclusive = decision.message  # type: ignore[attr-defined]


def _never_run(item: pytest.Item, decision: Decision) -> pytest.TestReport:
    report = pytest.TestReport(
        item.nodeid, item.location, dict.fromkeys(item.keywords, 1), outcome="passed", longrepr=None, when="call"
    )
    apply(report, decision, item.config)
    return report


def _made_up(item: pytest.Item, entry: TestEntry, decision: Decision) -> pytest.TestReport:
    path, lineno, _ = item.location
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict.fromkeys(item.keywords, 1),
        outcome="failed",
        longrepr=_reason(path, lineno, decision, item.config),  # type: ignore[arg-type]
        # A test that got through its own call has had its outcome; what follows is an error of its teardown.
        when="teardown" if any(report["when"] == "call" for report in entry.runs[-1].reports) else "call",
        duration=entry.duration_s,
    )


def _reason(path: str, lineno: int | None, decision: Decision, config: pytest.Config) -> Reason:
    crash = Crash(path, (lineno or 0) + 1, decision.headline or decision.message)
    # With -p no:terminal there is no such option.
    return Reason(crash, decision.message, brief=getattr(config.option, "tbstyle", "auto") == "line")
