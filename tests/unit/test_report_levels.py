"""Changes of level in words: what changed with them, the command that finds the commit, and nothing that drives."""

from __future__ import annotations

import json
from dataclasses import replace

from pytest_modelbench.cli import main
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.session import Stamp
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.levels import levels
from pytest_modelbench.report.history import plain, render_nights
from pytest_modelbench.report.levels import change_lines, creep_lines
from pytest_modelbench.store.history import keep
from tests.unit.report_sessions import EMPTY, ENVIRONMENT, check
from tests.unit.test_judge_levels import months, night, series

TEST = "t.py::test_a[x]"


def said(*nights: object, case: str = "net", better: str = "lower") -> list[str]:
    return change_lines(levels([replace(series(list(nights), better), case=case)]))


def test_where_the_commit_alone_changed_the_command_that_finds_it_is_told():
    assert said(night(1), night(12, 103.0)) == [
        "2026-02-13, 0000000000..0000000000",
        "    net size +3.0% (portable)",
        "    pytest-modelbench bisect 0000000000..0000000000 't.py::test_a[x]'",
    ]


def test_what_else_changed_is_told_in_its_place():
    facts = {"torch": "2.15", "driver": "570"}
    lines = said(night(1, facts={"torch": "2.14", "driver": "565"}), night(2, 99.0, facts=facts))
    assert lines == [
        "2026-02-03, 0000000000..0000000000: torch 2.14 -> 2.15, driver 565 -> 570",
        "    net size -1.0% (portable)",
    ]
    many = {f"fact{number}": number for number in range(9)}
    (lead, _) = said(night(1, facts=many), night(2, 99.0, facts=dict.fromkeys(many, -1)))
    assert lead.endswith("fact3 3 -> -1, 5 others")


def test_of_one_commit_it_may_be_the_machine_and_of_none_nothing_is_known():
    assert said(night(1, commit="a" * 40), night(2, 99.0, commit="a" * 40))[0] == (
        "2026-02-03, at aaaaaaaaaa: no known fact changed, so it may be the machine"
    )
    assert said(night(1, commit=None), night(2, 99.0)) == ["2026-02-03", "    net size -1.0% (portable)"]


def test_what_changed_in_one_night_is_told_together_and_the_newest_first():
    found = levels([replace(series([night(1), night(2, 101.0), night(3, 99.0)]), name=f"n{at}") for at in range(7)])
    lines = change_lines(found)
    assert [line[:10] for line in lines if not line.startswith(" ")] == ["2026-02-04", "2026-02-03"]
    assert lines[1:7] == [*(f"    net n{at} -2.0% (portable)" for at in range(5)), "    and 2 other checks"]
    long = levels([series([night(at, 100.0 + at) for at in range(12)])])
    assert change_lines(long)[-1] == "and in 3 nights before"


def test_a_change_too_small_for_a_percentage_and_one_from_nothing_are_told_in_the_unit():
    assert said(night(1, 100_000_000.0), night(2, 100_000_001.0))[1] == "    net size +1 B (portable)"
    assert said(night(1, 0.0), night(2, 2.0))[1] == "    net size +2 B (portable)"


def test_creeping_is_told_with_the_baseline_that_it_began_from():
    found = levels([months(0.01, last=1.01)])
    assert creep_lines(found) == [
        "net size +3.0% since the baseline of 2026-01-01, 2 acceptances ago; its band is 2.5% (portable)"
    ]
    assert creep_lines(levels([months(0.01)])) == []
    assert len(creep_lines(levels([months(0.01)]), beyond=False)) == 1


def test_names_cannot_drive_the_terminal():
    evil = "\x1b[2J\u202e</script>\n" + "x" * 10_000
    facts = {"torch": evil}
    lines = said(night(1, commit=evil), night(2, 99.0, commit=evil[::-1], facts=facts), case=evil)
    assert not any("\x1b" in line or "\u202e" in line or "\n" in line for line in lines)
    rendered = render_nights(levels([replace(series([night(1), night(2, 99.0)]), folder=evil)])[0], 80, colour=False)
    assert "\x1b" not in rendered


def test_machines_get_plain_values_and_of_facts_what_changed():
    (found,) = levels([series([night(1), night(2, 101.0, facts={"torch": "2.15"})])])
    told = json.loads(json.dumps(plain(found)))
    first, second = told["nights"]
    assert "facts" not in first
    assert "changed" not in first
    assert second["changed"] == ["torch 2.14 -> 2.15"]
    assert told["changes"] == [
        {"first": night(2).session, "last": night(1).session, "commits": [night(1).commit, night(2).commit],
         "ratio": 1.01, "worse": True, "changed": ["torch 2.14 -> 2.15"]}
    ]  # fmt: skip
    assert told["creep"] is None
    assert json.loads(json.dumps(plain(levels([months(0.01, last=1.01)])[0])))["creep"]["acceptances"] == 2


def test_the_command_has_the_last_step_and_what_changed_below(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    for day, value in ((1, 7), (2, 7), (3, 8)):
        one = replace(check("net", METRICS["macs"], Verdict.OK, value, 7), environment=ENVIRONMENT.slug)
        two = replace(check("other", METRICS["macs"], Verdict.OK, 5, 5), environment=ENVIRONMENT.slug)
        stamp = Stamp(f"2026-11-{day:02}T08:00:00.000Z", f"{day}" * 40)
        keep(tmp_path, replace(EMPTY, stamp=stamp, environments=(ENVIRONMENT,), checks=(one, two)))
    assert main(["history", "--history", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "+14.3% 2026-11-03  " in shown
    assert "levels that changed:\n  2026-11-03, 2222222222..3333333333\n      net macs +14.3% (portable)\n" in shown
    assert main(["history", "--history", str(tmp_path), "net"]) == 0
    shown = capsys.readouterr().out
    assert "      pytest-modelbench bisect 2222222222..3333333333 'tests/benchmarks/test_inf" in shown
    assert main(["history", "--history", str(tmp_path), "--environment", "portabel"]) == 4
    told = "the history has nothing of 'portabel'. Did you mean 'portable'? There are: portable"
    assert told in capsys.readouterr().err
