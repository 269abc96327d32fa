"""Tests that break the process they run in, in real workers: does it cost them alone, and is nothing left of it?"""

from __future__ import annotations

import json
import random
from pathlib import Path

from pytest_modelbench import WORKER_VARIABLE
from tests.trials.faults.real_sessions import RealProject
from tests.trials.faults.told import Told

#: What a test may do to its process, as code.
FAULTS = {
    "leaves": "os._exit(0)",
    "leaves with a status": "os._exit(3)",
    "is killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "segfaults": "ctypes.string_at(0)",
    "aborts": "os.abort()",
    "is told to end": "os.kill(os.getpid(), signal.SIGTERM); time.sleep(600)",
    "is interrupted": "os.kill(os.getpid(), signal.SIGINT); time.sleep(600)",
    "stops": "os.kill(os.getpid(), signal.SIGSTOP)",
    "exits": "sys.exit(0)",
    "asks pytest to exit": "pytest.exit('enough', returncode=0)",
    "raises KeyboardInterrupt": "raise KeyboardInterrupt",
    "raises what is no exception": "raise GeneratorExit",
    "recurses": "(lambda f: f(f))(lambda f: f(f))",
    "recurses in C": "sys.setrecursionlimit(10**8); (lambda f: f(f))(lambda f: max([f], key=lambda g: g(g)))",
    "takes all memory": "resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9)); bytearray(10**12)",
    "has no files left": "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3)); open('/dev/null')",
    "may not write": "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); open('written', 'w').write('x' * 9999)",
    "sleeps for ever": "time.sleep(600)",
    "computes for ever": "while True: pass",
    "computes for ever in C": "re.match('(a*)*b', 'a' * 40)",
    "starts a thread that stays": "threading.Thread(target=time.sleep, args=(600,)).start()",
    "forks a child that comes back": "os.fork()",
    "forks a child that stays": "os.fork() or time.sleep(600); os.kill(os.getpid(), signal.SIGKILL)",
    "starts a process that stays": "subprocess.Popen(['sleep', '600'], start_new_session=True); os._exit(1)",
    "closes its output": "os.close(1); os.close(2)",
    "closes sys.stdout": "sys.stdout.close(); sys.stderr.close()",
    "closes all files": "os.closerange(3, 256)",
    "writes to all files": "[os.write(fd, b'garbage\\n' * 9) for fd in range(3, 40) if is_pipe(fd)]",
    "writes half a line to all files": "[os.write(fd, b'{') for fd in range(3, 40) if is_pipe(fd)]; os._exit(0)",
    "stops the clock": "time.perf_counter = time.monotonic = time.time = lambda: 0.0",
    "prints a lot": "print('x' * 30_000_000)",
    "fails with a lot": "assert 'x' * 9_000_000 == 'y' * 9_000_000",
    "raises what cannot be shown": "raise type('E', (Exception,), {'__str__': lambda e: 1 / 0, '__repr__': None})",
    "loses its folder": "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')",
    "hangs at its end": "import atexit; atexit.register(time.sleep, 600); os.kill(os.getpid(), signal.SIGINT)",
    "ignores signals": "[signal.signal(s, signal.SIG_IGN) for s in (2, 15, 1)]; time.sleep(600)",
}
PLACES = ("before it records", "after it recorded", "in its setup", "in its teardown", "on import")
_SOURCE = """
import ctypes, os, pytest, re, resource, signal, stat, subprocess, sys, threading, time

def is_pipe(fd):
    try:
        return stat.S_ISFIFO(os.fstat(fd).st_mode)
    except OSError:
        return False

def breaks():
    {fault}

if {place!r} == "on import" and os.environ.get({worker!r}):
    breaks()

@pytest.fixture
def around():
    if {place!r} == "in its setup":
        breaks()
    yield
    if {place!r} == "in its teardown":
        breaks()

def test_before(modelbench):
    modelbench.record("answer", 1)

@pytest.mark.modelbench(timeout="2s")
def test_breaks(modelbench, around):
    if {place!r} == "before it records":
        breaks()
    modelbench.record("answer", {answer})
    if {place!r} == "after it recorded":
        breaks()

def test_after(modelbench):
    modelbench.record("answer", 1)
"""
#: What faults make themselves.
_MEANT = ("written", "gone")
_TABLE = "[tool.modelbench]\ntimeout = '10s'\n"


class BrokenWorkers:
    """A project with a test that breaks, and one on either side of it; what it measures has regressed, too."""

    def __init__(self, folder: Path) -> None:
        self._project = RealProject(folder, {"pyproject.toml": _TABLE}, {"test_it.py", "results.json"})
        self._results = folder / "results.json"
        self._write("pass", "nowhere", answer=1)
        accepted = self._project.start("--update-baselines").end()
        if accepted.status != 0:
            raise RuntimeError(accepted.text)

    def trial(self, seed: str, fault: str, place: str) -> Told:
        """What came of ``fault`` at ``place``."""
        self._results.unlink(missing_ok=True)
        self._write(FAULTS[fault], place, answer=2)
        order = random.Random(seed).choice(["keep", "random"])
        session = self._project.start(
            "--modelbench-rounds=1", "--modelbench-json=results.json", f"--modelbench-order={order}"
        )
        ended = session.end()
        told = self._told(ended.status, place) or self._project.left_of(session, _MEANT)
        return (told or Told(place)).of(f"{fault} {place}, order {order}", ended.text)

    def _write(self, fault: str, place: str, answer: int) -> None:
        source = _SOURCE.format(fault=fault, place=place, answer=answer, worker=WORKER_VARIABLE)
        (self._project.root / "test_it.py").write_text(source)

    def _told(self, status: int | None, place: str) -> Told | None:
        if status is None:
            return Told("hung", fault=True)
        if status not in (0, 1, 4):
            return Told(f"exit status {status}", fault=True)
        if status != 1 or not self._results.exists():
            return Told(f"opened: exit status {status}", fault=True)
        tests = json.loads(self._results.read_text())["session"]["tests"]
        outcomes = {one["test"].partition("::")[2]: one["outcome"] for one in tests}
        if outcomes.get("test_breaks") != "failed":
            return Told(f"opened: the test that breaks {outcomes.get('test_breaks')}", fault=True)
        others = {outcomes.get("test_before"), outcomes.get("test_after")}
        if place != "on import" and others != {"passed"}:
            return Told(f"cost others: {outcomes}", fault=True)
        return None
