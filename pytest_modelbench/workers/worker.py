"""A worker: a fresh pytest process that runs the tests of one job and streams what happens to the controller.

Started by `workers.local` with the arguments EVENTS CONTROL FOLDER: two descriptors, and where to run.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any, NoReturn, cast

import pytest
from _pytest._io import TerminalWriter
from _pytest.config import create_terminal_writer

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.host import clock  # noqa: F401 - before anything else can put another in its place
from pytest_modelbench.workers.events import (
    Done,
    Finished,
    Hello,
    Recorded,
    Refused,
    Reported,
    Started,
    Unimportable,
    Warned,
)
from pytest_modelbench.workers.frames import show_own_lines
from pytest_modelbench.workers.job import Job, Site
from pytest_modelbench.workers.notes import take_notes
from pytest_modelbench.workers.options import handed_over
from pytest_modelbench.workers.origin import Origins, imported, imported_by
from pytest_modelbench.workers.reports import idle_fixtures
from pytest_modelbench.workers.serial import as_json
from pytest_modelbench.workers.turns import WorkerTurns
from pytest_modelbench.workers.wire import Channel, read_job

#: What fixtures may raise at their end without keeping pytest from ending the others.
_OUTLIVED = (Exception, pytest.fail.Exception, pytest.skip.Exception)


class WorkerInput(dict[str, Any]):
    """What a worker of pytest-xdist is told; where a plugin misses what it would have put there, an option's value.

    Without pytest-xdist plugins do not hand over anything, and most that they do is what the command line said.
    """

    def __init__(self, config: pytest.Config, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        self._config = config

    def __missing__(self, key: str) -> Any:
        return vars(self._config.option)[key]


class WorkerPlugin:
    """The pytest hooks of a worker."""

    def __init__(self, job: Job, site: Site, channel: Channel, turns: WorkerTurns | None = None) -> None:
        self.job = job
        self.site = site
        self.turns = turns
        self._channel = channel
        self._origins = Origins(site)
        self._replaced: set[str] = set()
        self.others: tuple[str, ...] = ()  #: found in place of tests that were not
        self.stopped = ""  #: why pytest did not go on to the end
        self._torn_down_by = ""  #: what ended a test's teardown before its end
        self.broken = ""  #: why this process must not go on, and another one takes the rest of the tests
        self._process = os.getpid()
        self.model_files: Callable[[], Iterable[str]] = tuple  #: told by what builds models here: since last asked
        self.what_is_lost: Callable[[str], str] = lambda test: ""  #: and by the device: what later tests would miss

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_parse(self, pluginmanager: pytest.PytestPluginManager) -> None:
        """Look like a worker of pytest-xdist from the first hook on: plugins and conftest files look for that."""
        self._config = config = cast(pytest.Config, pluginmanager.get_plugin("pytestconfig"))
        config.workerinput = WorkerInput(config, {  # type: ignore[attr-defined]
            **self.job.handed,
            "workerid": self.site.worker, "workercount": 1, "testrunuid": self.site.session, "mainargv": self.site.argv,
        })  # fmt: skip
        config.workeroutput = {}  # type: ignore[attr-defined]
        config.slaveinput = config.workerinput  # type: ignore[attr-defined]  # as some plugins still call it
        config._modelbench_worker = self  # type: ignore[attr-defined]
        # pytest asks for it to explain a failed comparison; there is no terminal here, as in xdist's workers.
        output = os.dup(1)  # before pytest captures it
        config.get_terminal_writer = lambda: _writer(config, output)  # type: ignore[method-assign]

    def pytest_addhooks(self, pluginmanager: pytest.PytestPluginManager) -> None:
        """Have the hooks of pytest-benchmark without it, for conftest files that have some."""
        if pluginmanager.is_blocked("benchmark"):
            with contextlib.suppress(ImportError):
                pluginmanager.add_hookspecs(importlib.import_module("pytest_benchmark.hookspec"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take over the controller's options, those of other plugins and of conftest files included."""
        try:
            options = handed_over(self.job.options)
        except UsageError as error:
            self.refuse(str(error))
        vars(config.option).update(options)
        for plugin, marker in (("pytest-retry", "flaky"), ("benchmark", "benchmark")):
            if config.pluginmanager.is_blocked(plugin):
                config.addinivalue_line("markers", f"{marker}: of {plugin}, which stands aside in workers")
        take_notes(config, self._channel)

    def imported(self) -> None:
        """Look for garbage again, but not in what was imported: that stays."""
        gc.freeze()
        gc.enable()

    def ready(self, environment: Environment) -> None:
        """Tell where this process measures."""
        self._channel.send(Hello(environment))

    def refuse(self, message: str) -> NoReturn:
        """Tell that nothing can be measured here, and end."""
        self._channel.send(Refused(message))
        pytest.exit(message, returncode=pytest.ExitCode.USAGE_ERROR)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Let syrupy compare, and neither delete nor call unused what tests in other workers use."""
        if (snapshots := getattr(session.config, "_syrupy", None)) is not None:
            snapshots.finish = lambda: 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Keep why the session stops before its end, if a plugin or a test has asked for that."""
        self.stopped = str(session.shouldfail or session.shouldstop or "")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell what cannot be imported: the working tree can, as the controller has seen; older code perhaps not."""
        if report.failed:
            self._channel.send(Unimportable(report.nodeid, str(report.longrepr)))
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._channel.send(Unimportable(report.nodeid, reason.removeprefix("Skipped: "), skipped=True))

    def send(self, measurement: Measurement) -> None:
        """Stream a measurement."""
        self._channel.send(Recorded(measurement))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Iterator[None]:
        """Keep the job's tests, in the job's order, whatever hooks that select make of a worker's part of the tests."""
        found = {item.nodeid: item for item in items}
        result = yield
        found |= {item.nodeid: item for item in items}
        files = {test.partition("::")[0] for test in self.job.tests if test not in found}
        others = {test for test, item in found.items() if _is_benchmark(item)} - set(self.job.tests)
        self.others = tuple(sorted(test for test in others if test.partition("::")[0] in files))
        items[:] = [found[test] for test in self.job.tests if test in found]
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Bracket each test, so that the controller knows where a worker was when it died."""
        if self.turns is not None:
            self.turns.begin(item.nodeid)
        self._channel.send(Started(item.nodeid))
        result = yield
        self._end_if_forked()
        # Not after an exception, as pytest.exit raises: the test has then no result, and the controller is to see that.
        strays, idle = tuple(self._origins.strays(sys.modules)), idle_fixtures(item)
        files = {*self.model_files(), *imported_by(getattr(item, "module", None))}
        self._channel.send(Finished(item.nodeid, strays, imported(sys.modules), tuple(sorted(files)), idle))
        if broken := self._torn_down_by or _what_is_broken() or self.what_is_lost(item.nodeid):
            self.broken = item.session.shouldstop = broken
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Fail a test that passes and leaves a device that nothing more can be asked of: its own work failed there."""
        result = yield
        if lost := self.what_is_lost(item.nodeid):
            pytest.fail(lost, pytrace=False)
        return result

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Say that somebody asked pytest to end: the test that did has no result, whatever exit status it asked for."""
        self.broken = f"{type(excinfo.value).__name__}: {excinfo.value}"
        self._config.get_terminal_writer().line(f"pytest was asked to end. {self.broken}")

    def _end_if_forked(self) -> None:
        """End a process that a test has forked and that comes back here: the tests are its parent's."""
        if os.getpid() != self._process:
            os._exit(0)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Show the lines of the test and its model, when it has failed."""
        show_own_lines(call, self._config.option)
        error = call.excinfo.value if call.excinfo else None
        if call.when == "teardown" and error and not isinstance(error, _OUTLIVED):
            # pytest goes on tearing down after those alone: other fixtures of the test are still there.
            self._torn_down_by = f"the teardown of {item.nodeid} ended by {type(error).__name__}, so it is not complete"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Stream a report."""
        self._end_if_forked()
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        serializable, replaced = as_json(data)
        if new := [one for one in replaced if one not in self._replaced]:
            self._replaced |= set(new)
            said = f"{report.nodeid}: no JSON value, and its text is kept: {', '.join(new)}"
            file, line, _ = report.location
            self._channel.send(Warned(report.nodeid, said, "UserWarning", "builtins", file, (line or 0) + 1))
        self._channel.send(Reported(report.nodeid, serializable))

    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        """Stream a warning of a test; those of collection the controller sees itself."""
        if when == "runtest":
            category = warning_message.category
            self._channel.send(
                Warned(
                    nodeid,
                    str(warning_message.message),
                    category.__name__,
                    category.__module__,
                    warning_message.filename,
                    warning_message.lineno,
                    location,
                )
            )


