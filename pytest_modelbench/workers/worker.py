"""A worker: a fresh pytest process that runs the tests of one job and streams what happens to the controller.

Started by `workers.local` as ``python -m pytest_modelbench.workers.worker EVENTS CONTROL FOLDER``: two descriptors,
and where to run.
"""

from __future__ import annotations

import atexit
import gc
import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

import pytest

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import Measurement
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
from pytest_modelbench.workers.job import Job, Site
from pytest_modelbench.workers.origin import strays
from pytest_modelbench.workers.terminal import SilentTerminal
from pytest_modelbench.workers.turns import WorkerTurns
from pytest_modelbench.workers.wire import Channel, read_job


class WorkerPlugin:
    """The pytest hooks of a worker."""

    def __init__(self, job: Job, site: Site, channel: Channel, turns: WorkerTurns | None = None) -> None:
        self.job = job
        self.site = site
        self.turns = turns
        self._channel = channel

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Take over the controller's options, those of other plugins and of conftest files included."""
        vars(config.option).update(self.job.options)
        self._config = config
        if not config.pluginmanager.has_plugin("terminalreporter"):
            config.pluginmanager.register(SilentTerminal(config), "terminalreporter")
        config._modelbench_worker = self  # type: ignore[attr-defined]

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

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell what cannot be imported: the working tree can, as the controller has seen; older code perhaps not."""
        if report.failed:
            self._channel.send(Unimportable(report.nodeid, str(report.longrepr)))

    def send(self, measurement: Measurement) -> None:
        """Stream a measurement."""
        self._channel.send(Recorded(measurement))

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
        if self.turns is not None:
            self.turns.begin(item.nodeid)
        self._channel.send(Started(item.nodeid))
        result = yield
        # Not after an exception, as pytest.exit raises: the test has then no result, and the controller is to see that.
        self._channel.send(Finished(item.nodeid, tuple(strays(self.site, sys.modules))))
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Stream a report."""
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._channel.send(Reported(report.nodeid, data))

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


def main() -> int:
    """Run the job read from the control pipe; exit status is pytest's."""
    _wake_when_orphaned()
    events, control, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    channel = Channel(events)
    os.set_inheritable(control, False)
    stream = os.fdopen(control, "rb")
    job, site = read_job(stream.readline())
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_obey, args=(stream, answers), daemon=True).start()
    os.chdir(folder)
    sys.path[:] = [*site.import_path, *sys.path] if site.import_more else site.import_path
    # Until everything is imported, which makes no garbage: looking for it takes a fifth of the time.
    gc.disable()
    turns = WorkerTurns(channel, answers) if job.paired else None
    status = pytest.main(list(site.arguments), plugins=[WorkerPlugin(job, site, channel, turns)])
    if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        channel.send(Done())
    return int(status)


def _wake_when_orphaned() -> None:
    """Let a worker that is stopped, as the idle one of a pair, go on when the controller dies: `_obey` then ends it.

    Linux only: where there is no prctl, as on macOS, one whose controller is killed while it is stopped stays.
    """
    if sys.platform != "linux":
        return
    import ctypes

    # SIGCONT and not SIGKILL, which would leave behind what the worker has started: that is stopped as well. The kernel
    # sends it at the end of the *thread* that started this process, which for the controller is its main one; were it
    # another, to go on would do no harm. A controller that is gone before this line has stopped nobody.
    pr_set_pdeathsig = 1  # linux/prctl.h
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, ctypes.c_ulong(signal.SIGCONT))


def _obey(stream: IO[bytes], answers: queue.SimpleQueue[str]) -> None:
    """Pass on what the controller says; end the whole process group as soon as it is gone, however it went."""
    for line in stream:
        answers.put(line.decode().strip())
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


def worker_arguments(
    config: pytest.Config,
    modules: Iterable[Path],
    path_of: Callable[[Path], Path | None] = lambda path: path,
    root: Path | None = None,
) -> list[str]:
    """Command line of a worker's pytest: what must be known before options can be taken over, and the test files.

    ``path_of`` maps the paths of configuration to those of the code that the worker runs; ``root`` is what the tests'
    ids start from, where that is not the root directory.
    """
    option, root = config.option, root or config.rootpath
    arguments = ["-p", "no:terminal", "-o", "addopts=", "--rootdir", str(path_of(root) or root)]
    ini = path_of(config.inipath) if config.inipath else None
    arguments += ["-c", str(ini)] if ini and ini.exists() else []
    for plugin in option.plugins:
        arguments += ["-p", plugin]
    for override in option.override_ini or []:
        arguments += ["-o", override] if not override.startswith("addopts") else []
    for warning in option.pythonwarnings or []:
        arguments += ["-W", warning]
    if option.confcutdir:
        cut = Path(option.confcutdir).absolute()  # the worker may run in another folder
        arguments += ["--confcutdir", str(path_of(cut) or cut)]
    arguments += ["--noconftest"] if option.noconftest else []
    arguments += [f"--import-mode={option.importmode}", f"--capture={option.capture}"]
    return [*arguments, *map(str, dict.fromkeys(modules))]


def _leave(status: int) -> NoReturn:
    """End the process now: exit handlers run, but taking torch's modules apart would cost two seconds a round."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _leave(main())
