"""The order of rounds, and what becomes of tests whose worker dies, with workers that are lists of events."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.testing.worker import ENVIRONMENT, ScriptedWorker, launching, report, whole
from pytest_modelbench.workers.events import Done, Hello, Recorded, Refused, Reported, Started, Warned
from pytest_modelbench.workers.rounds import Limits, RoundPlan, ordered, run_rounds, shuffled
from pytest_modelbench.workers.runs import not_found

THREE = RoundPlan(most=3, seed="s")


@dataclass
class Recorder:
    """A listener that settles tests after ``needed`` rounds."""

    needed: int = 1
    runs: list = field(default_factory=list)
    started: list = field(default_factory=list)
    ended: list = field(default_factory=list)
    warnings: list = field(default_factory=list)
    environments: list = field(default_factory=list)

    def heard(self, event):
        if isinstance(event, Hello):
            self.environments.append(event.environment.slug)
        if isinstance(event, Warned):
            self.warnings.append(event)

    def round_started(self, number, tests):
        self.started.append((number, sorted(tests)))

    def test_ended(self, run):
        self.runs.append(run)

    def round_ended(self, number):
        self.ended.append(number)

    def unsettled(self, tests):
        return [test for test in tests if sum(run.test == test for run in self.runs) < self.needed]


def go(listener, worker_for, tests=("m::a", "m::b"), plan=THREE, out_of_time=lambda: False):
    """Run with workers that ``worker_for(tests, process)`` makes; their jobs are returned."""
    jobs = []
    run_rounds(list(tests), launching(worker_for, jobs), listener, plan, Limits(lambda test: 1.0, out_of_time))
    return [(process, sorted(given)) for process, given in jobs]


def obedient(tests, process):
    return ScriptedWorker([Hello(ENVIRONMENT), *(event for test in tests for event in whole(test)), Done()])


def test_rounds_go_on_until_everything_is_settled():
    listener = Recorder(needed=2)
    assert go(listener, obedient) == [(1, ["m::a", "m::b"]), (2, ["m::a", "m::b"])]
    assert listener.started == [(1, ["m::a", "m::b"]), (2, ["m::a", "m::b"])]
    assert listener.ended == [1, 2]
    assert [run.process for run in listener.runs] == [1, 1, 2, 2]
    assert listener.environments == ["cpu-a", "cpu-a"]
    assert all(run.environment is ENVIRONMENT for run in listener.runs)


def test_there_are_never_more_rounds_than_the_most():
    assert len(go(Recorder(needed=99), obedient)) == 3


def test_rounds_are_numbered_from_where_earlier_ones_ended():
    listener = Recorder(needed=2)
    assert [process for process, _ in go(listener, obedient, plan=RoundPlan(3, "s", first=5))] == [5, 6]
    assert [run.process for run in listener.runs] == [5, 5, 6, 6]


def test_measurements_and_reports_belong_to_their_test():
    measurement = Measurement.of("macs", 3, NamedCase("c"), test="m::a")
    data = report("call")
    warned = Warned("m::b", "w", "UserWarning", "builtins", "f.py", 1)

    def worker_for(tests, process):
        between = [Recorded(measurement), Reported("m::a", data)]
        return ScriptedWorker([*whole("m::a", *between), *whole("m::b"), warned, Done()])

    listener = Recorder()
    go(listener, worker_for)
    runs = {run.test: run for run in listener.runs}
    assert [one.value for one in runs["m::a"].measurements] == [3]
    assert runs["m::a"].reports == [data]
    assert runs["m::b"].measurements == runs["m::b"].reports == []
    assert [warning.text for warning in listener.warnings] == ["w"]


def test_a_death_costs_the_test_it_happened_in_and_a_new_worker_takes_the_rest():
    def worker_for(tests, process):
        return ScriptedWorker([Started("m::a")], cause="shot") if "m::a" in tests else obedient(tests, process)

    listener = Recorder()
    jobs = go(listener, worker_for)
    assert jobs == [(1, ["m::a", "m::b"]), (1, ["m::b"])]
    assert {run.test: run.trouble for run in listener.runs} == {"m::a": "shot", "m::b": ""}


def test_a_worker_that_cannot_start_is_tried_twice_and_then_fails_the_rest():
    listener = Recorder()
    jobs = go(listener, lambda tests, process: ScriptedWorker([], cause="no python"))
    assert len(jobs) == 2
    assert {run.test for run in listener.runs} == {"m::a", "m::b"}
    assert all(run.trouble == "No worker process could start. no python" for run in listener.runs)


def test_a_test_that_was_never_run_is_in_trouble():
    listener = Recorder()
    go(listener, lambda tests, process: ScriptedWorker([*whole("m::a"), Done()]))
    assert {run.test: run.trouble for run in listener.runs} == {"m::a": "", "m::b": not_found("m::b")}


@pytest.mark.parametrize(
    ("done", "told"),
    [
        (Done(), "did not find this test, though it was collected: what is collected depends on the process there"),
        (
            Done(others=("m::other[x]", "m::b[0x1]", "m::b[0x2]", "m::b[0x3]")),
            "did not find this test, though it was collected; it found m::b[0x1], m::b[0x2]. Ids have to be the same",
        ),
        (Done("session-timeout: 2.0 sec exceeded"), "stopped before this test: session-timeout: 2.0 sec exceeded"),
    ],
)
def test_why_a_test_was_never_run_is_told(done, told):
    listener = Recorder()
    go(listener, lambda tests, process: ScriptedWorker([*whole("m::a"), done]), tests=["m::a", "m::b[0x0]"])
    assert {run.test: told in run.trouble for run in listener.runs} == {"m::a": False, "m::b[0x0]": True}


def test_what_the_end_of_the_time_cut_short_does_not_count():
    """The test that just ran is not told, and no other worker is started."""
    listener = Recorder(needed=2)
    jobs = go(listener, lambda tests, process: ScriptedWorker([Started("m::a")]), out_of_time=lambda: True)
    assert jobs == [(1, ["m::a", "m::b"])]
    assert listener.runs == listener.ended == []


def test_a_session_that_cannot_run_here_says_so_itself():
    with pytest.raises(UsageError, match="no such device"):
        go(Recorder(), lambda tests, process: ScriptedWorker([Refused("no such device")]))


@given(
    st.lists(
        st.sampled_from(["m", "n", "o"]).flatmap(lambda m: st.integers(0, 99).map(lambda i: f"{m}::{i}")), unique=True
    ),
    st.text(max_size=5),
)
def test_shuffling_keeps_every_test_and_modules_together(tests, seed):
    order = shuffled(tests, seed)
    assert sorted(order) == sorted(tests)
    assert order == shuffled(tests, seed)
    modules = [test.partition("::")[0] for test in order]
    assert len([m for i, m in enumerate(modules) if i == 0 or modules[i - 1] != m]) == len(set(modules))


def test_without_a_seed_the_order_is_kept():
    tests = [f"m::{name}" for name in "hgfedcba"]
    assert ordered(tests, None, "1") == ordered(tests, None, "2") == tests
    assert ordered(tests, "seed", "1") == shuffled(tests, "seed-1") != tests
    assert ordered(tests, "seed", "1") != ordered(tests, "seed", "2")
