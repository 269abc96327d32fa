"""The hooks of a ``--modelbench`` session in the controlling process."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench.core.listed_models import is_listed
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.places import start_of_ids
from pytest_modelbench.core.session import Absent
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.session.annotating import annotations_of, without_commands_in
from pytest_modelbench.session.aside import stand_aside, told
from pytest_modelbench.session.asked import (
    check_paths,
    check_tables,
    commands_of,
    header,
    not_used,
    project_of_session,
    settings_of,
)
from pytest_modelbench.session.beside import facts_beside
from pytest_modelbench.session.closing import Closing
from pytest_modelbench.session.drift import fault_line
from pytest_modelbench.session.ending import session_of
from pytest_modelbench.session.inline import InlineRun
from pytest_modelbench.session.listed_models import listing_of, take_listing
from pytest_modelbench.session.logs import share_log_file
from pytest_modelbench.session.marks import Marks, is_benchmark, select
from pytest_modelbench.session.promised import Found, Scope, absent
from pytest_modelbench.session.refusing import as_usage_error
from pytest_modelbench.session.runner import SessionRunner, Wanted
from pytest_modelbench.store.project import Project
from pytest_modelbench.workers.frames import show_own_lines


def _looks(settings: Settings, config: pytest.Config) -> tuple[int, ...]:
    """After how many rounds open checks are looked at."""
    if config.option.modelbench_inline:
        return (1,)
    return (settings.update_rounds,) if config.option.update_baselines else settings.rounds


class BenchSession:
    """Collects, runs, reports. A plugin of its own, so that a run without ``--modelbench`` has none of it."""

    def __init__(self, config: pytest.Config, project: Project, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.updating: bool = config.option.update_baselines
        self._project = project
        self.listing = listing_of(config, settings)
        self._overruled: list[str] = []
        self._paths: dict[str, Path] = {}  #: of the tests, by id
        self._commands = commands_of(config, project, settings, self._paths)
        even_if_disturbed: bool = config.option.modelbench_even_if_disturbed
        beside = partial(facts_beside, config)
        wanted = Wanted(settings, _looks(settings, config), self._commands, self.updating, even_if_disturbed, beside)
        self.runner = SessionRunner(config, wanted)
        self.inline = InlineRun(self.runner) if config.option.modelbench_inline else None
        if self.inline is None:
            stand_aside(config)
            share_log_file(config)
        self._closing = Closing(self.runner)
        self._marks = Marks({})
        self._found = Found()
        self._skipped_modules: dict[str, str] = {}
        self.runner.renames.absent_of = self._absent
        self._deselected: list[pytest.Item] = []
        self._chosen: list[pytest.Item] = []
        self._unselected = 0

    @classmethod
    def from_config(cls, config: pytest.Config) -> BenchSession:
        """The session that the options ask for; raises UsageError for those that make no sense."""
        option = config.option
        if getattr(option, "numprocesses", None) or getattr(option, "tx", None):
            raise pytest.UsageError(
                "--modelbench measures in worker processes of its own, one at a time: run it without -n (or with -n0)"
            )
        debugged = getattr(option, "usepdb", False) or getattr(option, "trace", False)  # -p no:debugging has neither
        if debugged and not option.modelbench_inline:
            raise pytest.UsageError(
                "a debugger cannot reach the worker processes: add --modelbench-inline, which measures in this one"
            )
        if option.update_baselines and option.modelbench_rounds:
            raise pytest.UsageError(
                "--modelbench-rounds has no effect on --update-baselines: leave it out, or set update-rounds in "
                "[tool.modelbench]"
            )
        against = option.modelbench_against or option.modelbench_against_python or option.modelbench_bisect
        if option.modelbench_bisect and (option.modelbench_against or option.modelbench_against_python):
            raise pytest.UsageError(
                "--modelbench-bisect compares with the first revision of its range: leave out --modelbench-against and "
                "--modelbench-against-python"
            )
        for flag, given in (
            ("--update-baselines", option.update_baselines),
            ("--modelbench-inline", option.modelbench_inline),
        ):
            if against and given:
                raise pytest.UsageError(
                    f"{flag} works on stored baselines, and this session compares with other code: leave {flag} out"
                )
        if option.modelbench_even_if_disturbed and not option.update_baselines:
            raise pytest.UsageError(
                "--modelbench-even-if-disturbed needs --update-baselines: it changes what is accepted"
            )
        if option.update_baselines and option.modelbench_inline:
            raise pytest.UsageError(
                "--modelbench-inline measures in one process only, too few for a baseline: leave it out"
            )
        with as_usage_error():
            project = project_of_session(config)
            settings = settings_of(config, project)
            check_paths(config, settings)
            session = cls(config, project, settings)
            take_listing(config, session.listing)
            return session

    @property
    def bench(self) -> Any:
        """What fixtures of this process measure with: only inline, they are used in it."""
        return self.inline.bench if self.inline is not None else None

    # --- collection

    def pytest_report_header(self) -> list[str]:
        """What will be done, and by whose settings."""
        settings = self.settings
        verb = "measures and accepts" if self.updating else "measures and judges"
        suite = f", suite {','.join(settings.suite)}" if settings.suite else ""
        does = f"modelbench: {verb}, device {settings.device}{suite}, baselines in {self._commands.baselines}"
        return [does, *header(self.config, self._project)]

    def pytest_report_collectionfinish(self, items: Sequence[pytest.Item]) -> list[str]:
        """What is there and does not hold, and plugins that stand aside where they would have had a part."""
        unused = not_used(self.config, self._project, self.settings)
        return [*unused, *self._overruled, *(told(self.config, items) if self.inline is None else [])]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note which modules were collected: only of those it is known which tests do not exist."""
        path = report.nodeid
        if report.skipped:
            self._skipped_modules[path] = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
        if report.passed:
            self._found.modules.add(path)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Note each test before any hook may take it off the list."""
        self._found.tests.add(item.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the benchmark tests of the wanted suites."""
        benchmarks = self._note(items)
        _check_ids(benchmarks)
        with as_usage_error():
            chosen, self._marks = select(benchmarks, self.settings.suite, self._deselected)
            self._paths |= {item.nodeid: item.path for item in chosen}
            self._overruled = check_tables(self.config, self._project, self._paths.values())
        self._chosen = chosen
        kept = set(map(id, chosen))
        if others := [item for item in items if id(item) not in kept]:
            self._unselected = len(others)
            self.config.hook.pytest_deselected(items=others)
        items[:] = chosen

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """A deselected test exists: its baseline is not without one, and its suites are known."""
        self._deselected += self._note(items)

    def _note(self, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """Note what ``items`` are, which no hook took off the list; those of them that are benchmark tests."""
        benchmarks = [item for item in items if is_benchmark(item)]
        self._found.benchmarks |= {item.nodeid for item in benchmarks}
        self._found.others |= {item.nodeid for item in items} - self._found.benchmarks
        return benchmarks

    # --- running

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Measure in workers."""
        if not self._has_tests(session):
            return None
        with as_usage_error():
            if self.inline is not None:
                self.inline.begin()
                return None
            self.runner.run(session, self._marks)
        return True

    def _has_tests(self, session: pytest.Session) -> bool:
        """Whether there is anything to measure, and pytest's own loop has nothing to say; UsageError if nothing is."""
        if session.config.option.collectonly:
            return False
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            return False
        if not session.items:
            raise pytest.UsageError(self._nothing_selected())
        return True

    def _absent(self, promised: Iterable[CheckKey]) -> list[Absent]:
        """Those of all entries with a baseline that nothing measures."""
        scope = Scope(self.config, start_of_ids(self._paths, self.config.rootpath), self._found)
        # Of models without a test of their own, those in the settings' list are promised, and no others.
        promised = [key for key in promised if self.listing.by_settings or not is_listed(key.test)]
        return absent(promised, self._found, scope, self._skipped_modules)

    def _nothing_selected(self) -> str:
        said = f"; {self._unselected} tests were collected that are none or in other suites" if self._unselected else ""
        return (
            f"--modelbench: no benchmark test was selected{said}. A benchmark test is marked @pytest.mark.modelbench, "
            "or uses the modelbench fixture; look at -k, -m, the paths given, and --modelbench-suite (try 'all')"
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Inline: forget what an attempt before has measured."""
        if self.inline is not None:
            self.inline.restart(item.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Inline: show a failing test's own lines, as workers do, and judge it right after its call."""
        if self.inline is not None:
            show_own_lines(call, self.config.option)
        report: Any = yield
        if self.inline is not None:
            self.inline.judge(item, report)
        return report

    def pytest_report_teststatus(
        self, report: pytest.TestReport | pytest.CollectReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """Inconclusive is an outcome of its own."""
        if getattr(report, "modelbench_inconclusive", False):
            return "inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})
        return None

    # --- the end

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Iterator[None]:
        """Accept, write files, and set the exit status, before the summary is printed."""
        if not session.config.option.collectonly:
            if self.inline is not None:
                self.inline.finish(complete=exitstatus in (0, 1) and not session.shouldstop and not session.shouldfail)
            result = session_of(self.runner, self._found.tests)
            self._closing.close(result, self._skipped_modules)
            session.exitstatus = self._closing.exit_status(session.exitstatus)
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The table, what was not gated or not accepted, and how to accept."""
        quiet = self.config.get_verbosity() < 0
        writer = getattr(terminalreporter, "_tw", None)
        if writer is None:  # another plugin has put a reporter of its own in the place of pytest's
            text = without_commands_in(self._closing.summary(80, colour=False, quiet=quiet), os.environ)
            print("\n".join([text, *self._annotations()]))
            return
        self._tell_inconclusive(terminalreporter)
        text = self._closing.summary(writer.fullwidth, colour=bool(writer.hasmarkup), quiet=quiet)
        if not text:
            return
        if not quiet:
            terminalreporter.section("modelbench", sep="=")
        for line in [*without_commands_in(text, os.environ).splitlines(), *self._annotations()]:
            terminalreporter.write_line(line)

    def _annotations(self) -> list[str]:
        """What GitHub shows at the lines of tests, in its own jobs."""
        wanted = self.settings.annotations == "auto"
        try:
            return annotations_of(self.config, self._chosen, self._closing.tests, os.environ) if wanted else []
        except Exception as error:  # verdicts stand without them
            return [f"annotations NOT SHOWN: {fault_line(error)}"]

    def _tell_inconclusive(self, terminal: Any) -> None:
        """What the noise left open, as pytest tells failures: it has no section for an outcome that is not its own."""
        option, reports = self.config.option, terminal.stats.get("inconclusive", ())
        # What is not accepted is told once for each cause.
        if not reports or self.updating or option.no_summary or option.tbstyle == "no":
            return
        terminal.write_sep("=", "INCONCLUSIVE")
        for report in reports:
            if option.tbstyle == "line":
                terminal.write_line("{}:{}: {}".format(*report.longrepr))
                continue
            terminal.write_sep("_", report.head_line, yellow=True, bold=True)
            for line in without_commands_in(report.modelbench_inconclusive, os.environ).splitlines():
                terminal.write_line(line)


def _check_ids(items: Sequence[pytest.Item]) -> None:
    """Raise UsageError for ids that do not tell tests apart: they would share one baseline, and one would not run."""
    seen: set[str] = set()
    for item in items:
        if item.nodeid in seen or item.nodeid.startswith("::"):
            root = item.config.rootpath
            if not item.path.is_relative_to(root):
                way_out = (
                    f", as happens outside of the root directory {root}; add "
                    f"--rootdir={os.path.commonpath([root, item.path])}"
                )
            elif item.config.option.keepduplicates:
                way_out = "; leave --keep-duplicates out, as one test has one baseline"
            else:
                way_out = "; rename one of the two"
            raise pytest.UsageError(f"{item.path}: the id {item.nodeid!r} does not tell this test from others{way_out}")
        seen.add(item.nodeid)
