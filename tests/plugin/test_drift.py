"""What a session makes of a level that changed within its band, as its history tells."""

import pytest

TEST = """
def test_one(modelbench):
    modelbench.record("answer", {}, better="lower", band="5%")
"""


def nights(bench, *values, last=()):
    bench("--update-baselines", source=TEST.format(100)).assert_outcomes(passed=1)
    *earlier, newest = values
    for value in earlier:
        bench("--modelbench-history=nights", source=TEST.format(value)).assert_outcomes(passed=1)
    return bench("--modelbench-history=nights", *last, source=TEST.format(newest))


@pytest.mark.parametrize(("what", "status"), [("warn", 0), ("fail", 1)])
def test_a_step_within_the_band_is_told_or_fails_the_session(bench, what, status):
    result = nights(bench, 100, 102, last=[f"--modelbench-drift={what}"])
    result.assert_outcomes(passed=1)
    assert result.ret == status
    result.stdout.fnmatch_lines(
        [
            "DRIFT: 1 check changed for the worse within the last 10 nights:",
            "        * answer +2.0% (portable)",
            "if that is intended, start from a baseline of now:",
            "    pytest-modelbench prune --test test_it.py::test_one --check answer",
            "    pytest --modelbench * --update-baselines test_it.py::test_one",
        ]
    )


def test_nothing_is_told_of_what_stayed_or_was_not_asked(bench):
    result = nights(bench, 100, 100, last=["--modelbench-drift=fail"])
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*DRIFT*")
    result = bench("--modelbench-history=nights", source=TEST.format(102))
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*DRIFT*")


def test_a_gate_without_a_history_is_refused_before_anything_is_measured(bench):
    result = bench("--modelbench-drift=fail", source=TEST.format(100))
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*--modelbench-drift looks at a history, and there is none: name its folder with*"])


def test_a_history_that_cannot_be_read_lets_no_gate_pass(pytester, bench):
    (pytester.path / "nights").write_text("in the way")
    result = bench("--modelbench-history=nights", "--modelbench-drift=fail", source=TEST.format(100))
    result.assert_outcomes(passed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["DRIFT NOT LOOKED AT: *nights*"])
