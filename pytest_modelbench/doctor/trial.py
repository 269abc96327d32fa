"""The A/A trial: the same code in fresh processes, and how far apart their measurements are."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.doctor.cases import CASES, PROBE, PROBE_INI
from pytest_modelbench.host.interrupts import deferred_interrupts
from pytest_modelbench.workers.connection import Connection, Launch
from pytest_modelbench.workers.driver import Heard
from pytest_modelbench.workers.events import Hello, Started
from pytest_modelbench.workers.job import Code, Job, Site
from pytest_modelbench.workers.local import ProcessStart, started
from pytest_modelbench.workers.rounds import Limits, RoundPlan, run_rounds
from pytest_modelbench.workers.runs import TestRun

#: A small model that takes longer in one process hangs.
TIMEOUT_S = 300.0
#: Options of pytest's terminal reporter, which workers run without, that pytest asks for elsewhere.
_TERMINAL = {"color": "no", "code_highlight": "no", "verbose": 0, "tbstyle": "line", "showlocals": False}


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """As many processes as fit in ``allowed_s``, from ``fewest`` to ``most``."""

    allowed_s: float
    fewest: int = 4  #: fewer do not tell how far apart processes are
    most: int = 20  #: more change the smallest trustworthy band by less than its steps


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process tells of one case. ``unhealthy`` says what disturbed it, or is empty."""

    log_ratio: float  #: log seconds against the reference workload
    latency_s: float
    unhealthy: str = ""

    @property
    def reference_s(self) -> float:
        """The reference's own time, as the ratio has it."""
        return self.latency_s / math.exp(self.log_ratio)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial measured: for each case a value from each process that got through it."""

    cases: Mapping[str, tuple[Measured, ...]]
    environment: Environment | None  #: None if no worker ever started
    processes: int
    duration_s: float
    interrupted: bool = False
    failures: Mapping[str, str] = field(default_factory=dict)  #: what a case died of, by its test


@dataclass(frozen=True, slots=True)
class TrialProgress:
    """How far a trial is: process ``number`` of ``planned``, about to run ``test`` after ``done`` others of it."""

    number: int
    planned: int
    done: int
    total: int
    test: str
    elapsed_s: float
    remaining_s: float | None


def run_trial(
    settings: Settings,
    plan: TrialPlan,
    show: Callable[[TrialProgress], None] = lambda progress: None,
    *,
    launch: Launch | None = None,
    now_s: Callable[[], float] = time.monotonic,
) -> Trial:
    """A trial of as many processes as the ``plan`` allows, measuring as in a session.

    Ctrl-C ends it, and what was measured so far is returned. Raises UsageError if nothing can be measured here at all.
    """
    run = _Run(plan, show, now_s)
    interrupted = False
    try:
        with deferred_interrupts():
            run_rounds(
                [case.test for case in CASES],
                launch or (lambda tests, process: _worker(tests, process, settings, run.best_reference_s)),
                run,
                RoundPlan(plan.most, "doctor"),
                Limits(lambda test: TIMEOUT_S),
            )
    except KeyboardInterrupt:
        interrupted = True
    return Trial(
        {case: tuple(measured) for case, measured in sorted(run.cases.items())},
        run.environment,
        run.processes,
        now_s() - run.started_s,
        interrupted,
        run.failures,
    )


def _worker(
    tests: Sequence[str], process: int, settings: Settings, best_reference_s: float | None
) -> AbstractContextManager[Connection]:
    """What `session.launch` starts, with the probe and its configuration in place of a project's."""
    job = Job(Code(), tests, process, {"modelbench": True, **_TERMINAL}, settings.to_json(), best_reference_s)
    # Nothing of the project that the command is called in, nothing written into its folder or the package's; and the
    # plugin by name, which loads it also where plugins do not load by themselves.
    plugins = [
        word
        for name in ("no:terminal", "no:cacheprovider", "no:benchmark", "no:xdist", "modelbench")
        for word in ("-p", name)
    ]
    place = ["--rootdir", str(PROBE.parent), "-c", str(PROBE_INI), "--noconftest", "--import-mode=importlib"]
    return started(job, Site([*plugins, "-o", "addopts=", *place, str(PROBE)], sys.path), ProcessStart())


