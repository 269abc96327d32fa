"""The course of a trial, with workers that are lists of events and a clock that they move."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.measurement import Measurement, Quality, RelativeTime
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.doctor import trial as trial_module
from pytest_modelbench.doctor.cases import CASES, PROBE, PROBE_INI
from pytest_modelbench.doctor.trial import Measured, Trial, TrialPlan, TrialProgress, run_trial
from pytest_modelbench.workers.connection import Timeout
from pytest_modelbench.workers.events import Done, Event, Finished, Hello, Recorded, Refused, Reported, Started
from pytest_modelbench.workers.job import Job, Site
from pytest_modelbench.workers.local import ProcessStart

ENVIRONMENT = Environment("cpu", "a CPU", "cpu-a", {}, {})
TESTS = [case.test for case in CASES]
#: What one process, by its number, tells of the tests that it is given.
Script = Callable[[Sequence[str], int], Iterator[Event]]


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class FakeWorker:
    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events

    def messages(self, timeout_s: Timeout) -> Iterator[Event]:
        assert timeout_s(None) == timeout_s(TESTS[0]) == trial_module.TIMEOUT_S
        yield from self._events

    def answer(self, word: str) -> None:
        raise AssertionError("a process of a trial asks nothing")

    def pause(self) -> None:
        raise AssertionError("a process of a trial is never stopped")

    def resume(self) -> None:
        pass

    def wait(self) -> int:
        return 0

    def death(self) -> str:
        return "it died"


def measured(test: str, process: int) -> Measurement:
    """What a test measures: a log ratio of its process's number."""
    timing = RelativeTime(float(process))
    return Measurement.of("latency", 0.01 * process, NamedCase(f"case of {test}"), timing=timing, test=test)


def run(
    script: Script,
    clock: Clock | None = None,
    allowed_s: float = 0.0,
    **more: Any,
) -> Trial:
    @contextmanager
    def launch(tests: Sequence[str], process: int) -> Iterator[FakeWorker]:
        yield FakeWorker(script(tests, process))

    return run_trial(Settings(), TrialPlan(allowed_s), launch=launch, now_s=clock or Clock(), **more)


def healthy(tests: Sequence[str], process: int) -> Iterator[Event]:
    yield Hello(ENVIRONMENT)
    for test in tests:
        yield Started(test)
        yield Recorded(measured(test, process))
        yield Finished(test)
    yield Done()


def with_measurements(change: Callable[[Measurement, int], Measurement]) -> Script:
    """Healthy processes, with every measurement changed."""

    def script(tests: Sequence[str], process: int) -> Iterator[Event]:
        for event in healthy(tests, process):
            yield Recorded(change(event.measurement, process)) if isinstance(event, Recorded) else event

    return script


def taking(clock: Clock, *rounds_s: float) -> Script:
    """Processes that take so long; those beyond the ones named take as long as the last one."""

    def script(tests: Sequence[str], process: int) -> Iterator[Event]:
        clock.now_s += rounds_s[min(process, len(rounds_s)) - 1]
        yield from healthy(tests, process)

    return script


@pytest.mark.parametrize(
    ("rounds_s", "allowed_s", "processes"),
    [
        ((10,), 100, 10),
        ((10,), 99, 9),
        ((10,), 15, 4),  # too short a time: four all the same
        ((1,), 3600, 20),
        ((10, 10, 10, 30, 10), 100, 6),  # after 80 s another one that takes 30 would not fit
    ],
)
def test_as_many_processes_run_as_fit_into_the_time(
    rounds_s: tuple[float, ...], allowed_s: float, processes: int
) -> None:
    clock = Clock()
    found = run(taking(clock, *rounds_s), clock, allowed_s)
    assert found.processes == processes
    assert len(found.cases) == len(CASES)
    assert all(
        values == tuple(Measured(float(n), 0.01 * n) for n in range(1, processes + 1))
        for values in found.cases.values()
    )
    assert found.environment is not None
    assert found.environment.name == "a CPU"
    assert (found.interrupted, found.failures) == (False, {})
    assert found.duration_s == clock.now_s - 100


