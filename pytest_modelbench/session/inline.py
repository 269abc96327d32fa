"""``--modelbench-inline``: one pass in this very process, judged test by test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_modelbench.core.records import Record
from pytest_modelbench.session.replay import apply
from pytest_modelbench.workers.rounds import TestRun

if TYPE_CHECKING:
    from pytest_modelbench.session.runner import Conductor


class InlineRun:
    """Feeds the conductor's ledger from reports and records of this process."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._runs: dict[str, TestRun] = {}

    def begin(self, config: pytest.Config) -> None:
        """Prepare this process for measuring."""
        from pytest_modelbench.bench.process import begin
        from pytest_modelbench.plugin import bench_key

        bench = begin(self._conductor.settings, 1, self.add)
        config.stash[bench_key] = bench
        self._conductor.ledger.environment_known(bench.environment)

    def add(self, record: Record) -> None:
        """Take a record of the test that runs."""
        self._run(record.test).records.append(record)

    def judge(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Note ``report``; after a test's own call, or a skip, let it say what the gate decided."""
        run = self._run(item.nodeid)
        config = item.config
        data = config.hook.pytest_report_to_serializable(config=config, report=report)
        run.reports.append(data)
        run.duration_s += report.duration
        if report.when != "call" and report.passed:
            return
        ledger = self._conductor.ledger
        ledger.entries.pop(item.nodeid, None)
        ledger.add(run)
        decision = ledger.decide(item.nodeid, last_pass=True)
        assert decision is not None  # no other pass and no duet follows
        if not decision.own:
            apply(report, decision)

    def finish(self, *, complete: bool) -> None:
        """The session is over."""
        self._conductor.complete = complete
        self._conductor.processes = 1

    def _run(self, test: str) -> TestRun:
        return self._runs.setdefault(test, TestRun(test, 1, ended=False))
