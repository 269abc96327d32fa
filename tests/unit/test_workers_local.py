"""Worker processes that a machine has no room for."""

import errno
import os

import pytest

from pytest_modelbench.workers.job import Code, Job, Site
from pytest_modelbench.workers.local import ProcessStart, started
from pytest_modelbench.workers.rounds import Limits, RoundPlan, run_rounds


class Recorder:
    """A listener that keeps runs."""

    def __init__(self):
        self.runs = []

    def heard(self, event):
        raise AssertionError(event)

    def round_started(self, number, tests):
        pass

    def round_ended(self, number):
        pass

    def test_ended(self, run):
        self.runs.append(run)

    def unsettled(self, tests):
        return []


def no_room(number):
    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("what", ["os.pipe", "tempfile.TemporaryFile", "subprocess.Popen"])
def test_a_machine_without_room_for_a_worker_fails_its_tests_with_the_reason_and_leaves_nothing_open(what, monkeypatch):
    listener, descriptors = Recorder(), len(os.listdir("/dev/fd"))
    monkeypatch.setattr(f"pytest_modelbench.workers.local.{what}", no_room(errno.EMFILE))

    def launch(tests, process):
        return started(Job(Code(), tests, process), Site([]), ProcessStart("/bin/python"))

    run_rounds(["m::a", "m::b"], launch, listener, RoundPlan(3, None), Limits(lambda test: 1.0))
    assert [run.test for run in listener.runs] == ["m::a", "m::b"]
    assert {run.trouble for run in listener.runs} == {
        "No worker process could start. /bin/python cannot be started: Too many open files; see the limits that "
        "ulimit -a lists, and what else runs"
    }
    assert len(os.listdir("/dev/fd")) == descriptors
