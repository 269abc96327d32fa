"""What a session makes of a level that changed within its band, as its history tells."""

import pytest

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.report.page import session as page
from pytest_modelbench.session import closing, hooks
from pytest_modelbench.store import history

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
            "DRIFT: 1 check got worse within the last 10 nights:",
            "        * answer +2.0% (portable)",
            "if that is intended, make the present level the baseline:",
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


def faulty(*_, **__):
    raise OverflowError("math range error")


FAULTY = ((page, "render"), (history, "keep"), (closing, "drift_of"), (hooks, "annotations_of"))


@pytest.mark.parametrize(("answer", "what", "status"), [(100, "warn", 0), (100, "fail", 1), (999, "warn", 1)])
def test_a_fault_of_what_comes_after_verdicts_leaves_them_and_the_exit_status(monkeypatch, bench, answer, what, status):
    bench("--update-baselines", source=TEST.format(100)).assert_outcomes(passed=1)
    for module, name in FAULTY:
        monkeypatch.setattr(module, name, faulty)
    asked = ["--modelbench-history=nights", f"--modelbench-drift={what}", "--modelbench-html=page.html"]
    result = bench(*asked, source=TEST.format(answer))
    result.assert_outcomes(passed=int(answer == 100), failed=int(answer != 100))
    assert result.ret == status
    result.stdout.fnmatch_lines(
        [
            "NOT KEPT in the history: OverflowError: math range error",
            "DRIFT NOT LOOKED AT: OverflowError: math range error",
            "NOT WRITTEN: OverflowError: math range error",
            "annotations NOT SHOWN: OverflowError: math range error",
        ]
    )


def test_a_night_that_could_not_be_kept_is_gated_all_the_same(pytester, bench, monkeypatch):
    def full(*_):
        raise BaselineError("nights: no space is left")

    nights(bench, 100, 100)
    monkeypatch.setattr(history, "keep", full)
    result = bench("--modelbench-history=nights", "--modelbench-drift=fail", source=TEST.format(102))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["NOT KEPT in the history: nights: no space is left", "DRIFT: 1 check got worse *"])
    assert len(list((pytester.path / "nights").iterdir())) == 2


def test_a_check_that_no_file_can_hold_is_named_and_the_others_are_kept(pytester, bench):
    source = TEST + "    modelbench.record('odd', 1, case=' ')\n"
    result = bench("--modelbench-history=nights", "--modelbench-drift=fail", source=source.format(100))
    result.stdout.fnmatch_lines(
        [
            "NOT KEPT in the history: 1 check with a value that no file can hold, such as 'test_it.py::test_one' *",
            "drift: the history has only this session, so there is nothing to compare with",
        ]
    )
    assert len(list((pytester.path / "nights").iterdir())) == 1
