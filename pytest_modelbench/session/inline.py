"""``--modelbench-inline``: one round in this very process, judged test by test."""

from __future__ import annotations

import pytest

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.report.properties import PREFIX, properties
from pytest_modelbench.session.replay import apply
from pytest_modelbench.session.runner import SessionRunner
from pytest_modelbench.workers.reports import idle_fixtures
from pytest_modelbench.workers.runs import TestRun


class InlineRun:
    """Feeds the runner's results from reports and measurements of this process."""

    def __init__(self, runner: SessionRunner) -> None:
        self._runner = runner
        self._runs: dict[str, TestRun] = {}
        self._environment: Environment | None = None
        self.bench: object = None  #: what the fixtures of this process measure with

    def begin(self) -> None:
        """Make this process ready for measuring."""
        from pytest_modelbench.bench.process import begin

        bench = self.bench = begin(self._runner.settings, 1, self.add)
        self._environment = bench.environment
        self._runner.environment_known(bench.environment)

    def restart(self, test: str) -> None:
        """A test begins, perhaps once more, as pytest-rerunfailures has it: what was before does not count."""
        self._runs.pop(test, None)

    def add(self, measurement: Measurement) -> None:
        """Take a measurement of the test that runs."""
        self._run(measurement.test).measurements.append(measurement)

    def judge(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Note ``report``; after a test's own call, or a skip, let it say what the gate decided."""
        run = self._run(item.nodeid)
        config = item.config
        data = config.hook.pytest_report_to_serializable(config=config, report=report)
        run.reports.append(data)
        run.duration_s += report.duration
        run.idle = idle_fixtures(item)
        if report.when != "call" and report.passed:
            return
        results = self._runner.results
        results.entries.pop(item.nodeid, None)
        results.add(run)
        decision = results.decide(item.nodeid, last_round=True)
        assert decision is not None  # no other round and no pair follows
        found = properties(results.entries[item.nodeid].checks)
        report.user_properties.extend(found)
        # The report of its teardown is made of these; an attempt before this one may have left its own.
        item.user_properties[:] = [
            *(one for one in item.user_properties if not one[0].startswith(PREFIX)),
            *found,
        ]
        if not decision.own:
            apply(report, decision, config)

    def finish(self, *, complete: bool) -> None:
        """The session is over."""
        self._runner.complete = complete
        self._runner.processes = 1

    def _run(self, test: str) -> TestRun:
        return self._runs.setdefault(test, TestRun(test, 1, self._environment, ended=False))
