"""Tests that pytest-rerunfailures repeats: what is measured twice counts once, in rounds as in pairs."""

import json
import subprocess

import pytest

#: Fails at its first attempt in each process, after it has measured; as slow as a file says.
FLAKY = """
from pathlib import Path

attempts = []

def test_lap(modelbench):
    attempts.append("another")
    modelbench.record("lap", float(Path("lap.txt").read_text()), unit="s", scope="device", noisy=True)
    modelbench.record("attempts", len(attempts), better="equal")
    assert len(attempts) == 2, "a bad day"
"""


@pytest.fixture
def checks(pytester):
    """What the last session made of each check: its judgement, and how often it was measured."""

    def read():
        session = json.loads((pytester.path / "results.json").read_text())["session"]
        return {one["key"][1]: (one["judgement"], len(one["measurements"])) for one in session["checks"]}

    return read


@pytest.fixture
def lap(pytester):
    """Says how long a lap takes, which is 1 s at first."""

    def write(seconds):
        (pytester.path / "lap.txt").write_text(seconds)

    write("1.0")
    return write


@pytest.fixture
def committed(pytester, monkeypatch, lap):
    """The project as a commit, whose pairs are looked at after four of them."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path.parent / "cache"))
    pytester.makepyprojecttoml("[tool.modelbench]\npairs = [4]\n")
    pytester.makepyfile(test_it=FLAKY)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "one second"]):
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
        subprocess.run(["git", *who, *command], cwd=pytester.path, capture_output=True, check=True)


@pytest.mark.slow
def test_in_rounds_it_counts_once_a_process(bench, accept, stored, checks, lap):
    accepted = accept("--reruns=1", source=FLAKY)
    accepted.stdout.fnmatch_lines(["*1 passed, 1 rerun*"])
    entry = stored()["portable"]["test_it.py::test_lap"]["attempts"]
    assert entry["value"] == 2  # that of the attempt that passed
    result = bench("--reruns=1", "--modelbench-json=results.json", rounds="2")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*1 passed, 1 rerun*"])
    assert {name: count for name, (_, count) in checks().items()} == {"lap": 2, "attempts": 2}


def test_a_test_that_fails_however_often_it_is_repeated_fails(bench, lap):
    result = bench("--reruns=2", source=FLAKY.replace("== 2", "== 9"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: a bad day*", "*1 failed, 2 rerun*"])


@pytest.mark.slow
def test_in_pairs_it_counts_once_a_pair(bench, checks, committed, lap):
    lap("1.5")
    result = bench("--reruns=1", "--modelbench-against=HEAD", "--modelbench-json=results.json", "-v")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*modelbench: pair 4 of 4 beside HEAD (*): 1 test*",
            "*lap regressed by +50.0%*",
            "*side by side with HEAD (*) in 4 pairs*",
        ]
    )
    judgement, measured = checks()["lap"]
    assert (judgement["pairs"], measured) == (4, 4)


def test_inline_the_last_attempt_counts(bench, checks, lap):
    result = bench("--modelbench-inline", "--reruns=1", "--modelbench-json=results.json", source=FLAKY)
    result.stdout.fnmatch_lines(["*1 passed, 1 rerun*"])
    found = {name: (judgement["value"], measured) for name, (judgement, measured) in checks().items()}
    assert found == {"lap": (1.0, 1), "attempts": (2.0, 1)}
