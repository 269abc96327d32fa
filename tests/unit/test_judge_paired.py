"""Verdicts by duet, on checks that were measured side by side with other code."""

import math
import random

import pytest

from pytest_modelbench.core.environment import BESIDE_GIT
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.procedure import Duet, Procedure
from pytest_modelbench.judge.state import Event
from pytest_modelbench.report.reasons import sentences
from tests.unit.simulated import DEFAULTS, EDGES, KNOWN, Spreads, baseline, measurement, ruling, whole


def beside(
    changes, *, metric="latency", checks=1, before=(0.0, 0.01, -0.01), afresh=(), stored=True, now=None,
    disturbance="", idle=frozenset(), **more,
):  # fmt: skip
    """The ruling on a check that was measured in so many pairs, between processes ``before`` and ``afresh``."""
    measured = [
        measurement(number, metric, log_ratio=log_ratio, disturbance=disturbance)
        for number, log_ratio in enumerate((*before, *afresh), 1)
    ]
    duet = Duet(
        "commit abc", (3, 5, 8, 13, 20), checks, stored, changes=tuple(changes), pairs=len(changes), before=len(before)
    )
    return ruling(measured, baseline(metric, **more), Procedure(checks=12), now, duet, idle=idle)


def verdict_beside(changes, **more):
    return beside(changes, **more).judgement.verdict


@pytest.mark.parametrize("pairs", [1, 2, 4, 6, 7, 9, 12, 19])
def test_between_looks_nothing_is_decided(pairs):
    told = beside([0.3] * pairs)
    assert (told.judgement.verdict, told.event) == (Verdict.INCONCLUSIVE, Event.UNDECIDED)


@pytest.mark.parametrize(
    ("centre", "verdict"),
    [(0.0, Verdict.OK), (0.2, Verdict.REGRESSED), (-0.2, Verdict.IMPROVED), (0.036, Verdict.INCONCLUSIVE)],
)
def test_a_clear_change_is_decided_at_the_first_look(centre, verdict):
    judgement = beside([centre + offset for offset in (-0.005, 0.005, 0.0)]).judgement
    assert judgement.verdict is verdict
    assert judgement.pairs == 3
    assert judgement.ratio == pytest.approx(math.exp(centre))


def test_for_a_rate_down_is_bad():
    slower = [-0.2, -0.21, -0.19]
    assert verdict_beside(slower, metric="throughput") is Verdict.REGRESSED
    assert verdict_beside([-change for change in slower], metric="throughput") is Verdict.IMPROVED


def test_an_open_duet_says_what_it_would_take():
    told = beside([0.036 + offset for offset in (-0.03, 0.03) * 10])
    assert (told.judgement.verdict, told.event) == (Verdict.INCONCLUSIVE, Event.DECIDED)
    assert told.judgement.more is not None
    assert told.judgement.detectable_ratio is not None
    assert told.judgement.detectable_ratio > 1.025
    assert told.judgement.more > 0


CLEARED = [0.001, -0.001, 0.0]
FASTER = [change - 0.06 for change in CLEARED]
SPELL = (0.3, 0.31)
FAR = {"before": SPELL, "afresh": (0.31, 0.29, 0.3, 0.305)}
OLD, NEW = {"torch": "2.14"}, {"torch": "2.15"}


def test_code_that_is_cleared_but_stays_away_from_what_is_stored_was_moved_by_versions():
    moved = beside(CLEARED, **FAR, provenance=OLD, now=NEW)
    assert (moved.judgement.verdict, moved.event) == (Verdict.REGRESSED, Event.DECIDED)
    assert sentences(moved.judgement.reasons).startswith("the environment changed, not the code")
    assert "torch 2.14 -> 2.15" in sentences(moved.judgement.reasons)
    assert moved.judgement.ratio == pytest.approx(math.exp(0.30125), rel=1e-3)


def test_where_no_version_moved_as_far_as_is_known_it_may_have_been_the_machine():
    told = beside(CLEARED, **FAR, provenance=NEW, now=NEW)
    assert (told.judgement.verdict, told.event) == (Verdict.INCONCLUSIVE, Event.DECIDED)
    assert sentences(told.judgement.reasons).startswith("the machine changed, not the code")


