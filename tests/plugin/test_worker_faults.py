"""Workers that die, hang or cannot start: the test they were in fails and says why; the rest goes on."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

FAULTS = """
import os, signal, time
import pytest

def test_before(modelbench):
    modelbench.record("answer", 1)

def test_segfaults(modelbench):
    os.kill(os.getpid(), signal.SIGSEGV)

def test_is_killed(modelbench):
    print("last words", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

def test_leaves(modelbench):
    os._exit(3)

@pytest.mark.modelbench(timeout="1s")
def test_hangs(modelbench):
    time.sleep(600)

def test_child_outlives_it(modelbench):
    if os.fork() == 0:
        time.sleep(600)
    os.kill(os.getpid(), signal.SIGKILL)

def test_after(modelbench):
    modelbench.record("answer", 2)
"""


@pytest.mark.slow
def test_each_dead_worker_fails_its_own_test_only(bench, pytester):
    result = bench("-v", source=FAULTS)
    result.assert_outcomes(passed=2, failed=5)
    result.stdout.fnmatch_lines_random(
        [
            "FAILED *test_segfaults - The worker process died of *",
            "The worker process died of SIGSEGV (a crash in native code).",
            "FAILED *test_is_killed - The worker process was killed *",
            "The worker process was killed by SIGKILL: *memory*",
            "FAILED *test_leaves - The worker process ended by *",
            "The worker process ended by itself with exit status 3 *",
            "FAILED *test_hangs - The worker process gave no *",
            "The worker process gave no sign for 1 s (--modelbench-timeout) and was killed.",
            "*test_it.py*, line 19 in test_hangs",
        ]
    )
    result.stdout.no_fnmatch_line("*_pytest/python.py*")


BREAKS = """
import os, sys
import pytest

def test_before(modelbench):
    modelbench.record("answer", 1)

def test_asks_pytest_to_end(modelbench):
    modelbench.record("answer", 1)
    pytest.exit("enough", returncode=0)

def test_child_returns(modelbench):
    if os.fork() == 0:
        with pytest.raises(Exception, match="forked"):
            modelbench.record("answer", 3)
        return
    os.wait()
    modelbench.record("answer", 1)

def test_closes_stdout(modelbench):
    modelbench.record("answer", 1)
    sys.stdout.close()

@pytest.fixture
def leaves(modelbench):
    yield
    sys.exit(0)

def test_whose_teardown_leaves(leaves, modelbench):
    modelbench.record("answer", 1)

def test_after(modelbench):
    print("it still can")
    modelbench.record("answer", 2)
"""


@pytest.mark.slow
def test_each_test_that_breaks_its_process_costs_itself_only(bench, pytester):
    result = bench("-v", "--modelbench-order=keep", source=BREAKS)
    result.assert_outcomes(passed=4, failed=2, errors=2)
    result.stdout.fnmatch_lines_random(
        [
            "*test_asks_pytest_to_end FAILED*",
            "*test_child_returns PASSED*",
            "*test_closes_stdout FAILED*",
            "*test_after PASSED*",
            "pytest was asked to end. Exit: enough",
        ]
    )


LOSES = """
import builtins

def test_fails_and_loses_it(modelbench):
    builtins.lost = "device-side assert triggered"
    raise RuntimeError("CUDA error: device-side assert triggered")

def test_between(modelbench):
    modelbench.record("answer", 1)

def test_loses_it_unseen(modelbench):
    modelbench.record("answer", 1)
    builtins.lost = "an illegal memory access"

def test_after(modelbench):
    modelbench.record("answer", 1)
"""


@pytest.mark.slow
def test_a_device_that_a_test_has_lost_costs_that_test_only(bench, pytester):
    pytester.makeconftest(
        "import builtins\n"
        "from pytest_modelbench.bench import process\n\n"
        "builtins.lost = ''\n"
        "process.why_lost = lambda device: builtins.lost\n"
    )
    result = bench("-v", "--modelbench-order=keep", source=LOSES, apart=True)
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines_random(
        [
            "*test_fails_and_loses_it FAILED*",
            "*test_between PASSED*",
            "*test_loses_it_unseen FAILED*",
            "*test_after PASSED*",
            "*test_loses_it_unseen lost the context of cpu (an illegal memory access)*",
        ]
    )


@pytest.mark.slow
def test_a_worker_that_cannot_start_fails_its_tests_with_its_own_words(bench, pytester):
    pytester.makeconftest(
        "import sys\n\n"
        "def pytest_configure(config):\n"
        "    if hasattr(config, '_modelbench_worker'):\n"
        "        sys.exit('the licence server is down')\n"
    )
    result = bench(source="def test_one(modelbench):\n    pass\n\ndef test_two(modelbench):\n    pass\n")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*No worker process could start.*", "*the licence server is down*"])


def test_a_test_that_the_worker_does_not_find_fails(bench):
    source = """
import os, pytest

@pytest.mark.parametrize("which", [os.getpid(), "same"])
def test_one(which, modelbench):
    modelbench.record("answer", 1)
"""
    result = bench(source=source)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*did not find this test, though it was collected; it found test_it.py::test_one[[]*. Ids have to be *"]
    )


SLEEPS = """
import os, pathlib, time

def test_first(modelbench):
    modelbench.record("answer", 1)

def test_second(modelbench):
    pathlib.Path("pid").write_text(str(os.getpid()))
    time.sleep(600)
"""

FORKS = """
import os, pathlib, time

def test_forks(modelbench):
    child = os.fork()
    if child:
        pathlib.Path("child").write_text(str(child))
        pathlib.Path("pid").write_text(str(os.getpid()))
    time.sleep(600)
"""


SERVES = """
import os, pathlib, re, subprocess, time
import pytest

@pytest.fixture(scope="session")
def server():
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    pathlib.Path("server").write_text(str(process.pid))
    yield
    process.kill()

def test_hangs(server, modelbench):
    time.sleep(600)

def test_computes(server, modelbench):
    pathlib.Path("pid").write_text(str(os.getpid()))
    re.match("(a*)*b", "a" * 40)  # for years, and no other thread runs meanwhile
"""


def start(pytester, *arguments, source=SLEEPS):
    pytester.makepyfile(test_it=source)
    command = [sys.executable, "-m", "pytest", "--modelbench", "--device=cpu", "-p", "no:cacheprovider", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=pytester.path)
    worker = wait_for(lambda: int((pytester.path / "pid").read_text()))
    return process, worker


def wait_for(found, patience_s=60.0):
    """What ``found`` returns, once it does not raise any more."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            return found()
        time.sleep(0.05)
    return found()


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return
    raise OSError("still there")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupting_ends_everything_and_summarizes(pytester, number):
    process, worker = start(pytester, "--modelbench-json=results.json")
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "INTERRUPTED" in output
    wait_for(lambda: gone(worker))
    # What the worker told last may not have been read yet; of what was, the summary and the file say the same.
    session = json.loads((pytester.path / "results.json").read_text())["session"]
    assert session["interrupted"]
    assert ("answer" in output) == bool(session["checks"])


@pytest.mark.slow
def test_an_interrupted_update_records_nothing(pytester):
    process, _ = start(pytester, "--update-baselines")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert not list((pytester.path / "baselines").glob("**/*.json"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who was started by whom")
def test_a_worker_that_is_ended_takes_along_what_its_fixtures_started_in_sessions_of_their_own(bench, pytester):
    bench("--modelbench-timeout=2s", "-k", "hangs", source=SERVES).assert_outcomes(failed=1)
    wait_for(lambda: gone(int((pytester.path / "server").read_text())), 10)


@pytest.mark.slow
def test_a_killed_controller_takes_its_worker_along(pytester):
    process, worker = start(pytester)
    process.kill()
    process.communicate(timeout=30)
    wait_for(lambda: gone(worker))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who was started by whom")
def test_a_killed_controller_takes_a_busy_worker_along_and_what_its_fixtures_started(pytester):
    process, worker = start(pytester, "-k", "computes", source=SERVES)
    process.kill()
    process.communicate(timeout=30)
    wait_for(lambda: gone(worker), 10)
    wait_for(lambda: gone(int((pytester.path / "server").read_text())), 10)


@pytest.mark.slow
def test_a_killed_controller_takes_a_stopped_worker_and_its_children_along(pytester):
    """As the idle process of a pair is stopped, with all that it has started."""
    process, worker = start(pytester, source=FORKS)
    child = wait_for(lambda: int((pytester.path / "child").read_text()))
    try:
        os.killpg(worker, signal.SIGSTOP)
        process.kill()
        process.communicate(timeout=30)
        wait_for(lambda: gone(worker), 10)
        wait_for(lambda: gone(child), 10)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker, signal.SIGKILL)
