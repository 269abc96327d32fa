"""The course of a session, with workers that are scripts: how many rounds there are, and when it gives up."""

import contextlib
from types import SimpleNamespace

import pytest

from pytest_modelbench.core.blocks import Enough
from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.measurement import Measurement, Quality, RelativeTime
from pytest_modelbench.core.session import Outcome
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.session.ending import session_of
from pytest_modelbench.session.marks import Marks
from pytest_modelbench.session.runner import SessionRunner, Wanted
from pytest_modelbench.store.acceptance import refusals
from pytest_modelbench.testing.worker import ENVIRONMENT, ScriptedWorker, launching, reported, whole
from pytest_modelbench.workers.events import Done, Hello, Recorded

UPSET = "3 of 4 blocks were disturbed: the hypervisor took 20 % of the CPU time"
TESTS = ("test_it.py::test_a", "test_it.py::test_b")
ROUNDS = 5


def latency(disturbed=lambda test, process: False):
    """What a worker measures that finds the machine disturbed where ``disturbed(test, process)``."""

    def measure(test, process):
        timing = RelativeTime(0.01 * process, 0.1)
        quality = Quality(UPSET if disturbed(test, process) else "", blocks=4)
        return Measurement.of(
            "latency", 0.1, NamedCase("net"), timing=timing, quality=quality, test=test, process=process
        )

    return measure


def macs(test, process):
    return Measurement.of("macs", 5, NamedCase("net"), test=test, process=process)


class Told:
    """pytest's terminal, as far as the session writes on it."""

    isatty = False
    _tw = None

    def __init__(self):
        self.lines = []

    def write_line(self, line):
        self.lines.append(line)


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def course(tmp_path, monkeypatch, told):
    """Runs a session, ``updating`` or not, whose workers tell what ``measure(test, process)`` says.

    Where it is ``interrupted``, Ctrl-C comes after the first test. What comes back: the session as a value, the tests
    of each round, and each test's outcome as pytest was told it.
    """

    def run(measure, *, updating=True, interrupted=False):
        jobs, outcomes = [], {}

        def worker(tests, process):
            def script():
                yield Hello(ENVIRONMENT)
                for test in tests:
                    yield from whole(test, Recorded(measure(test, process)), *reported(test))
                    if interrupted:
                        raise KeyboardInterrupt
                yield Done()

            return ScriptedWorker(script())

        here = SimpleNamespace(paths={}, best_reference_s=None, here=lambda: None, worker=launching(worker, jobs))
        place = "pytest_modelbench.session.runner"
        monkeypatch.setattr(f"{place}.Launcher", lambda config, settings: here)
        monkeypatch.setattr(
            f"{place}.Replayer.replay", lambda self, item, entry, told: outcomes.update({item.nodeid: told.outcome})
        )
        config = SimpleNamespace(
            hook=None,
            rootpath=tmp_path,
            option=SimpleNamespace(modelbench_inline=False),
            pluginmanager=SimpleNamespace(
                get_plugin=lambda name: told, has_plugin=lambda name: False, register=lambda plugin: None
            ),
            get_verbosity=lambda: 0,
        )
        items = [SimpleNamespace(nodeid=test, path=tmp_path / "test_it.py") for test in TESTS]
        runner = SessionRunner(config, Wanted(Settings(), (ROUNDS,), Commands(), updating=updating))
        with contextlib.suppress(KeyboardInterrupt):
            runner.run(SimpleNamespace(items=items, shouldfail=False, shouldstop=False), Marks({}))
        run.enough = here.enough
        return session_of(runner), [sorted(tests) for _, tests in jobs], outcomes

    return run


def test_an_update_measures_in_all_its_rounds(course):
    session, rounds, outcomes = course(latency())
    assert rounds == [list(TESTS)] * ROUNDS
    assert outcomes == dict.fromkeys(TESTS, Outcome.PASSED)
    assert not any(refusals(session))


def test_an_update_stops_after_two_rounds_in_which_everything_was_disturbed(course):
    session, rounds, outcomes = course(latency(lambda test, process: True))
    assert rounds == [list(TESTS)] * 2
    assert outcomes == dict.fromkeys(TESTS, Outcome.INCONCLUSIVE)
    assert (session.interrupted, session.processes) == (False, 2)
    assert {refusal.text for refusal in refusals(session) if refusal} == {
        f"the machine was disturbed while it was measured: in 2 of 2 processes; {UPSET}"
    }


@pytest.mark.parametrize(
    "disturbed",
    [
        pytest.param(lambda test, process: process == 1, id="one round"),
        pytest.param(lambda test, process: test == TESTS[0], id="one test"),
        pytest.param(lambda test, process: process > 2, id="later rounds"),
    ],
)
def test_an_update_goes_on_where_anything_was_left_alone(course, disturbed):
    _, rounds, _ = course(latency(disturbed))
    assert len(rounds) == ROUNDS


def test_what_was_measured_before_an_interruption_is_kept(course):
    session, _, outcomes = course(macs, updating=False, interrupted=True)
    assert session.interrupted
    assert [check.judgement.value for check in session.checks] == [5]
    assert [*outcomes.values()] == [Outcome.PASSED]


@pytest.mark.parametrize(
    ("updating", "advice"), [(True, "no time can become a baseline"), (False, "pytest-modelbench doctor tells")]
)
def test_a_machine_that_disturbs_all_of_the_first_process_is_told_at_once(course, told, updating, advice):
    course(latency(lambda test, process: process == 1), updating=updating)
    (line,) = told.lines
    assert line.startswith(f"modelbench: the machine was disturbed throughout the first process ({UPSET}); ")
    assert advice in line


def test_a_machine_that_left_anything_alone_is_not(course, told):
    course(latency(lambda test, process: test == TESTS[0]))
    assert told.lines == []


@pytest.mark.parametrize("updating", [True, False])
def test_only_later_processes_that_compare_take_more_blocks_than_planned(course, updating):
    course(latency(), updating=updating)
    later = Enough.PLANNED if updating else Enough.AGREEING
    assert [course.enough(TESTS[0], process) for process in (1, 2)] == [Enough.PLANNED, later]
