"""A small project with baselines, and sessions and commands over it in processes that may fail in any way.

Its workers are scripts, so that a session takes a tenth of a second. Collection, baselines, verdicts, reports, files
and exit status are the real ones.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import math
import os
import pkgutil
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import FileIO, TextIOWrapper
from pathlib import Path
from typing import NoReturn

import pytest

from pytest_modelbench import plugin
from pytest_modelbench.cli import main as command
from pytest_modelbench.core.case import Case
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import Comparability, Measurement, RelativeTime
from pytest_modelbench.core.observations import hits, numbers
from pytest_modelbench.session import launch
from pytest_modelbench.testing.worker import ScriptedWorker, whole
from pytest_modelbench.workers.connection import Connection
from pytest_modelbench.workers.events import Done, Event, Hello, Recorded, Reported
from pytest_modelbench.workers.job import Job
from tests.trials.machine import ROOT

#: Imported once, and not by each of thousands of processes.
for _layer in ("session", "store", "report", "cli"):
    for _found in pkgutil.iter_modules([f"{ROOT}/pytest_modelbench/{_layer}"], f"pytest_modelbench.{_layer}."):
        if not _found.name.endswith("__main__"):
            importlib.import_module(_found.name)

#: Beyond, it hangs.
TIMEOUT_S = 10.0
#: So many processes may run at once.
MOST_AT_ONCE = 32
#: Exit status of a process that ended by an exception that nobody caught.
CRASHED = 99
ENVIRONMENT = Environment(
    "cpu", "a CPU, 2 cores", "cpu-a", {"device": "cpu", "cpu": "a CPU", "cores": 2, "threads": 1}, {"torch": "2.11"}
)
TESTS = {
    "test_net.py": "import pytest\n\n@pytest.mark.parametrize('size', {sizes})\n"
    "def test_cost(modelbench, size):\n    pass\n\ndef test_output(modelbench):\n    pass\n",
    "test_speed.py": "def test_latency(modelbench):\n    pass\n",
    "test_accuracy.py": "def test_photos(modelbench):\n    pass\n",
}
#: What a session may leave in the folder that it runs in.
LEFT = {"__pycache__", ".pytest_cache"}
_SAMPLES = 40
_LARGE = 1_000_000
#: What Python itself writes and removes to see whether it may, and leaves where it is killed in between.
_PROBE = re.compile("[a-z0-9_]{8}")
#: What the interpreter tells its audit hooks of files.
_ACCESSES = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir"}


def measured(test: str, process: int, factor: float) -> list[Measurement]:
    """What a worker measures of ``test``: what is stored, or all of it so much worse."""
    of = partial(Measurement.of, case=Case("net", 1, (224, 224)), test=test, process=process)
    if "test_cost" in test:
        size = 1 + zlib.crc32(test.encode()) % 97
        return [
            of("macs", round(1_234_567 * size * factor)),
            of("parameters", round(98_765 * size * factor)),
            of("parameter_bytes", round(395_060 * size * factor)),
            of("peak_live_memory", round(5_432_100 * size * factor)),
        ]
    if "test_output" in test:
        projections = numbers([0.5213 * factor, *(math.sin(place) * factor for place in range(1, 9))])
        return [of("output", projections.values[0], observations=projections)]
    if "test_photos" in test:
        right = hits([place % 10 > (5 if factor > 1 else 0) for place in range(_SAMPLES)])
        assert right is not None
        return [
            of("top1", sum(right.values) / _SAMPLES, observations=right, comparability=Comparability("photos 12ab"))
        ]
    noise = random.Random(f"{test} {process} {factor}").gauss(0, 0.004)
    timing = RelativeTime(math.log(factor * 3.7) + noise, 0.0021)
    value = 0.0021 * math.exp(timing.log_ratio)
    return [of("latency", value, timing=timing, comparability=Comparability(reference="conv 1"))]


@dataclass(frozen=True)
class Ended:
    """How a process ended: by which status (negative: a signal, None: it hung), and what it said."""

    status: int | None
    text: str

    @property
    def crashed(self) -> bool:
        """Whether it ended in a way that nobody meant."""
        said = "Traceback (most recent call last)" in self.text or "INTERNALERROR" in self.text
        return said or self.status in (pytest.ExitCode.INTERNAL_ERROR, CRASHED) or (self.status or 0) < 0


@dataclass(frozen=True)
class Running:
    """A process that leads its group, and the file that it writes to."""

    pid: int
    output: Path

    def end(self) -> Ended:
        """How it ended, once it has, or was made to as it hung."""
        until_s = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until_s:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                return Ended(os.waitstatus_to_exitcode(status), self.output.read_text(errors="replace"))
            time.sleep(0.002)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return Ended(None, self.output.read_text(errors="replace"))


class GatedProject:
    """The project in ``folder``, with baselines of everything that its tests measure."""

    def __init__(self, folder: Path, sizes: Sequence[str] = ("small", "large")) -> None:
        self._sizes = list(sizes)
        self.root = folder / "project"
        self.baselines = self.root / "baselines"
        self.temporary = folder / "tmp"
        self._kept = folder / "kept"
        self._output = folder / "output"
        self._started = 0

    def make(self) -> None:
        """Write it, and accept what it measures."""
        self.root.mkdir(parents=True)
        self.temporary.mkdir()
        (self.root / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-p no:cacheprovider'\n")
        for name, source in TESTS.items():
            (self.root / name).write_text(source.format(sizes=self._sizes))
        accepted = self.session("--update-baselines")
        if accepted.status != 0:
            raise RuntimeError(accepted.text)
        shutil.copytree(self.baselines, self._kept)

    def restore(self) -> None:
        """Bring the baselines back as they were accepted, and remove whatever else is there by now."""
        for path in [self.baselines, *(path for path in self.root.iterdir() if path.name in self.left())]:
            remove(path)
        for path in self.temporary.iterdir():
            remove(path)
        shutil.copytree(self._kept, self.baselines)

    def kept(self) -> list[Path]:
        """The baseline files as they were accepted, by their path in the baselines folder."""
        return sorted(path.relative_to(self._kept) for path in self._kept.rglob("*.json"))

    def text_of(self, file: Path) -> str:
        """What `kept` ``file`` holds."""
        return (self._kept / file).read_text()

    def contents(self) -> dict[str, object]:
        """What the baselines hold now, byte by byte, or of what is large and no file, its size."""
        return {
            str(path): path.read_bytes() if path.is_file() and path.stat().st_size < _LARGE else path.lstat().st_size
            for path in sorted(self.baselines.rglob("*"))
            if not path.is_symlink()
        }

    def left(self) -> list[str]:
        """Names of what is there and was not, in the project and in the folder for temporary files."""
        known = {*TESTS, *LEFT, "pyproject.toml", "baselines"}
        temporary = [name for name in os.listdir(self.temporary) if not _PROBE.fullmatch(name)]
        return [path.name for path in self.root.iterdir() if path.name not in known] + temporary

    def session(self, *arguments: str, factor: float = 1.0) -> Ended:
        """``pytest --modelbench`` with ``arguments``, in which everything is so much worse than is stored."""
        return self.start_session(*arguments, factor=factor).end()

    def command(self, *arguments: str) -> Ended:
        """``pytest-modelbench`` with ``arguments``."""
        return self.start_command(*arguments).end()

    def start_session(self, *arguments: str, factor: float = 1.0, dies_at: int | None = None) -> Running:
        """`session`, begun; ``dies_at`` its so-manieth look at a baseline, or change of one, before it happens."""

        def run() -> int:
            launch.started = partial(_scripted, factor=factor)  # type: ignore[assignment]
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
            return int(pytest.main(["--modelbench", *arguments], plugins=[plugin]))

        return self._start(run, dies_at)

    def start_command(self, *arguments: str, dies_at: int | None = None) -> Running:
        """`command`, begun; it dies as a session does."""
        return self._start(lambda: command(arguments), dies_at)

    def _start(self, run: Callable[[], int], dies_at: int | None) -> Running:
        """A process of its own, in the project, that ends with what ``run()`` returns."""
        self._started += 1
        output = self._output.with_name(f"output-{self._started % MOST_AT_ONCE}")
        if pid := os.fork():
            return Running(pid, output)
        if dies_at is not None:
            _die_at(dies_at, self.baselines)
        self._inside(run, output)

    def _inside(self, run: Callable[[], int], told: Path) -> NoReturn:
        status = CRASHED
        try:
            os.setsid()
            os.chdir(self.root)
            tempfile.tempdir = None
            os.environ["TMPDIR"] = str(self.temporary)
            with open(told, "wb") as output, open(os.devnull) as nothing:
                os.dup2(nothing.fileno(), 0)
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
            sys.stdout, sys.stderr = (TextIOWrapper(FileIO(fd, "wb", closefd=False), "utf-8") for fd in (1, 2))
            status = run()
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else CRASHED
        except BaseException:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def _die_at(step: int, folder: Path) -> None:
    """Kill this process at its access number ``step`` to files below ``folder``, before that happens."""
    steps = itertools.count()

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event in _ACCESSES and os.path.abspath(str(arguments[0])).startswith(str(folder)) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hear)


def remove(path: Path) -> None:
    """Remove ``path``, whatever it is."""
    if path.is_dir() and not path.is_symlink():
        for inner in [path, *path.rglob("*")]:
            if inner.is_dir() and not inner.is_symlink():
                inner.chmod(0o755)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _scripted(job: Job, *_: object, factor: float) -> Iterator[Connection]:
    """In the place of `workers.local.started`."""
    yield ScriptedWorker(_script(job.tests, job.process, factor))


def _script(tests: Sequence[str], process: int, factor: float) -> Iterator[Event]:
    yield Hello(ENVIRONMENT)
    for test in tests:
        recorded = [Recorded(one) for one in measured(test, process, factor)]
        yield from whole(
            test, *recorded, *(Reported(test, _passed(test, when)) for when in ("setup", "call", "teardown"))
        )
    yield Done()


def _passed(test: str, when: str) -> dict[str, object]:
    """A report as pytest serializes it."""
    path, _, name = test.partition("::")
    return {
        "$report_type": "TestReport", "nodeid": test, "location": [path, 1, name], "keywords": {}, "outcome": "passed",
        "longrepr": None, "when": when, "sections": [], "duration": 0.0, "user_properties": [],
    }  # fmt: skip