@pytest.mark.parametrize("before", [SPELL, (-0.3, -0.31), (0.01, 0.02)])
@pytest.mark.parametrize(("cleared", "verdict"), [(CLEARED, Verdict.OK), (FASTER, Verdict.IMPROVED)])
@pytest.mark.parametrize("disturbance", ["", "steal"])
def test_where_nothing_else_may_differ_cleared_code_passes_and_the_machine_is_told_of(
    before, cleared, verdict, disturbance
):
    told = beside(cleared, before=before, provenance=KNOWN, now=KNOWN, disturbance=disturbance)
    assert (told.judgement.verdict, told.event) == (verdict, Event.DECIDED)
    assert told.judgement.ratio == pytest.approx(math.exp(cleared[0]), rel=2e-3)
    moved = told.judgement.machine_moved
    if before == (0.01, 0.02):
        assert moved is None
        assert sentences(told.judgement.reasons) == "measured side by side with commit abc in 3 pairs of processes"
    else:
        assert moved is not None
        assert moved.apart == pytest.approx(math.exp(sum(before) / 2), rel=1e-3)
        assert sentences(told.judgement.reasons).startswith("the machine changed, not the code: the code is")


def test_where_nothing_else_may_differ_slower_code_is_regressed_as_ever():
    told = beside([0.2, 0.21, 0.19], before=SPELL, provenance=KNOWN, now=KNOWN)
    assert (told.judgement.verdict, told.judgement.machine_moved) == (Verdict.REGRESSED, None)


@pytest.mark.parametrize("now", [OLD, NEW])
@pytest.mark.parametrize("cleared", [CLEARED, FASTER])
def test_a_bad_spell_before_the_duet_blames_neither_versions_nor_the_machine(now, cleared):
    """Both processes before it fell into one, which is why there was a duet; those after it did not."""
    calm = (0.0, 0.01, -0.01, 0.005)
    for measured in range(4):
        told = beside(cleared, before=SPELL, afresh=calm[:measured], provenance=OLD, now=now)
        assert (told.judgement.verdict, told.event) == (Verdict.INCONCLUSIVE, Event.AWAY)
        assert f"measured again in {measured} of 4 processes" in sentences(told.judgement.reasons)
    told = beside(cleared, before=SPELL, afresh=calm, provenance=OLD, now=now)
    assert told.judgement.verdict is (Verdict.OK if cleared is CLEARED else Verdict.IMPROVED)
    assert (told.event, told.judgement.processes) == (Event.DECIDED, 6)


def test_the_value_is_that_of_the_processes_after_the_duet_once_there_are_enough():
    measured = [measurement(number, value=0.1 + 0.01 * number) for number in range(6)]
    duet = Duet("commit abc", changes=tuple(CLEARED), pairs=3, before=2)
    before, between, after = (ruling(measured[:n], baseline(), duet=duet).judgement for n in (2, 4, 6))
    assert (before.value, before.afresh) == (pytest.approx(0.105), 0)
    assert (between.value, between.afresh) == (pytest.approx(0.115), 0)
    assert (after.value, after.afresh) == (pytest.approx(0.135), 4)


def test_processes_after_a_duet_that_were_disturbed_clear_nothing():
    measured = [
        measurement(
            number,
            log_ratio=0.3 + (number > 2) * 0.2 * (-1) ** number,
            disturbance="steal" if number > 2 else "",
        )
        for number in range(1, 7)
    ]
    duet = Duet("commit abc", changes=tuple(CLEARED), pairs=3, before=2)
    told = ruling(measured, baseline(provenance=OLD), now=NEW, duet=duet)
    assert (told.judgement.verdict, told.event) == (Verdict.INCONCLUSIVE, Event.DECIDED)
    said = sentences(told.judgement.reasons)
    assert "the stored value; the machine was disturbed in 4 of 4 processes" in said


@pytest.mark.parametrize(("now", "verdict"), [(OLD, Verdict.OK), (NEW, Verdict.INCONCLUSIVE)])
def test_where_versions_moved_what_stays_unclear_is_not_ok(now, verdict):
    told = beside(CLEARED, before=SPELL, afresh=(0.09, 0.01, 0.06, 0.0), provenance=OLD, now=now)
    assert (told.judgement.verdict, told.event) == (verdict, Event.DECIDED)
    said = "since the baseline: torch 2.14 -> 2.15" in sentences(told.judgement.reasons)
    assert said is (verdict is Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("now", "idle", "event"),
    [
        (OLD, frozenset(), Event.DECIDED),
        (NEW, frozenset(), Event.AWAY),
        (NEW, frozenset({"torch"}), Event.DECIDED),  # its process does not import what moved
    ],
)
def test_where_versions_moved_one_process_that_clears_nothing_leaves_it_open(now, idle, event):
    """7 % slower, of processes that spread by 3 %: not surely away, and not surely within the band."""
    spread = (0.03, -0.03, 0.02, -0.02, 0.04, -0.04)
    told = beside(CLEARED, before=(0.07,), anchor=spread, provenance=OLD, now=now, idle=idle)
    assert told.event is event
    assert told.judgement.verdict is (Verdict.INCONCLUSIVE if event is Event.AWAY else Verdict.OK)


