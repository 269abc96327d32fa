"""Worker processes that a machine has no room for, and what is told of those that died."""

import errno
import os

import pytest

from pytest_modelbench.workers.job import Code, Job, Site
from pytest_modelbench.workers.last_words import TAIL_LINES, telling_part
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


STACK = """\
said before
Fatal Python error: Segmentation fault

Current thread 0x00007f9b68067b80 (most recent call first):
  File "/project/test_it.py", line 8 in test_segfaults
  File "/site/_pytest/python.py", line 187 in pytest_pyfunc_call
  File "/site/pluggy/_execution.py", line 147 in _multicall
  File "/site/torch/nn/modules/module.py", line 12 in forward

Extension modules: numpy, torch (total: 2)
"""


def test_where_python_was_is_told_without_the_calls_that_run_tests():
    assert telling_part(STACK).splitlines() == [
        "Current thread 0x00007f9b68067b80 (most recent call first):",
        '  File "/project/test_it.py", line 8 in test_segfaults',
        '  File "/site/torch/nn/modules/module.py", line 12 in forward',
    ]


def test_without_a_stack_the_last_lines_are_told():
    said = "\n".join(f"line {number}" for number in range(40))
    assert telling_part(said).splitlines() == [f"line {number}" for number in range(40 - TAIL_LINES, 40)]
