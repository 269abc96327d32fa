"""Order, words and what is asked of the reader."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.reasons import Beside, Cleared, Disturbed, DisturbedBaseline, MachineMoved, SameCode
from pytest_modelbench.core.session import Absence, Absent, Check, Outcome, Renamed, Session, TestResult, elsewhere
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report import markdown, notices, summary, terminal
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
    assert notices.accept_of(["t.py::t[1 x]"], of(*(f"t.py::t[{i} x]" for i in range(9))), ACCEPT) == (
        "ACCEPT 't.py::t[1 x]'"
    )


def of(*tests: str) -> Session:
    return replace(FINE, tests=tuple(TestResult(test, Outcome.PASSED, 0) for test in tests), checks=())


MANY = [f"t.py::t[{i}]" for i in range(6)]


@pytest.mark.parametrize(
    ("others", "arguments"),
    [
        (["u.py::t"], "t.py"),
        (["t.py::other"], "t.py::t"),
        (["t.py::tt", "u.py::t"], "t.py::t"),
        (["t.py::t[8]"], " ".join(f"'{test}'" for test in MANY)),
    ],
)
def test_many_changed_tests_are_accepted_by_what_holds_no_others(others: list[str], arguments: str) -> None:
    """A regression beside eight gains must not be accepted with them."""
    session = of(*MANY, *others)
    assert notices.accept_of(MANY, session, Told("ACCEPT", selection="some/folder")) == f"ACCEPT {arguments}"
    assert notices.accept_of(MANY, session, Told("ACCEPT", selection="-k 'a or b' -m slow t.py")) == (
        f"ACCEPT -k 'a or b' -m slow {arguments}"
    )


def test_all_tests_are_accepted_by_what_chose_them() -> None:
    assert notices.accept_of(MANY, of(*MANY), Told("ACCEPT", selection="-k x")) == "ACCEPT -k x"
    assert notices.accept_of(["t.py::t"], of("t.py::t"), ACCEPT) == "ACCEPT"


def test_where_nothing_is_stored_nothing_is_accepted() -> None:
    assert notices.accept_of(MANY, of(*MANY), Told("", selection="-k x")) == ""


@pytest.mark.parametrize(
    ("selection", "arguments"),
    [
        ("t.py::t u.py", "t.py::t"),
        ("'t.py::t[0]' 't.py::t[1]' u.py", " ".join(f"'{test}'" for test in MANY)),
        ("--deselect t.py::other --ignore s.py", "--deselect t.py::other --ignore s.py t.py::t"),
    ],
)
def test_what_the_session_left_out_is_not_accepted_with_its_file(selection: str, arguments: str) -> None:
    assert notices.accept_of(MANY, of(*MANY, "u.py::t"), Told("ACCEPT", selection=selection)) == f"ACCEPT {arguments}"


def test_a_folder_without_baselines_is_accepted_without_what_regressed_elsewhere() -> None:
    new, worse = check("r", "latency", Verdict.NEW, 0.1), check("s", "macs", Verdict.REGRESSED, 12, 10, test="t.py::s")
    session = replace(FINE, checks=(new, worse), ungated={FOLDER: 1})
    notice = notices.notices(session, ACCEPT)[0]
    assert (notice.text[:18], notice.command) == ("NOT GATED: 1 check", f"ACCEPT '{new.key.test}'")


def test_a_gain_is_not_accepted_with_what_the_same_test_lost() -> None:
    both = [
        check("r", "latency", Verdict.IMPROVED, 0.1, 0.2, test="t.py::a"),
        check("r", "macs", Verdict.REGRESSED, 12, 10, test="t.py::a"),
        check("s", "latency", Verdict.IMPROVED, 0.1, 0.2, test="t.py::b"),
        check("s", "macs", Verdict.OK, 1, 1, test="t.py::c"),
    ]
    gain, change = notices.notices(replace(FINE, checks=tuple(both)), ACCEPT)
    assert (gain.text[:11], gain.command) == ("1 improved:", "ACCEPT t.py::b")
    assert change.command == "ACCEPT t.py::a"


def test_a_prediction_says_for_which_device_and_one_that_does_not_is_left_out() -> None:
    bare = check("net", "predicted_latency", Verdict.REGRESSED, 0.12, 0.1, ratio=1.2)
    figures = {"device": "t4", "held_up_by": "bandwidth"}
    whole = replace(bare, measurements=(replace(bare.measurements[-1], figures=figures),))
    told = [one.items for one in notices.notices(replace(FINE, checks=(bare, whole))) if "predicted" in one.text]
    assert told == [("net: +20.0% on t4 (limited by bandwidth)",)]
    assert not any("predicted" in one.text for one in notices.notices(replace(FINE, checks=(bare,))))


def renamed(*tests: tuple[str, str], verdicts: Sequence[Verdict]) -> Session:
    """A session in which ``tests``, old and new, have no baseline, and one entry each is left without a test."""
    news = [check("r", "macs", Verdict.NEW, 10, test=new) for _, new in tests]
    then = {Verdict.OK: 10, Verdict.REGRESSED: 8}
    checks = [
        check("r", "macs", verdict, 10, then[verdict], test=new)
        for (_, new), verdict in zip(tests, verdicts, strict=True)
    ]
    absent = [Absent(CheckKey(old, "macs"), Absence.GONE) for old, _ in tests]
    old, new = tests[0] if len(tests) == 1 else ("a.py", "b.py")
    known = [check("s", "macs", Verdict.OK, 1, 1, test="t.py::s")]
    found = Renamed(old, new, tests, tuple(checks))
    return replace(FINE, checks=(*known, *news), absent=tuple(absent), renamed=(found,))


def test_a_renamed_test_is_told_with_how_it_would_stand_and_is_neither_pruned_nor_accepted() -> None:
    (notice,) = notices.notices(renamed(("a.py::t[1]", "a.py::u[1]"), verdicts=[Verdict.REGRESSED]))
    assert notice == summary.Notice(
        "NOT GATED: 1 baseline entry of a.py::t[1] has no test; if the test is now called a.py::u[1], keep them with "
        "the last command",
        (
            "macs would be regressed: 8 -> 10 (+2), no change is tolerated",
            "if it is gone for good:  pytest-modelbench prune --test 'a.py::t[1]'",
        ),
        "pytest-modelbench rename 'a.py::t[1]' 'a.py::u[1]'",
        short="NOT GATED: 1 baseline entry of a.py::t[1] has no test",
    )


def test_of_a_renamed_module_what_would_not_be_ok_is_listed_and_the_rest_counted() -> None:
    tests = [(f"a.py::t[{n}]", f"b.py::t[{n}]") for n in range(3)]
    (notice,) = notices.notices(
        renamed(*tests, verdicts=[Verdict.OK, Verdict.REGRESSED, Verdict.OK]), Told(baselines="bl")
    )
    assert notice.items[:-1] == (
        "b.py::t[1] macs would be regressed: 8 -> 10 (+2), no change is tolerated",
        "2 checks of 3 tests would be ok",
    )
    assert notice.items[-1].startswith("if it is gone for good:  pytest-modelbench prune --baselines bl --test ")
    assert notice.command == "pytest-modelbench rename --baselines bl a.py b.py"


def test_what_was_not_gated_is_said_with_the_command() -> None:
    (notice,) = notices.notices(replace(FINE, ungated={"cpu-x": 4}), Told("ACCEPT", "bench/base"))
    assert notice.text == ("NOT GATED: 4 checks have no baseline in bench/base/cpu-x: nothing there yet; accept with")
    assert notice.command == "ACCEPT"


def test_a_listed_model_that_tests_measure_too_is_told_with_those_tests() -> None:
    listed, own = "modelbench-models::inference[timm:resnet50-b1-fp32]", ["test_it.py::test_a", "test_it.py::test_b"]
    metrics = ["macs", "parameters", "peak_live_memory"]
    checks = {
        (test, metric): check("resnet50-b1-224-fp32", metric, Verdict.OK, 5.0, 5.0, test=test)
        for test in [listed, *own]
        for metric in metrics
    }

    def told(*left: Check) -> list[tuple[str, tuple[str, ...]]]:
        found = notices.notices(replace(FINE, checks=left))
        return [(one.text, one.items) for one in found if "listed" in one.text]

    by_listed = [checks[listed, metric] for metric in metrics]
    ((text, items),) = told(*by_listed, checks[own[0], "macs"], checks[own[0], "parameters"], checks[own[1], "macs"])
    assert text.startswith("warning: 1 listed model that tests measure, too, at twice the time; ")
    assert items == (f"{listed}: 2 checks of {own[0]}, 1 check of {own[1]}",)
    assert told(*by_listed) == []
    assert told(*by_listed, replace(checks[own[0], "macs"], case=NamedCase("resnet50-b8-224-fp32"))) == []
    assert (
        told(*by_listed, check("resnet50-b1-224-fp32", "macs", Verdict.OK, 5.0, 5.0, test=own[0], name="twice")) == []
    )


def test_environments_that_have_baselines_are_named_with_what_differs() -> None:
    there = {"cpu": {"device": "cpu", "cores": 4, "model": "f26m2"}, "gpu": {"device": "cuda"}, "same": HERE.identity,
             "like": {"device": "cpu", "cores": 4}}  # fmt: skip
    session = replace(FINE, ungated={"cpu-x": 1, "portable": 2}, elsewhere={"cpu-x": elsewhere(there, HERE)})
    told, portable = notices.notices(session, Told("ACCEPT", "bench/base"))
    assert told.text == (
        "NOT GATED: 1 check has no baseline in bench/base/cpu-x: nothing there yet; there are baselines of 3 other "
        "environments (what differs, there -> here)"
    )
    assert told.items == (
        "like: cores 4 -> 2",
        "cpu: cores 4 -> 2, model f26m2 -> f6m1",
        "gpu: device cuda -> cpu",
        "accept baselines for this environment with",
    )
    assert (told.command, portable.items) == ("ACCEPT", ())


HERE = Environment("cpu", "a CPU", "cpu-x", {"device": "cpu", "cores": 2, "model": "f6m1"}, {})


def test_what_a_disturbed_machine_left_open_is_said_once() -> None:
    upset = [
        check(f"net{number}", metric, Verdict.INCONCLUSIVE, 0.1, 0.1, reasons=(Disturbed(5, 5, f"steal {number}%"),))
        for number in range(1, 13)
        for metric in ("latency", "throughput")
    ]
    noisy = check("other", "latency", Verdict.INCONCLUSIVE, 0.1, 0.1)
    told, other = notices.notices(replace(FINE, checks=(*upset, noisy)))
    assert told.text == (
        "24 checks of 12 tests are undecided, which does not count as ok: the machine was disturbed (steal 1%); run "
        "the same again when it is less busy; pytest-modelbench doctor says how busy it is"
    )
    assert (told.items, told.short) == ((), "24 checks of 12 tests are undecided: the machine was disturbed")
    assert other.text == "1 check is undecided, which does not count as ok"


SAME = MachineMoved(SameCode(), 1.2)
BESIDE = MachineMoved(Cleared(Beside("commit abc", 3, 0), faster=False), 0.8)


@pytest.mark.parametrize(
    ("moved", "lead", "blame"),
    [
        ([SAME], "1 of 2 noisy checks surely differs from its baseline (+20.0%)", "code, versions, settings and "),
        (
            [BESIDE],
            "1 of 2 noisy checks surely differs from its baseline (-20.0%)",
            "beside the baseline's code, this ",
        ),
        (
            [BESIDE, SAME],
            "2 of 3 noisy checks surely differ from their baseline (-20.0% to +20.0%)",
            "the code is that of the baseline, or no slower; ",
        ),
    ],
)
def test_a_machine_that_moved_is_told_by_how_much_and_why_no_code_is_to_blame(moved, lead, blame) -> None:
    verdicts = [Verdict.UNCHANGED if reason is SAME else Verdict.OK for reason in moved]
    checks = [
        check(f"net{number}", "latency", verdict, 0.101, 0.1, reasons=(reason,))
        for number, (verdict, reason) in enumerate(zip(verdicts, moved, strict=True))
    ]
    (told,) = notices.notices(replace(FINE, checks=(*checks, check("calm", "latency", Verdict.OK, 0.1, 0.1))))
    assert told.short == f"THE MACHINE MOVED: {lead}"
    assert told.text.startswith(f"{told.short}; {blame}")


def test_a_band_that_is_wider_beside_a_disturbed_baseline_is_shown() -> None:
    wide = check("net", "latency", Verdict.OK, 0.107, 0.1, reasons=(DisturbedBaseline(12, 0.02, 1.0883),))
    (line,) = summary.lines(replace(FINE, checks=(wide,)))
    assert line.band == "5% -> 8.8%"


def test_what_pytest_lists_beside_is_not_listed_again() -> None:
    failed = (TestResult("t.py::t", Outcome.FAILED, 0, "ValueError: no\nmore"),)
    (alone,) = notices.notices(replace(FINE, checks=(), tests=failed))
    (beside,) = notices.notices(replace(FINE, checks=(), tests=failed), Told(failures_listed=True))
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
    (notice,) = notices.notices(replace(FINE, tests=tests))
    assert notice.items[-1] == "and 3 more"
    assert len(notice.items) == 6


def test_a_test_that_measures_nothing_is_named() -> None:
    tests = (
        TestResult("t.py::one", Outcome.PASSED, 0, idle=("modelbench",)),
        TestResult("t.py::two", Outcome.PASSED, 0),
    )
    (notice,) = notices.notices(replace(FINE, tests=tests, checks=()))
    assert notice.text == notice.short == "NOT GATED: 1 test measured nothing"
    assert notice.items == ("t.py::one  takes modelbench and records nothing, so that nothing of it is gated",)


def test_an_interrupted_session_asks_for_nothing_to_be_accepted() -> None:
    found = notices.notices(replace(SESSION, interrupted=True, ungated={}))
    assert found[0].text.startswith("INTERRUPTED")
    assert not any("--update-baselines" in notice.command for notice in found)


@given(st.text(max_size=40))
def test_markdown_cells_hold_any_text(case: str) -> None:
    session = replace(FINE, checks=(check(case, "latency", Verdict.REGRESSED, 0.2, 0.1, test="t"),))
    rows = [line for line in markdown.render(session).split("\n") if line.startswith("|")]
    assert len(rows) == 3
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", rows[-1])) == 8
    assert not re.search(r"<(?!/?(details|summary))", rows[-1])