@pytest.mark.parametrize(
    ("beside_git", "torch", "verdict"),
    [
        ("2 files", "2.14", Verdict.INCONCLUSIVE),
        ("2 files", "2.15", Verdict.REGRESSED),
        ("1 file", "2.15", Verdict.REGRESSED),
    ],
)
def test_files_that_a_run_may_have_left_are_named_and_blamed_by_nobody(beside_git, torch, verdict):
    then, now = {**OLD, BESIDE_GIT: "1 file"}, {"torch": torch, BESIDE_GIT: beside_git}
    told = beside(CLEARED, **FAR, provenance=then, now=now).judgement
    assert told.verdict is verdict
    if verdict is Verdict.INCONCLUSIVE:
        assert "beside_git 1 file -> 2 files" in sentences(told.reasons)
        assert "the machine or files that git does not have changed" in sentences(told.reasons)


def test_beside_other_code_what_is_stored_does_not_matter():
    assert verdict_beside(CLEARED, **FAR, stored=False) is Verdict.OK


@pytest.mark.parametrize(("changes", "verdict"), [(CLEARED, Verdict.OK), (FASTER, Verdict.IMPROVED)])
def test_code_that_is_cleared_does_not_hide_that_versions_slow_it_down(changes, verdict):
    assert verdict_beside(changes) is verdict
    moved = beside(changes, **FAR, provenance=OLD, now=NEW).judgement
    assert (moved.verdict, sentences(moved.reasons).split(",")[0]) == (Verdict.REGRESSED, "the environment changed")


def test_on_a_machine_at_another_speed_no_version_is_blamed():
    """The reference took a fifth longer than when the baseline was recorded: log ratios say nothing."""
    told = beside(CLEARED, **FAR, provenance=OLD, now=NEW, reference_log_s=math.log(0.1) - 0.5)
    assert told.judgement.verdict is Verdict.INCONCLUSIVE
    assert "the machine itself runs" in sentences(told.judgement.reasons)


def decided(rng, truth, sd, checks=3):
    """The verdict of a whole duet on one check, as a session looks at it."""
    changes = []
    for look in DEFAULTS.pairs:
        changes += [rng.gauss(truth, sd) for _ in range(look - len(changes))]
        told = beside(changes, checks=checks)
        if told.event is Event.DECIDED:
            break
    return told.judgement.verdict


def rate(truth, sd, verdict, trials=400, seed=3):
    rng = random.Random(seed)
    return sum(decided(rng, truth, sd) is verdict for _ in range(trials)) / trials


@pytest.mark.slow
@pytest.mark.parametrize("sd", [0.01, 0.02, 0.04])
def test_unchanged_code_is_practically_never_failed_by_a_duet(sd):
    """Seeded, 400 duets of three checks: the promise is 5 % shared by the checks, up to half the band."""
    assert rate(0.0, sd, Verdict.REGRESSED) == 0
    assert rate(EDGES.ignore_below, sd, Verdict.REGRESSED) <= 0.02


@pytest.mark.slow
@pytest.mark.parametrize("sd", [0.01, 0.02, 0.04])
def test_a_change_of_the_whole_band_is_hardly_ever_called_ok(sd):
    assert rate(EDGES.fail_above, sd, Verdict.OK) <= 0.05


@pytest.mark.parametrize(("change", "sd", "least"), [(0.1, 0.02, 0.99), (0.1, 0.04, 0.9), (0.05, 0.015, 0.8)])
def test_real_slowdowns_are_found(change, sd, least):
    assert rate(math.log1p(change), sd, Verdict.REGRESSED) >= least


SPREADS = [
    Spreads(0.01, 0.005, 0.007),
    Spreads(0.02, 0.005, 0.01),
    Spreads(0.03, 0.005, 0.03),
]


@pytest.mark.slow
@pytest.mark.parametrize("spreads", [SPREADS[0], *(pytest.param(one, marks=pytest.mark.long) for one in SPREADS[1:])])
def test_the_whole_procedure_keeps_its_rates(spreads):
    """Seeded, 400 checks each, by spread between processes, days and pairs: a change of the band is ok, one of half of
    it regressed, in 5 % at most. Days that differ by more than one stored session makes believe are not in it.
    """
    rng = random.Random(7)

    def count(truth, verdict):
        return sum(whole(rng, truth, spreads).verdict is verdict for _ in range(400))

    assert count(EDGES.fail_above, Verdict.OK) <= 20
    assert count(EDGES.ignore_below, Verdict.REGRESSED) <= 20
    assert count(0.0, Verdict.REGRESSED) <= 2