class _Run:
    """The listener of the rounds: gathers, shows, and says when it is enough."""

    def __init__(self, plan: TrialPlan, show: Callable[[TrialProgress], None], now_s: Callable[[], float]) -> None:
        self.cases: dict[str, list[Measured]] = {}
        self.environment: Environment | None = None
        self.processes = 0
        self.failures: dict[str, str] = {}
        self.best_reference_s: float | None = None
        self.started_s = now_s()
        self._plan = plan
        self._show, self._now_s = show, now_s
        self._round_started_s = self.started_s
        self._longest_s = 0.0
        self._planned = plan.fewest
        self._done = self._total = 0

    def round_started(self, number: int, tests: Sequence[str]) -> None:
        self.processes, self._done, self._total = number, 0, len(tests)
        self._round_started_s = self._now_s()
        # Shown at once: starting takes seconds.
        self._show_test("")

    def heard(self, event: Heard) -> None:
        """Where it measures, and how far it is; warnings of the models' libraries are not what this is about."""
        if isinstance(event, Hello):
            self.environment = event.environment
        elif isinstance(event, Started):
            self._show_test(event.test)

    def _show_test(self, test: str) -> None:
        elapsed_s = self._now_s() - self.started_s
        ended_s, before = self._round_started_s - self.started_s, self.processes - 1
        remaining_s = max(0.0, self._planned * ended_s / before - elapsed_s) if before else None
        name = test.partition("[")[2].rstrip("]")
        self._show(TrialProgress(self.processes, self._planned, self._done, self._total, name, elapsed_s, remaining_s))

    def test_ended(self, run: TestRun) -> None:
        self._done += 1
        for measurement in run.measurements:
            self._take(measurement)
        if failure := _failure(run):
            self.failures[run.test] = failure

    def _take(self, one: Measurement) -> None:
        if one.timing is None:
            return
        measured = Measured(one.timing.log_ratio, one.value, one.quality.disturbance)
        self.cases.setdefault(one.case.id, []).append(measured)
        if best_s := one.best_reference_s:
            self.best_reference_s = min(best_s, self.best_reference_s or best_s)

    def round_ended(self, number: int) -> None:
        self._longest_s = max(self._longest_s, self._now_s() - self._round_started_s)
        left_s = max(0.0, self._plan.allowed_s - (self._now_s() - self.started_s))
        # A clock may stand still, and a round take no time by it.
        fitting = math.floor(min(left_s / (self._longest_s or math.inf), self._plan.most))
        self._planned = min(max(number + fitting, self._plan.fewest), self._plan.most)

    def unsettled(self, tests: Sequence[str]) -> Sequence[str]:
        """All that got through, while another process like the longest so far still fits into the time."""
        return [test for test in tests if test not in self.failures] if self.processes < self._planned else []


def _failure(run: TestRun) -> str:
    """What the test died of, in a line, or an empty string."""
    if run.trouble:
        return run.trouble
    for report in run.reports:
        if report["outcome"] != "passed":
            return f"its test is {report['outcome']} in {report['when']}: {_last_line(report.get('longrepr'))}"
    return ""


def _last_line(longrepr: object) -> str:
    """What pytest's serialized ``longrepr`` says at its end."""
    if isinstance(longrepr, Mapping):
        crash = longrepr.get("reprcrash")
        longrepr = crash.get("message", "") if isinstance(crash, Mapping) else ""
    elif isinstance(longrepr, (list, tuple)):
        longrepr = longrepr[-1] if longrepr else ""
    return next(iter(str(longrepr or "").strip().splitlines()), "no reason given")
