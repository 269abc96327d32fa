"""Order, words and what is asked of the reader."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.session import Outcome, TestResult
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report import markdown, summary, terminal
from pytest_modelbench.report.summary import Standing, Told
from pytest_modelbench.report.terminal import Look
from tests.unit.report_sessions import CHECKS, FINE, FOLDER, SESSION, check

ACCEPT = Told("ACCEPT")


def test_trouble_is_on_top_then_case_then_metric() -> None:
    found = summary.lines(replace(SESSION, checks=tuple(reversed(CHECKS))))
    standings = [line.standing for line in found]
    assert standings == sorted(standings, key=list(Standing).index)
    assert set(standings) == set(Standing)
    regressed = [(line.case, line.metric) for line in found if line.standing is Standing.REGRESSED]
    assert regressed == sorted(regressed)


def test_a_new_check_is_missing_its_baseline_only_where_others_have_theirs() -> None:
    new = check("r", "latency", Verdict.NEW, 0.1)
    session = replace(FINE, checks=(new,))
    assert summary.tally(session) == "1 without baseline"
    assert summary.tally(replace(session, ungated={FOLDER: 1})) == "1 new"
    assert summary.tally(replace(session, updating=True)) == "1 new"


def test_cases_that_two_tests_measure_go_by_the_tests() -> None:
    twice = tuple(check("r", "latency", Verdict.OK, 0.1, 0.1, test=f"t.py::test_{name}") for name in "ab")
    once = check("r", "macs", Verdict.OK, 1, 1, test="t.py::test_a")
    found = summary.lines(replace(FINE, checks=(*twice, once)))
    assert [(line.case, line.metric) for line in found] == [
        ("r", "macs"),
        ("t.py::test_a", "latency"),
        ("t.py::test_b", "latency"),
    ]


def test_few_changed_tests_are_accepted_by_name() -> None:
    session = replace(FINE, tests=tuple(TestResult(f"t.py::t[{i} x]", Outcome.PASSED, 0) for i in range(9)), checks=())
    assert summary.accept_of(["t.py::t[1 x]"], session, ACCEPT) == "ACCEPT 't.py::t[1 x]'"
    assert summary.accept_of([f"t.py::t[{i} x]" for i in range(8)], session, ACCEPT) == "ACCEPT"


def test_all_tests_are_accepted_without_naming_them() -> None:
    session = replace(FINE, tests=(TestResult("t.py::t", Outcome.FAILED, 0),), checks=())
    assert summary.accept_of(["t.py::t"], session, ACCEPT) == "ACCEPT"


def test_what_was_not_gated_is_said_with_the_command() -> None:
    (notice,) = summary.notices(replace(FINE, ungated={"cpu-x": 4}), Told("ACCEPT", "bench/base"))
    assert notice.text == ("NOT GATED: 4 checks have no baseline in bench/base/cpu-x: nothing there yet; accept with")
    assert notice.command == "ACCEPT"


def test_what_pytest_lists_beside_is_not_listed_again() -> None:
    failed = (TestResult("t.py::t", Outcome.FAILED, 0, "ValueError: no\nmore"),)
    (alone,) = summary.notices(replace(FINE, checks=(), tests=failed))
    (beside,) = summary.notices(replace(FINE, checks=(), tests=failed), Told(failures_listed=True))
    assert alone.text == beside.text == "NOT GATED: 1 test failed, so nothing of it was compared"
    assert (alone.items, beside.items) == (("t.py::t  ValueError: no",), ())


def test_where_nothing_is_compared_no_column_is_about_it() -> None:
    new = check("r", "latency", Verdict.NEW, 0.1)
    assert terminal.render(replace(FINE, checks=(new,)), Look(80)).splitlines()[:2] == [
        "case  metric      now  band  verdict",
        "r     latency  100 ms    5%  no baseline",
    ]


def test_long_lists_are_cut_and_counted() -> None:
    tests = tuple(TestResult(f"t.py::t{i}", Outcome.SKIPPED, 0) for i in range(8))
    (notice,) = summary.notices(replace(FINE, tests=tests))
    assert notice.items[-1] == "and 3 more"
    assert len(notice.items) == 6


def test_an_interrupted_session_asks_for_nothing_to_be_accepted() -> None:
    notices = summary.notices(replace(SESSION, interrupted=True, ungated={}))
    assert notices[0].text.startswith("INTERRUPTED")
    assert not any("--update-baselines" in notice.command for notice in notices)


@given(st.text(max_size=40))
def test_markdown_cells_hold_any_text(case: str) -> None:
    session = replace(FINE, checks=(check(case, "latency", Verdict.REGRESSED, 0.2, 0.1, test="t"),))
    rows = [line for line in markdown.render(session).split("\n") if line.startswith("|")]
    assert len(rows) == 3
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", rows[-1])) == 8
    assert not re.search(r"<(?!/?(details|summary))", rows[-1])