def test_every_process_runs_the_tests_in_another_order() -> None:
    orders: list[tuple[str, ...]] = []

    def script(tests: Sequence[str], process: int) -> Iterator[Event]:
        orders.append(tuple(tests))
        yield from healthy(tests, process)

    run(script)
    assert [sorted(order) for order in orders] == [sorted(TESTS)] * 4
    assert len(set(orders)) > 1


def test_progress_tells_how_far_it_is_and_how_long_it_takes() -> None:
    clock, shown = Clock(), list[TrialProgress]()
    run(taking(clock, 10), clock, 50, show=shown.append)
    assert [(one.number, one.planned) for one in shown if not one.test] == [(1, 4), (2, 5), (3, 5), (4, 5), (5, 5)]
    first, last = shown[0], shown[-1]
    assert first == TrialProgress(1, 4, 0, 5, "", 0.0, None)
    assert last == replace(last, number=5, planned=5, done=4, total=5, elapsed_s=50.0, remaining_s=0.0)
    assert last.test in {case.model for case in CASES}
    second = next(one for one in shown if one.number == 2)
    assert (second.elapsed_s, second.remaining_s) == (10.0, 40.0)


def test_an_interrupt_keeps_what_was_measured() -> None:
    def script(tests: Sequence[str], process: int) -> Iterator[Event]:
        for number, event in enumerate(healthy(tests, process)):
            if process == 2 and number == 5:
                raise KeyboardInterrupt
            yield event

    found = run(script)
    assert found.interrupted
    assert sorted(map(len, found.cases.values())) == [1, 1, 1, 1, 2]


def test_a_case_that_fails_is_told_and_not_tried_again() -> None:
    broken, seen = TESTS[2], list[int]()

    def script(tests: Sequence[str], process: int) -> Iterator[Event]:
        for event in healthy(tests, process):
            if event == Finished(broken):
                seen.append(process)
                crash = {"reprcrash": {"message": "BuildError: no such model\nand more"}}
                yield Reported(broken, {"outcome": "failed", "when": "call", "longrepr": crash})
            if not (isinstance(event, Recorded) and event.measurement.test == broken):
                yield event

    found = run(script)
    assert found.failures == {broken: "its test is failed in call: BuildError: no such model"}
    assert seen == [1]
    assert [len(values) for values in found.cases.values()] == [4] * 4


def test_workers_that_cannot_start_end_the_trial() -> None:
    found = run(lambda tests, process: iter(()))
    assert set(found.failures.values()) == {"No worker process could start. it died"}
    assert (found.processes, found.environment, found.cases) == (1, None, {})


def test_a_device_that_is_not_there_is_the_workers_own_word() -> None:
    with pytest.raises(UsageError, match="no such device"):
        run(lambda tests, process: iter([Refused("this machine has no such device")]))


def test_what_disturbed_a_measurement_is_kept() -> None:
    found = run(with_measurements(lambda one, process: replace(one, quality=Quality("steal"))))
    assert {one.unhealthy for values in found.cases.values() for one in values} == {"steal"}


def test_each_worker_is_told_the_best_time_of_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[Job, Site]] = []
    best_s = {1: 0.005, 2: 0.004, 3: 0.006}
    script = with_measurements(
        lambda one, process: replace(one, timing=RelativeTime(one.log_ratio, best_reference_s=best_s.get(process)))
    )

    @contextmanager
    def worker(job: Job, site: Site, start: ProcessStart) -> Iterator[FakeWorker]:
        started.append((job, site))
        yield FakeWorker(script(job.tests, job.process))

    monkeypatch.setattr(trial_module, "started", worker)
    run_trial(Settings(threads=2), TrialPlan(0.0), now_s=Clock())
    assert [job.best_reference_s for job, _ in started] == [None, 0.005, 0.004, 0.004]
    job, site = started[0]
    assert Settings.from_json(job.settings).threads == 2
    assert str(PROBE) in site.arguments
    assert str(PROBE_INI) in site.arguments
    assert job.options["modelbench"] is True


def test_nobody_elses_pytest_collects_the_probe(pytester: pytest.Pytester) -> None:
    folder = Path(trial_module.__file__).parent
    result = pytester.runpytest("--collect-only", "-q", "-c", str(PROBE_INI), "--rootdir", str(folder), str(folder))
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
