"""Plugins that stop time, and that stop tests when it is over."""

import pytest

FROZEN = """
import freezegun

def test_one(modelbench):
    with freezegun.freeze_time("2020-01-01"):
        modelbench.latency(lambda: sum(range(1000)), case="sum")
"""

HANGS = """
import time

def test_hangs(modelbench):
    time.sleep(60)

def test_other(modelbench):
    modelbench.record("answer", 1)
"""


@pytest.mark.citizens
@pytest.mark.slow
def test_a_test_that_freezes_time_is_timed_all_the_same(bench, results):
    pytest.importorskip("freezegun")
    bench("--modelbench-json=results.json", source=FROZEN).assert_outcomes(passed=1)
    assert 1e-6 < results()["latency"] < 1e-2


@pytest.mark.slow
def test_stacks_that_pytest_timeout_writes_before_it_ends_a_process_are_told(bench, beside):
    beside("pytest-timeout")
    result = bench("--timeout=1", "--timeout-method=thread", source=HANGS)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*in test_hangs", "    time.sleep(60)", "*Timeout*"])


@pytest.mark.slow
def test_the_time_of_a_session_is_one_for_all_its_workers(bench, beside):
    beside("pytest-timeout")
    result = bench("--session-timeout=2", source=HANGS)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*test_hangs  not measured: the time budget of 2.0 s was used up (--session-timeout)*"]
    )
