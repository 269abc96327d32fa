"""Where the change and the two values beside it seem to contradict each other, the table says why; else nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_modelbench.core.change import Change, ChangeKind
from pytest_modelbench.core.environment import Difference
from pytest_modelbench.core.measurement import ENQUEUE, ENQUEUE_SHARE, Figure
from pytest_modelbench.core.reasons import EnvironmentMoved, SameCode
from pytest_modelbench.core.session import Check
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report import markdown, terminal
from pytest_modelbench.report.evidence import evidence
from pytest_modelbench.report.footnotes import Mark, footnotes, mark, value_mark
from pytest_modelbench.report.terminal import Look
from tests.unit.report_sessions import FINE, REFERENCE, check

#: 531 µs then, 353 µs now, and no change to speak of: the machine runs faster.
FASTER = check("r", "latency", Verdict.OK, 353e-6, 531e-6, ratio=0.995, reference=REFERENCE)
SLOWER = check("r", "throughput", Verdict.OK, 1880, 2830, ratio=1.01, reference=REFERENCE)


def by_pairs(one: Check, *, stored: bool = True) -> Check:
    assert one.baseline is not None
    view = one.baseline if stored else replace(one.baseline, accepted="")
    return replace(one, judgement=replace(one.judgement, pairs=5), baseline=view)


def away(one: Check) -> Check:
    """As where a duet clears the code, and the time is another one than what is stored all the same."""
    moved = EnvironmentMoved(SameCode(), (Difference("torch", "2.14", "2.15"),))
    return replace(one, judgement=replace(one.judgement, verdict=Verdict.REGRESSED, reasons=(moved,)))


@pytest.mark.parametrize(
    ("one", "marked"),
    [
        (FASTER, Mark.MACHINE),
        (SLOWER, Mark.MACHINE),
        (by_pairs(FASTER), Mark.PAIRS),
        # What a reader computes is within what the change is sure to lie in, or next to it.
        (check("r", "latency", Verdict.OK, 0.104, 0.1, ratio=1.02, half_width=0.03, reference=REFERENCE), None),
        (check("r", "latency", Verdict.OK, 0.1, 0.1, ratio=1.008, half_width=0.001, reference=REFERENCE), None),
        (check("r", "latency", Verdict.OK, 0.1, 0.1, ratio=1.02, half_width=0.001, reference=REFERENCE), Mark.MACHINE),
        # Without a reference workload the machine's speed is not left out, and nothing explains it.
        (check("r", "latency", Verdict.OK, 353e-6, 531e-6, ratio=0.995), None),
        (check("r", "latency", Verdict.NEW, 353e-6, reference=REFERENCE), None),
        (check("r", "macs", Verdict.REGRESSED, 12, 10), None),
        (check("r", "latency", Verdict.INCOMPARABLE, 1.0, 2.0, reference=REFERENCE), None),
    ],
)
def test_a_change_is_marked_where_its_values_say_another(one: Check, marked: Mark | None) -> None:
    assert mark(one) is marked


def test_each_mark_is_explained_once() -> None:
    other = check("s", "latency", Verdict.OK, 360e-6, 531e-6, ratio=1.0, reference=REFERENCE)
    assert footnotes([FASTER, other, by_pairs(SLOWER)]) == [
        "* the machine ran 32.2% to 33.2% faster than for the baseline; the change is corrected for that",
        "† measured beside the baseline's code in pairs of processes, not against the stored value",
    ]
    assert footnotes([FASTER, FASTER]) == [
        "* the machine ran 33.2% faster than for the baseline; the change is corrected for that"
    ]
    assert footnotes([FASTER, SLOWER]) == [
        "* the machine ran 33.2% faster to 52.0% slower than for the baseline; the change is corrected for that"
    ]
    beside = by_pairs(FASTER, stored=False)
    assert footnotes([beside]) == ["† measured in pairs of processes, and the median over these"]
    assert footnotes([check("r", "macs", Verdict.OK, 1, 1)]) == []


def test_figures_stay_below_each_other_and_the_footnote_below_the_table() -> None:
    session = replace(FINE, checks=(FASTER, check("s", "latency", Verdict.REGRESSED, 0.11, 0.1)))
    assert terminal.render(session, Look(80)).splitlines()[:4] == [
        "case  metric   baseline     now        change  band  verdict",
        "s     latency    100 ms  110 ms  +10.0% ±1.1     5%  regressed",
        "r     latency    531 µs  353 µs   -0.5% ±1.1*    5%  ok",
        "* the machine ran 33.2% faster than for the baseline; the change is corrected for that",
    ]
    assert "*" not in terminal.render(session, Look(80, quiet=True))  # the row that it is about is not there either


def test_markdown_has_the_footnote_with_the_table_that_it_is_about() -> None:
    session = replace(FINE, checks=(FASTER, check("s", "latency", Verdict.REGRESSED, 0.11, 0.1)))
    trouble, fine = markdown.render(session).split("<details>")
    assert "\\*" not in trouble
    assert fine.count("\n\n\\* the machine ran 33.2% faster than for the baseline") == 1
    assert "-0.5% ±1.1\\* |" in fine


def test_what_is_accepted_has_the_change_that_was_judged() -> None:
    gained = check("r", "latency", Verdict.IMPROVED, 353e-6, 531e-6, ratio=0.9, reference=REFERENCE)
    accepted = [Change(gained.key, gained.folder, "x.json", ChangeKind.REANCHORED, 531e-6, 353e-6, "s")]
    text = terminal.render_changes(accepted, width=80, colour=False, checks=[gained])
    assert text.splitlines()[2:4] == [
        "test_inference[r]  latency  531 µs  ->  353 µs  -10.0%*  replaced",
        "* the machine ran 26.1% faster than for the baseline; the change is corrected for that",
    ]
    assert "-33.5%  replaced" in terminal.render_changes(accepted, width=80, colour=False)


def launched(one: Check, share: float) -> Check:
    """As an accelerator would tell it: launching takes this share of the time."""
    told = [replace(each, figures={ENQUEUE: 340e-6, ENQUEUE_SHARE: share}) for each in one.measurements]
    return replace(one, measurements=tuple(told))


@pytest.mark.parametrize(("share", "marked"), [(0.97, Mark.LAUNCHING), (0.8, Mark.LAUNCHING), (0.79, None)])
def test_a_value_is_marked_where_the_device_waits_for_the_cpu(share: float, marked: Mark | None) -> None:
    assert value_mark(launched(FASTER, share)) is value_mark(launched(SLOWER, share)) is marked
    assert value_mark(FASTER) is None


def test_a_value_that_is_bound_by_launching_is_told_in_table_and_footnote() -> None:
    launch_bound = launched(check("r", "latency", Verdict.OK, 353e-6, 350e-6, ratio=1.0), 0.97)
    told = replace(FINE, checks=(launch_bound, *FINE.checks))
    text = terminal.render(told, Look(width=120, colour=False))
    assert "353 µs‡ " in text
    assert "‡ the device waits for the CPU to launch its work: this is the speed of the CPU" in text
    assert "353 µs‡ |" in markdown.render(told)
    assert "the device waits for the CPU, which takes 340 µs to launch the work" in evidence(launch_bound, None, ())


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({"gpu_clock_mhz": 1755}, "the GPU ran at 1755 MHz"),
        (
            {"gpu_clock_mhz": 1410, "gpu_temperature_c": 81, "gpu_power_w": 349, "gpu_held_by": "power cap"},
            "the GPU ran at 1410 MHz, 81 °C, 349 W, limited by: power cap",
        ),
        ({"gpu_temperature_c": 81}, None),
    ],
)
def test_evidence_has_how_fast_the_gpu_was(figures: dict[str, Figure], told: str | None) -> None:
    seen = replace(FASTER, measurements=tuple(replace(one, figures=figures) for one in FASTER.measurements))
    assert [line for line in evidence(seen, None, ()) if "GPU" in line] == ([told] if told else [])


@pytest.mark.parametrize(
    ("one", "rest"),
    [
        (FASTER, "the change above is corrected for that"),
        # The stored value has no part in what pairs tell, so there is nothing to be left out.
        (by_pairs(FASTER), "pairs leave that out"),
        # Both sides of the pairs are alike here, and away from what is stored: that is the change.
        (away(by_pairs(FASTER)), "the change above is corrected for that"),
    ],
)
def test_evidence_says_what_the_change_has_to_do_with_the_two_values(one: Check, rest: str) -> None:
    assert f"the machine itself was 33.2% faster, by the reference workload; {rest}" in evidence(one, None, ())


def test_a_change_from_what_is_stored_is_not_marked_as_that_of_pairs() -> None:
    assert mark(away(by_pairs(FASTER))) is Mark.MACHINE
