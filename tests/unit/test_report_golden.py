"""Whole reports against files in ``golden/``.

After a change that is meant, write them anew and read the difference before committing it:

    MODELBENCH_GOLDEN=write pytest tests/unit/test_report_golden.py
    git diff tests/unit/golden
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_modelbench.core.acceptance import Cause, Refusal
from pytest_modelbench.core.change import Change, ChangeKind
from pytest_modelbench.core.environment import Difference
from pytest_modelbench.core.measurement import CheckKey, Quality
from pytest_modelbench.core.reasons import MayBeAway, Since, Varies
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report import markdown, terminal
from pytest_modelbench.report.messages import Advice, failure
from pytest_modelbench.report.refusals import refusal_notices
from pytest_modelbench.report.summary import Told
from pytest_modelbench.report.terminal import Look
from tests.unit.report_sessions import (
    ACCEPTED,
    CHECKS,
    EMPTY,
    ENVIRONMENT,
    FINE,
    FOLDER,
    REFERENCE,
    RENAMED,
    SESSION,
    check,
)

GOLDEN = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("MODELBENCH_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), f"{path} is not there; write it with MODELBENCH_GOLDEN=write"
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [120, 80, 50])
@pytest.mark.parametrize("colour", [False, True], ids=["plain", "coloured"])
def test_terminal_shows_every_verdict(width: int, colour: bool) -> None:
    text = terminal.render(SESSION, Look(width, colour))
    assert_golden(f"terminal-{width}{'-coloured' if colour else ''}.txt", text + "\n")


def test_quiet_terminal_shows_trouble_and_one_line() -> None:
    text = "\n\n".join(terminal.render(one, Look(120, quiet=True)) for one in (SESSION, FINE, EMPTY))
    assert_golden("terminal-quiet.txt", text + "\n")


def test_terminal_of_other_sessions() -> None:
    sessions = {
        "all ok": FINE,
        "empty": EMPTY,
        "interrupted": replace(FINE, interrupted=True),
        "updating": replace(SESSION, updating=True, absent=()),
        "only improved": replace(FINE, checks=tuple(c for c in CHECKS if c.judgement.verdict is Verdict.IMPROVED)),
        "no table": replace(EMPTY, tests=SESSION.tests[-2:]),
        "renamed": RENAMED,
    }
    texts = [f"--- {name}\n{terminal.render(one, Look(100))}\n" for name, one in sessions.items()]
    assert_golden("terminal-others.txt", "\n".join(texts))


def kept(one: Check) -> ChangeKind:
    return ChangeKind.SESSION_ADDED if one.metric.noisy else ChangeKind.UNCHANGED


@pytest.mark.parametrize("width", [120, 80, 50])
def test_accepted_changes(width: int) -> None:
    changes = [
        Change(
            one.key,
            one.folder,
            "inference.json",
            {Verdict.NEW: ChangeKind.NEW, Verdict.OK: kept(one)}.get(one.judgement.verdict, ChangeKind.REANCHORED),
            one.judgement.baseline,
            one.judgement.value,
            one.metric.unit,
        )
        for one in CHECKS
    ]
    text = terminal.render_changes(changes, width=width, colour=False)
    text += "\n\n" + terminal.render_changes([], width=width, colour=False)
    assert_golden(f"changes-{width}.txt", text + "\n")


@pytest.mark.parametrize(("name", "session"), [("every-verdict", SESSION), ("all-ok", FINE), ("empty", EMPTY)])
def test_markdown(name: str, session: Session) -> None:
    assert_golden(f"markdown-{name}.md", markdown.render(session))


def refused(cause: Cause, *tests: str, detail: str = "") -> dict[CheckKey, Refusal]:
    return {CheckKey(test, name): Refusal(cause, detail) for test in tests for name in ("latency", "macs")}


def test_refusals_say_each_cause_once() -> None:
    many = [f"tests/test_inference.py::test[模型|b{batch}<c>]" for batch in range(8)]
    slow, empty = "tests/test_inference.py::test_slow", "tests/test_inference.py::test_empty"
    sessions = {
        "every cause, by its own": {cause.name.lower(): refused(cause, slow) for cause in Cause},
        "one detail": {"": refused(Cause.DISTURBED, *many, detail="in 3 of 3 processes; steal time 12 %")},
        "many details": {
            "": refused(Cause.TOO_FEW, many[0], detail="in 0") | refused(Cause.TOO_FEW, *many[1:3], detail="in 1")
        },
        "all causes at once": {
            "": refused(Cause.UNFIT, empty, detail="value: -1 is negative, and the unit is 'bytes'")
            | refused(Cause.DISTURBED, slow, detail="in 3 of 3 processes; steal")
            | refused(Cause.FAILED, many[0], detail="failed")
        },
        "nothing": {"": {}},
    }
    texts = []
    for name, found in sessions.items():
        lines = [
            line
            for each in found.values()
            for notice in refusal_notices(each)
            for line in terminal.notice_lines(notice, colour=False)
        ]
        texts.append("\n".join([f"--- {name}", *lines]))
    every = refusal_notices(sessions["all causes at once"][""], lambda tests: f"pytest --accept {len(tests)} tests")
    told = Told(refused=tuple(every))
    updating = replace(FINE, updating=True)
    texts += [f"--- {'quiet' if quiet else 'whole'}\n{terminal.render(updating, Look(120, quiet=quiet), told)}"
              for quiet in (True, False)]  # fmt: skip
    assert_golden("refusals.txt", "\n\n".join(texts) + "\n")


def advice(one: Check, neighbours: Sequence[CheckKey] = ()) -> Advice:
    node = f"'{one.key.test}'"
    return Advice(
        rerun=f"pytest --modelbench {node}",
        settle=f"pytest --modelbench --modelbench-rounds=3,5,7 {node}" if one.judgement.more else "",
        accept=f"pytest --modelbench --update-baselines {node}",
        neighbours=neighbours,
        provenance=ENVIRONMENT.provenance,
        rename=f"pytest-modelbench rename OLD {node}",
    )


def message(one: Check, neighbours: Sequence[CheckKey]) -> str:
    return failure([(one, advice(one, neighbours))])


def test_messages() -> None:
    renamed = CheckKey("tests/benchmarks/test_inference.py::test_infer[efficientnet_b0-b64-224-fp32-train]", "latency")
    unstable = check("r", "macs", Verdict.REGRESSED, 12, 10, values=(10, 12), reasons=(Varies(),))
    drifted = check("r", "latency", Verdict.REGRESSED, 0.15, 0.11, ratio=1.234, reference=REFERENCE)
    steady = check("r", "throughput", Verdict.REGRESSED, 23.4, 29.2, ratio=0.8, reference=REFERENCE)
    left_open = (MayBeAway(1.062, 1.05),)
    faster = check(
        "r", "throughput", Verdict.INCONCLUSIVE, 31.0, 29.2, ratio=0.96, reference=REFERENCE, reasons=left_open
    )
    first, *others = drifted.measurements
    disturbed = replace(drifted, measurements=(replace(first, quality=Quality("steal")), *others))
    messages = [message(one, [renamed]) for one in (*CHECKS, unstable, drifted, steady, faster, disturbed)]
    messages.append(message(CHECKS[-1], []))
    assert_golden("messages.txt", "\n\n".join(messages) + "\n")
    assert FOLDER in messages[-1]


def test_packages_that_the_test_uses_are_named_first_and_on_a_line_of_their_own() -> None:
    moved = tuple(Difference(name, "1.0", "2.0") for name in ("black", "click", "timm", "torch", "yarl"))
    for reasons in ((Varies(), Since(moved)), (Varies(),)):
        one = check("r", "macs", Verdict.REGRESSED, 12, 10, reasons=reasons)
        assert one.baseline is not None
        stored = replace(one.baseline, provenance={two.name: two.then for two in moved})
        now = {two.name: two.now for two in moved}
        text = failure([(replace(one, baseline=stored), Advice("", "", provenance=now, used={"timm"}))])
        assert text.splitlines()[2:4] == [
            "  it should be the same in every process, but is not: something is drawn at random",
            "  since the baseline: torch 1.0 -> 2.0, timm 1.0 -> 2.0, 3 others",
        ]


def test_what_happened_around_a_test_stands_once_before_the_commands() -> None:
    macs, params = (check("r", metric, Verdict.REGRESSED, 12, 10) for metric in ("macs", "parameters"))
    around = "1 commit since the baseline's commit cccccccccc touches net.py:\n    abc1234 Widen the neck"
    assert failure([(macs, Advice("AGAIN", "ACCEPT"))], around).splitlines()[2:] == [
        "  1 commit since the baseline's commit cccccccccc touches net.py:",
        "      abc1234 Widen the neck",
        "  to see it again:      AGAIN",
        "  if this is intended:  ACCEPT",
    ]
    both = failure([(macs, Advice("AGAIN", "ACCEPT")), (params, Advice("AGAIN", "ACCEPT"))], around)
    assert both.splitlines()[2:] == [
        "",
        "the baseline was accepted 2026-11-20, commit abc1234",
        "1 commit since the baseline's commit cccccccccc touches net.py:",
        "    abc1234 Widen the neck",
        "to see it again:      AGAIN",
        "if this is intended:  ACCEPT",
    ]


@pytest.mark.parametrize(
    ("metric", "ratio", "told"),
    [("latency", 1.046, "+2.5%"), ("throughput", 0.96, "-2.4%"), ("latency", 1.06, ""), ("throughput", 0.94, "")],
)
def test_a_regression_within_the_band_says_why_it_is_one(metric: str, ratio: float, told: str) -> None:
    text = message(check("r", metric, Verdict.REGRESSED, ratio, 1.0, half_width=0.005), [])
    assert [line for line in text.splitlines() if "half the band" in line] == (
        [f"  it fails because the change is surely more than half the band ({told})"] if told else []
    )


def test_what_checks_of_a_test_share_and_its_commands_stand_once() -> None:
    failed = [one for one in CHECKS if one.case.id == "resnet50-b1-224-fp32" and one.metric.name != "macs"][1:]
    new = check("resnet50-b1-224-fp32", "macs", Verdict.NEW, 4_089_184_256)
    open_ = check("resnet50-b1-224-fp32", "latency", Verdict.INCONCLUSIVE, 0.113, 0.11)
    further = replace(open_, key=open_.key._replace(name="again"), judgement=replace(open_.judgement, more=9))
    settle = "pytest --modelbench --modelbench-rounds=12 t"
    texts = [
        failure([(one, advice(one)) for one in failed]),
        failure([(one, advice(one)) for one in (*failed, new)]),
        failure([(open_, advice(open_)), (further, replace(advice(further), settle=settle))]),
    ]
    assert_golden("messages-of-a-test.txt", "\n\n---\n\n".join(texts) + "\n")


def test_the_day_of_the_baseline_stands_once_where_a_noisy_check_is_among_those_that_failed() -> None:
    failed = [check("r", metric, Verdict.REGRESSED, 12, 10) for metric in ("macs", "latency")]
    assert all(one.baseline and one.baseline.accepted == ACCEPTED for one in failed)
    text = failure([(one, Advice("AGAIN", "ACCEPT")) for one in failed])
    assert text.count(f"accepted {ACCEPTED}") == 1
    assert text.splitlines()[-3] == f"the baseline was accepted {ACCEPTED}"


def test_days_of_baselines_that_differ_stand_with_their_checks() -> None:
    macs, latency = (check("r", metric, Verdict.REGRESSED, 12, 10) for metric in ("macs", "latency"))
    assert latency.baseline is not None
    later = replace(latency, baseline=replace(latency.baseline, accepted="2026-11-21, commit def5678"))
    lines = failure([(one, Advice("AGAIN", "ACCEPT")) for one in (macs, later)]).splitlines()
    assert f"  the baseline was accepted {ACCEPTED}" in lines
    assert [line.split("accepted ")[1] for line in lines if line.startswith("  baseline ")] == [
        "2026-11-21, commit def5678"
    ]
