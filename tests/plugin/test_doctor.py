"""The doctor as people call it, and a small trial with real workers."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_modelbench.cli import main
from pytest_modelbench.cli.command import REFUSED, UNUSABLE
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.doctor.cases import CASES
from pytest_modelbench.doctor.trial import TrialPlan, run_trial

RUN = """
import json, sys
from pytest_modelbench.cli import main
status = main(sys.argv[1:])
print(json.dumps([status, [name for name in ("torch", "numpy", "timm", "pytest") if name in sys.modules]]))
"""


def doctor(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", RUN, "doctor", *arguments], capture_output=True, text=True, check=False
    )
    said, _, last = done.stdout.rstrip().rpartition("\n")
    return said, done.stderr, *json.loads(last)


@pytest.mark.slow
def test_looking_measures_nothing_and_loads_nothing_heavy():
    said, error, status, heavy = doctor("--minutes", "0", "--json", "--device=cpu")
    report = json.loads(said)
    assert report["machine"]["cores"] >= 1
    assert report["trial"] is None
    problems = [finding for finding in report["findings"] if finding["kind"] == "problem"]
    assert (status, heavy, error) == (1 if problems else 0, [], "")


@pytest.mark.slow
def test_the_text_says_what_to_do():
    said, _, _, _ = doctor("--minutes", "0", "--device=cpu")
    assert said.startswith("machine  ")
    assert "what to do\n1. " in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--minutes", "-1"], "'-1' is not a number of minutes; write for example 3, or 0 to only look"),
        (["--minutes", "nan"], "'nan' is not a number of minutes"),
        (["--minutes", "three"], "'three' is not a number of minutes"),
        (["--threads", "0"], "'0' is not a whole number of at least 1"),
        (["--thread", "1", "--extra"], "unrecognized arguments"),
    ],
)
def test_wrong_usage_is_told(arguments, told, capsys):
    assert main(["doctor", *arguments]) == UNUSABLE
    assert told in capsys.readouterr().err


def test_an_interrupt_while_looking_leaves_no_traceback(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_modelbench.doctor.examination.read_machine", interrupted)
    assert main(["doctor", "--json"]) == REFUSED
    assert capsys.readouterr() == ("", "pytest-modelbench: interrupted before there was a result\n")


@pytest.mark.slow
def test_a_device_that_is_not_there_is_refused_with_those_that_are():
    said, error, status, _ = doctor("--device", "cuda:99")
    assert (said, status) == ("", 4)
    assert "--device=cuda:99: " in error
    assert "Here are: cpu" in error


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find the worker")
def test_ctrl_c_ends_the_worker_and_tells_what_there_is():
    command = [sys.executable, "-m", "pytest_modelbench.cli", "doctor", "--device=cpu", "--json"]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        # Started in the background of a shell, it would ignore the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    while not (workers := children.read_text().split()):
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=60)
    report = json.loads(said)
    assert report["trial"]["interrupted"] is True
    assert report["trial"]["cases"] == []
    patience = time.monotonic() + 10  # one that was killed goes when whoever inherited it has taken notice
    while (left := [one for one in workers if Path(f"/proc/{one}").exists()]) and time.monotonic() < patience:
        time.sleep(0.05)
    assert left == []


@pytest.mark.slow
def test_every_case_is_a_model_of_timm():
    import timm

    assert [case.model for case in CASES if not timm.is_model(case.model)] == []


@pytest.mark.long
@pytest.mark.slow
def test_a_trial_measures_each_case_in_each_process_outside_of_any_project(pytester, monkeypatch):
    monkeypatch.setattr("pytest_modelbench.doctor.trial.CASES", CASES[1:3])
    # What the folder it is called in asks of pytest is not asked of the probe, and nothing is left there.
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\nrequired_plugins = ['no-such-plugin']\n")
    before = {path.name for path in pytester.path.iterdir()}
    trial = run_trial(Settings(device="cpu"), TrialPlan(0.0, fewest=2, most=2))
    assert trial.failures == {}
    assert trial.processes == 2
    assert list(trial.cases) == ["efficientnet_b0-b1-160-fp32", "mobilenetv3_small_100-b1-224-fp32"]
    for measured in trial.cases.values():
        assert len(measured) == 2
        assert all(one.latency_s > 0 for one in measured)
    assert trial.environment is not None
    assert trial.environment.identity["threads"] == 1
    assert {path.name for path in pytester.path.iterdir()} == before


OWN = """
import random

def test_noisy(modelbench):
    modelbench.record("lap", 1 + 0.01 * random.SystemRandom().random(), unit="s", noisy=True)

def test_exact(modelbench):
    modelbench.record("answer", 42)

def test_plain():
    raise AssertionError("no benchmark")
"""


@pytest.mark.slow
def test_tests_of_ones_own_are_measured_beside_themselves(pytester, capsys):
    """A project that is no repository, with settings of its own."""
    pytester.makepyprojecttoml("[tool.modelbench]\npairs = [2, 4]\nmissing = 'fail'\n")
    pytester.makepyfile(test_own=OWN)
    status = main(["doctor", "--device=cpu", "--minutes=3", "--json", "test_own.py"])
    told = json.loads(capsys.readouterr().out)
    (lap,) = told["own"]["checks"]
    assert (lap["test"], lap["name"], lap["pairs"]) == ("test_own.py::test_noisy", "lap", 4)
    assert 0 < lap["spread"] < 0.02
    assert lap["drawn"]["alarms"] <= 0.05
    assert (told["own"]["exact"], told["own"]["vary"], told["own"]["failures"]) == (1, [], {})
    assert status == (REFUSED if any(one["kind"] == "problem" for one in told["findings"]) else 0)
    left = {path.name for path in pytester.path.iterdir()} - {"__pycache__", ".benchmarks"}
    assert left == {"pyproject.toml", "test_own.py"}


@pytest.mark.slow
def test_where_nothing_is_a_benchmark_that_is_said(pytester, capsys):
    pytester.makepyfile(test_own="def test_plain():\n    pass\n")
    assert main(["doctor", "--device=cpu", "test_own.py"]) == UNUSABLE
    assert "--modelbench: no benchmark test was selected; 1 tests were collected" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no/such.py::test_a"], "there is no no/such.py; name a folder, a file or a test as pytest takes it"),
        (["--minutes=0", "test_own.py"], "--minutes 0 only looks at the machine: leave the tests out"),
    ],
)
def test_what_cannot_be_measured_is_an_error_at_once(pytester, capsys, arguments, told):
    pytester.makepyfile(test_own=OWN)
    assert main(["doctor", "--device=cpu", *arguments]) == UNUSABLE
    assert told in capsys.readouterr().err


def test_settings_that_compare_with_other_code_are_named(pytester, capsys):
    pytester.makepyprojecttoml("[tool.modelbench]\nagainst = 'main'\n")
    pytester.makepyfile(test_own=OWN)
    assert main(["doctor", "--device=cpu", "test_own.py"]) == UNUSABLE
    assert "the settings say what to compare with (against)" in capsys.readouterr().err
