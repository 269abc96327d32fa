"""What is ended when a controller is gone."""

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.workers.watchdog import FAMILY, Watchdog, watched


def test_what_was_not_forgotten_is_left():
    lines = ["+ 10 a\n", "+ 11 b\n", "- 10 a\n", "+ 12 c\n", "- 11 other\n"]
    assert watched(lines) == [(11, "b"), (12, "c")]


@pytest.mark.parametrize("line", ["", "+", "+ 0 a", "+ 1 a", "+ -1 a", "+ 12", "+ 12 ", "+ x a", "12 a", "+ ² a"])
def test_what_cannot_be_read_is_passed_over(line):
    assert watched([line, "+ 12 a"]) == [(12, "a")]


@given(st.lists(st.text()))
def test_neither_this_group_nor_everything_is_ever_ended(lines):
    assert all(group > 1 and family for group, family in watched(lines))


def sleeping(family: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    return subprocess.Popen(command, start_new_session=True, env={**os.environ, FAMILY: family})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who was started by whom")
def test_the_end_of_the_pipe_ends_groups_and_families_and_nobody_else():
    watched, stopped, of_family, forgotten, stranger = processes = [
        sleeping(family) for family in ("a-1", "a-2", "a-1", "a-3", "a-4")
    ]
    try:
        os.kill(stopped.pid, signal.SIGSTOP)
        dog = Watchdog()
        for process, family in ((watched, "a-1"), (stopped, "a-2"), (forgotten, "a-3")):
            dog.watch(process.pid, family)
        dog.forget(forgotten.pid, "a-3")
        dog.end()
        assert [process.wait(10) for process in (watched, stopped, of_family)] == [-signal.SIGKILL] * 3
        assert (forgotten.poll(), stranger.poll()) == (None, None)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_watchdog_that_died_is_not_missed():
    dog = Watchdog()
    dog._process.kill()
    dog._process.wait()
    dog.watch(12, "a")
    dog.forget(12, "a")
    dog.end()
