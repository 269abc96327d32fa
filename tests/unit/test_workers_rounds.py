"""The order of passes, and what becomes of tests whose worker dies, with workers that are lists of messages."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.records import Record
from pytest_modelbench.workers.protocol import Job, Lines
from pytest_modelbench.workers.rounds import run_passes, shuffled

ENVIRONMENT = {"kind": "cpu", "name": "a CPU", "slug": "cpu-a", "identity": {}, "provenance": {}}


class FakeWorker:
    """Says what it is told to say, then dies or is done."""

    def __init__(self, messages, cause=""):
        self._messages = messages
        self.cause = cause

    def messages(self, timeout_s):
        yield from self._messages

    def death(self):
        return self.cause

    def wait(self):
        return 0


@dataclass
class Recorder:
    """A listener that settles tests after ``needed`` passes."""

    needed: int = 1
    runs: list = field(default_factory=list)
    passes: list = field(default_factory=list)
    warnings: list = field(default_factory=list)
    environments: list = field(default_factory=list)

    def environment_known(self, environment):
        self.environments.append(environment.slug)

    def pass_started(self, number, tests):
        self.passes.append((number, sorted(tests)))

    def test_started(self, test):
        pass

    def test_ended(self, run):
        self.runs.append(run)

    def pass_ended(self, number):
        pass

    def unsettled(self, tests):
        return [test for test in tests if sum(run.test == test for run in self.runs) < self.needed]

    def warning(self, message):
        self.warnings.append(message)


def go(listener, script, tests=("m::a", "m::b"), most=3):
    """Run with workers that ``script(tests, process)`` makes; their jobs are returned."""
    jobs = []

    @contextmanager
    def launch(tests, process):
        jobs.append((process, sorted(tests)))
        yield script(list(tests), process)

    run_passes(list(tests), launch, listener, most=most, timeout_s=lambda test: 1.0, seed="s")
    return jobs


def whole(test, *between):
    return [{"kind": "start", "test": test}, *between, {"kind": "finish", "test": test}]


def obedient(tests, process):
    hello = {"kind": "hello", "environment": ENVIRONMENT}
    return FakeWorker([hello, *(m for test in tests for m in whole(test)), {"kind": "done"}])


def test_passes_go_on_until_everything_is_settled():
    listener = Recorder(needed=2)
    assert go(listener, obedient) == [(1, ["m::a", "m::b"]), (2, ["m::a", "m::b"])]
    assert [run.process for run in listener.runs] == [1, 1, 2, 2]
    assert listener.environments == ["cpu-a", "cpu-a"]


def test_there_are_never_more_passes_than_the_most():
    assert len(go(Recorder(needed=99), obedient)) == 3


def test_records_and_reports_belong_to_their_test():
    record = Record("m::a", "macs", METRICS["macs"], "c", 3).to_json()
    report = {"outcome": "passed", "when": "call"}

    def script(tests, process):
        between = [{"kind": "record", "record": record}, {"kind": "report", "test": "m::a", "report": report}]
        return FakeWorker(
            [*whole("m::a", *between), *whole("m::b"), {"kind": "warning", "text": "w"}, {"kind": "done"}]
        )

    listener = Recorder()
    go(listener, script)
    runs = {run.test: run for run in listener.runs}
    assert [r.value for r in runs["m::a"].records] == [3]
    assert runs["m::a"].reports == [report]
    assert runs["m::b"].records == runs["m::b"].reports == []
    assert [warning["text"] for warning in listener.warnings] == ["w"]


def test_a_death_costs_the_test_it_happened_in_and_a_new_worker_takes_the_rest():
    def script(tests, process):
        if "m::a" in tests:
            return FakeWorker([{"kind": "start", "test": "m::a"}], cause="shot")
        return obedient(tests, process)

    listener = Recorder()
    jobs = go(listener, script)
    assert jobs == [(1, ["m::a", "m::b"]), (1, ["m::b"])]
    assert {run.test: run.trouble for run in listener.runs} == {"m::a": "shot", "m::b": ""}


def test_a_worker_that_cannot_start_is_tried_twice_and_then_fails_the_rest():
    listener = Recorder()
    jobs = go(listener, lambda tests, process: FakeWorker([], cause="no python"))
    assert len(jobs) == 2
    assert {run.test for run in listener.runs} == {"m::a", "m::b"}
    assert all(run.trouble == "No worker process could start. no python" for run in listener.runs)


def test_a_test_that_was_never_run_is_in_trouble():
    def script(tests, process):
        return FakeWorker([*whole("m::a"), {"kind": "done"}])

    listener = Recorder()
    go(listener, script)
    assert {run.test: bool(run.trouble) for run in listener.runs} == {"m::a": False, "m::b": True}


def test_a_session_that_cannot_run_here_says_so_itself():
    with pytest.raises(UsageError, match="no such device"):
        go(Recorder(), lambda tests, process: FakeWorker([{"kind": "fatal", "message": "no such device"}]))


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


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20)), max_size=5), st.lists(st.integers(1, 30)))
def test_messages_are_put_together_however_they_were_cut(messages, cuts):
    messages = [{**message, "kind": "x"} for message in messages]
    data = b"".join(json.dumps(message).encode() + b"\n" for message in messages)
    lines, found, position = Lines(), [], 0
    for cut in [*cuts, len(data) + 1]:
        found += lines.feed(data[position : position + cut])
        position += cut
    assert found == messages


@pytest.mark.parametrize("line", [b"{half", b"[]", b"3", b"{}", b"\xff"])
def test_what_is_no_message_is_refused(line):
    with pytest.raises(ValueError):
        list(Lines().feed(line + b"\n"))


def test_a_job_survives_the_way_to_its_worker():
    job = Job(["-p", "x"], {"a": [1, None]}, {"threads": 1}, ["tést[\ud800]"], 3, ["/lib"])
    assert Job.from_line(job.to_line()) == job
