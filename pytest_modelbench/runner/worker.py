"""A worker: a fresh pytest process that runs the tests of one job and streams what happens to the controller.

Started by `runner.process` as ``python -m pytest_modelbench.runner.worker EVENTS CONTROL`` with two descriptors.
"""

from __future__ import annotations

import atexit
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from _pytest.config import create_terminal_writer

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.records import Record
from pytest_modelbench.runner.protocol import Channel, Job, environment_to_json


class SilentTerminal:
    """What stands in for pytest's terminal reporter: before 9.1, explaining a failed comparison asks for its writer."""

    def __init__(self, config: pytest.Config) -> None:
        self._tw = create_terminal_writer(config, io.StringIO())


class WorkerPlugin:
    """The pytest hooks of a worker."""

    def __init__(self, job: Job, channel: Channel) -> None:
        self.job = job
        self._channel = channel

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take over the controller's options, those of other plugins and of conftest files included."""
        vars(config.option).update(self.job.options)
        self._config = config
        if not config.pluginmanager.has_plugin("terminalreporter"):
            config.pluginmanager.register(SilentTerminal(config), "terminalreporter")
        config._modelbench_worker = self  # type: ignore[attr-defined]

    def ready(self, environment: Environment) -> None:
        """Tell where this process measures."""
        self._channel.send("hello", environment=environment_to_json(environment))

    def refuse(self, message: str) -> NoReturn:
        """Tell that nothing can be measured here, and end."""
        self._channel.send("fatal", message=message)
        pytest.exit(message, returncode=pytest.ExitCode.USAGE_ERROR)

    def send(self, record: Record) -> None:
        """Stream a record."""
        self._channel.send("record", record=record.to_json())

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Keep the last-failed cache and its like to the controller: they look for this attribute of xdist's."""
        session.config.workerinput = {}  # type: ignore[attr-defined]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the job's tests, in the job's order."""
        found = {item.nodeid: item for item in items}
        items[:] = [found[test] for test in self.job.tests if test in found]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Bracket each test, so that the controller knows where a worker was when it died."""
        self._channel.send("start", test=item.nodeid)
        result = yield
        # Not after an exception, as pytest.exit raises: the test has then no result, and the controller is to see that.
        self._channel.send("finish", test=item.nodeid)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Stream a report."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._channel.send("report", test=report.nodeid, report=data)

    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        """Stream a warning of a test; those of collection the controller sees itself."""
        if when == "runtest":
            self._channel.send(
                "warning",
                test=nodeid,
                text=str(warning_message.message),
                category=warning_message.category.__name__,
                module=warning_message.category.__module__,
                filename=warning_message.filename,
                lineno=warning_message.lineno,
                location=location,
            )


def main() -> int:
    """Run the job read from the control pipe; exit status is pytest's."""
    events, control = (int(argument) for argument in sys.argv[1:3])
    channel = Channel(events)
    os.set_inheritable(control, False)
    with os.fdopen(os.dup(control), "rb") as stream:
        job = Job.from_line(stream.readline())
    threading.Thread(target=_die_with_controller, args=(control,), daemon=True).start()
    sys.path[:] = job.import_path
    status = pytest.main(list(job.arguments), plugins=[WorkerPlugin(job, channel)])
    if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        channel.send("done")
    return int(status)


def _die_with_controller(control: int) -> None:
    """End the whole process group as soon as the controller is gone, however it went."""
    while os.read(control, 1):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)


def plain_options(config: pytest.Config) -> dict[str, Any]:
    """The controller's option values that a worker takes over: plain ones, less what only concerns the controller."""
    return {
        name: value
        for name, value in vars(config.option).items()
        if name not in _CONTROLLER_ONLY
        and not name.startswith(("cov_", "stepwise", "json_report", "html"))
        and _is_plain(value)
    }


#: Which tests run, in what order, when to stop, what to write: decided by the controller.
_CONTROLLER_ONLY = frozenset(
    """
    basetemp cacheclear cacheshow collectonly continue_on_collection_errors debug deselect durations failedfirst
    file_or_dir help ignore ignore_glob junitprefix keyword last_failed_no_failures lf log_file looponfail markexpr
    maxfail newfirst no_summary numprocesses pastebin plugins report_log setuponly setupplan setupshow showfixtures
    show_fixtures_per_test trace usepdb usepdb_cls version xmlpath
    """.split()  # noqa: SIM905 - a word list reads better than sixty quotes
)


def _is_plain(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, (bool, int, float, str))


def worker_arguments(config: pytest.Config, modules: Iterable[Path]) -> list[str]:
    """Command line of a worker's pytest: what must be known before options can be taken over, and the test files."""
    option = config.option
    arguments = ["-p", "no:terminal", "-o", "addopts=", "--rootdir", str(config.rootpath)]
    arguments += ["-c", str(config.inipath)] if config.inipath else []
    for plugin in option.plugins:
        arguments += ["-p", plugin]
    for override in option.override_ini or []:
        arguments += ["-o", override] if not override.startswith("addopts") else []
    for warning in option.pythonwarnings or []:
        arguments += ["-W", warning]
    arguments += ["--confcutdir", str(option.confcutdir)] if option.confcutdir else []
    arguments += ["--noconftest"] if option.noconftest else []
    arguments += [f"--import-mode={option.importmode}", f"--capture={option.capture}"]
    return [*arguments, *map(str, dict.fromkeys(modules))]


def _leave(status: int) -> NoReturn:
    """End the process now: exit handlers run, but taking torch's modules apart would cost two seconds of every pass."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _leave(main())