def _is_benchmark(item: pytest.Item) -> bool:
    return "modelbench" in getattr(item, "fixturenames", ()) or item.get_closest_marker("modelbench") is not None


def main() -> int:
    """Run the job read from the control pipe; exit status is pytest's."""
    events, control, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    channel = Channel(events)
    os.set_inheritable(control, False)
    stream = os.fdopen(control, "rb")
    job, site = read_job(stream.readline())
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_obey, args=(stream, answers), daemon=True).start()
    os.chdir(folder)
    sys.path[:] = [*site.import_path, *sys.path] if site.import_more else site.import_path
    sys.argv[:] = site.argv or sys.argv[:1]  # argparse takes its name from there
    # Until everything is imported, which makes no garbage: looking for it takes a fifth of the time.
    gc.disable()
    turns = WorkerTurns(channel, answers) if job.paired else None
    plugin = WorkerPlugin(job, site, channel, turns)
    status = pytest.main(list(site.arguments), plugins=[plugin])
    through = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
    if plugin.broken:
        return int(status)
    if status in through or (status == pytest.ExitCode.INTERRUPTED and plugin.stopped):
        channel.send(Done(plugin.stopped, plugin.others))
    return int(status)


def _what_is_broken() -> str:
    """What later tests of this process would suffer from, that a test has closed or removed; empty: nothing."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            return f"descriptor {descriptor} ({name}) was closed"
        if getattr(getattr(sys, name), "closed", True):
            return f"sys.{name} was closed"
    try:
        os.getcwd()
    except OSError:
        return "the folder that this process runs in was removed"
    return ""


def _writer(config: pytest.Config, output: int) -> TerminalWriter:
    """Writes where the controller looks when this process has died: pytest-timeout writes stacks before it ends it."""
    # Its colours are those that the controller was asked for; with -p no:terminal there is no such option.
    file = open(output, "w", closefd=False)  # noqa: SIM115 - nobody says when it is written last
    return create_terminal_writer(config, file) if hasattr(config.option, "color") else TerminalWriter(file)


def _obey(stream: IO[bytes], answers: queue.SimpleQueue[str]) -> None:
    """Pass on what the controller says; end the whole process group when it is gone, if nobody else has yet."""
    for line in stream:
        answers.put(line.decode().strip())
    os.killpg(os.getpgid(0), signal.SIGKILL)


def start() -> NoReturn:
    """Run as a process of its own, which ends now: exit handlers run.

    Taking torch's modules apart would cost two seconds a round.
    """
    status = main()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
