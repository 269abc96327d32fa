"""The hooks of a session that searches a range of revisions, in place of judging the working tree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench import __version__
from pytest_modelbench.core.bisection import Bisection, Ended, Request, Step
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.listed_models import is_listed
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.report.bisection import render, to_json
from pytest_modelbench.session.bisecting import Aim, Bisecting
from pytest_modelbench.session.checkouts import Checkouts
from pytest_modelbench.session.hooks import BenchSession
from pytest_modelbench.session.pairing import Pairing
from pytest_modelbench.session.refusing import as_usage_error
from pytest_modelbench.session.revisions import BenchFiles, Commits, Revisions, Versions
from pytest_modelbench.store.bisection import Memory, memory_file
from pytest_modelbench.store.project import Project
from pytest_modelbench.vcs.slot import cache_folder
from pytest_modelbench.workers.options import options_to_hand_over
from pytest_modelbench.workers.runs import PairRun

#: Settings that what is measured depends on.
_MEASURING = ("device", "threads", "host_cores", "data", "bands", "batch_size", "precision", "order", "build")


class BisectSession(BenchSession):
    """Collects as any session, then searches: nothing is held against a baseline, and none is written."""

    def __init__(self, config: pytest.Config, project: Project, settings: Settings) -> None:
        with as_usage_error():
            self._request = Request.read(config.option.modelbench_bisect)
        # Beside other code that is measured, stored baselines are not looked at.
        super().__init__(config, project, replace(settings, against=self._request.range, against_python=""))
        self._bisecting: Bisecting | None = None
        self._result: Bisection | None = None

    def pytest_report_header(self) -> list[str]:
        """What will be done."""
        of = (
            f"versions {self._request.range} of {self._request.package}"
            if self._request.package
            else self._request.range
        )
        return [f"modelbench: searches {of}, device {self.settings.device}"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Search."""
        if not self._has_tests(session):
            return None
        with as_usage_error():
            try:
                self.runner.run(session, self._marks, self._search)
            finally:
                if self._bisecting is not None:
                    self._result = self._bisecting.result(("pytest-modelbench", "bisect", *self._request.words))
        return True

    def _search(self, pairing: Pairing, tests: Sequence[str]) -> None:
        revisions = self._revisions()
        aim = Aim(self.settings.pairs, self._request.metrics)
        self._bisecting = Bisecting(
            revisions,
            aim,
            _Shown(self, revisions.steps[0]),
            lambda environment: self._memory(revisions, environment),
            self._commands.here.argument,
        )
        self._bisecting.run(pairing, tests)

    def _revisions(self) -> Revisions:
        asked, root = self._request, self.config.rootpath
        if asked.package:
            return Versions(self.runner.here(), asked.package, asked.range, cache_folder() / "versions", asked.maker)
        checkouts = Checkouts(root, self.settings.build, self.runner.tell)
        return Commits(checkouts, asked.range, self._files())

    def _files(self) -> BenchFiles:
        """The files of the tests; what is listed in place of a file has none."""
        in_files = [path for test, path in self._paths.items() if not is_listed(test)]
        return BenchFiles(tuple(dict.fromkeys(path.resolve() for path in in_files)), self._request.own_tests)

    def _memory(self, revisions: Revisions, environment: Environment | None) -> Memory:
        """Where what the same search has measured is kept: of the same code and tests, in the same environment."""
        asked, nights, stamp = self._request, self.runner.nights_folder, self.runner.stamp
        if nights is None or (asked.package and (stamp.commit is None or stamp.dirty)):
            return Memory(None)  # there is no telling whether the code is the same
        ends = [revisions.steps[0].id, revisions.steps[-1].id]
        about = {
            "version": __version__, "ends": ends, "package": asked.package, "maker": asked.maker,
            "code": stamp.commit if asked.package else "", "files": self._files().digest(),
            "own_tests": asked.own_tests, "options": options_to_hand_over(self.config),
            "settings": {name: getattr(self.settings, name) for name in _MEASURING},
            "environment": [dict(environment.identity), dict(environment.provenance)] if environment else [],
        }  # fmt: skip
        memory = Memory(memory_file(nights.parent / "bisect", about))
        if asked.fresh:
            memory.forget()
        return memory

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Iterator[None]:
        """Set the exit status: 0 if the revision of every change was found."""
        found = self._result
        if found is not None:
            if self._request.json:
                text = json.dumps(to_json(found), indent=1, allow_nan=False)
                Path(self._request.json).write_text(text + "\n", encoding="utf-8")
            if session.exitstatus == pytest.ExitCode.OK and not _is_found(found):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """What was found."""
        if self._result is None:
            return
        terminalreporter.stats["searched"] = list(self._result.found)  # or pytest says that no tests ran
        if self.config.get_verbosity() >= 0:
            terminalreporter.section("modelbench", sep="=")
        for line in [*render(self._result).splitlines(), *self.runner.decider.warnings]:
            terminalreporter.write_line(line)


class _Shown:
    """Shows how far a search is, as the session shows it."""

    def __init__(self, session: BisectSession, first: Step) -> None:
        self._runner, self._first = session.runner, first

    def measuring(self, step: Step, number: int, tests: Sequence[str]) -> None:
        """Beside the first revision, always."""
        self._runner.search_started(number, tests, self._first.name)

    def pair_ended(self, run: PairRun) -> None:
        """Pass it on."""
        self._runner.pair_ended(run)

    def out_of_time(self) -> bool:
        """By the session's budget."""
        return self._runner.out_of_time()

    def told(self, line: str) -> None:
        """A line of its own."""
        self._runner.tell(line)


def _is_found(one: Bisection) -> bool:
    """Whether the revision of everything that changed is known, and anything did."""
    changed = [found.answer.ended for found in one.found if found.answer.ended is not Ended.ALIKE]
    return bool(changed) and all(ended is Ended.FOUND for ended in changed) and not one.missed
