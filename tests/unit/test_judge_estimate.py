"""Changes that are known only so well, and the verdicts of a duet on them."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.verdicts import Duet, Procedure, Verdict
from pytest_modelbench.judge.estimate import (
    PAIR_FLOOR,
    Estimate,
    detectable,
    paired,
    repeated,
    repetitions_needed,
    spent,
)
from pytest_modelbench.judge.judge import judge
from tests.unit.simulated import DEFAULTS, EDGES, Spreads, baseline, record, whole


def beside(changes, *, metric="latency", checks=1, levels=(0.0, 0.01, -0.01), afresh=(), stored=True, now=None, **more):
    """The judgement on a check that was measured in so many pairs, between processes of ``levels`` and ``afresh``."""
    records = [record(number, metric, level=level) for number, level in enumerate((*levels, *afresh), 1)]
    duet = Duet(
        "commit abc", checks=checks, stored=stored, changes=tuple(changes), pairs=len(changes), screened=len(levels)
    )
    return judge(records, baseline(metric, **more), Procedure(checks=12), {}, now or {}, duet)


def test_mean_and_error_of_pairs_are_the_textbook_ones():
    assert paired([0.01, 0.03, 0.02]) == Estimate(pytest.approx(0.02), pytest.approx(0.01 / math.sqrt(3)), 2)


def test_pairs_that_agree_by_rounding_are_not_believed():
    assert paired([0.01, 0.01, 0.01, 0.01]).se == PAIR_FLOOR / 2


def test_half_of_the_band_is_ignored():
    assert pytest.approx((math.log(1.05), math.log(1.025))) == (EDGES.fail_above, EDGES.ignore_below)


def test_what_could_have_been_found_shrinks_with_repetitions():
    found = [detectable(repeated(0.0, 0.02, n), EDGES, 0.01) for n in (3, 8, 20, 2000)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(EDGES.ignore_below, abs=0.002)


@given(st.floats(-0.2, 0.2), st.floats(0.001, 0.1))
def test_needed_repetitions_decide_and_one_fewer_does_not(theta, sd):
    def decides(n):
        change = Estimate(theta, sd / math.sqrt(n), n - 1)
        return change.upper(0.01) < EDGES.fail_above or change.lower(0.01) > EDGES.ignore_below

    needed = repetitions_needed(lambda n: repeated(theta, sd, n), EDGES, 0.01, 0.01)
    assert needed is not None
    assert decides(needed)
    assert needed == 2 or not decides(needed - 1)


@pytest.mark.parametrize("pairs", [1, 2, 4, 6, 7, 9, 12, 19])
def test_between_looks_nothing_is_decided(pairs):
    judgement = beside([0.3] * pairs)
    assert (judgement.verdict, judgement.settled) == (Verdict.INCONCLUSIVE, False)


@pytest.mark.parametrize(
    ("centre", "verdict"),
    [(0.0, Verdict.OK), (0.2, Verdict.REGRESSED), (-0.2, Verdict.IMPROVED), (0.036, Verdict.INCONCLUSIVE)],
)
def test_a_clear_change_is_decided_at_the_first_look(centre, verdict):
    judgement = beside([centre + offset for offset in (-0.005, 0.005, 0.0)])
    assert judgement.verdict is verdict
    assert judgement.pairs == 3
    assert judgement.ratio == pytest.approx(math.exp(centre))


def test_for_a_rate_down_is_bad():
    slower = [-0.2, -0.21, -0.19]
    assert beside(slower, metric="throughput").verdict is Verdict.REGRESSED
    assert beside([-change for change in slower], metric="throughput").verdict is Verdict.IMPROVED


def test_an_open_duet_says_what_it_would_take():
    judgement = beside([0.036 + offset for offset in (-0.03, 0.03) * 10])
    assert (judgement.verdict, judgement.settled) == (Verdict.INCONCLUSIVE, True)
    assert judgement.more is not None
    assert judgement.detectable_ratio is not None
    assert judgement.detectable_ratio > 1.025
    assert judgement.more > 0


CLEARED = [0.001, -0.001, 0.0]
SPELL = (0.3, 0.31)
FAR = {"levels": SPELL, "afresh": (0.31, 0.29, 0.3, 0.305)}
OLD, NEW = {"torch": "2.14"}, {"torch": "2.15"}


def test_code_that_is_cleared_but_stays_away_from_what_is_stored_was_moved_by_versions():
    moved = beside(CLEARED, **FAR, provenance=OLD, now=NEW)
    assert moved.verdict is Verdict.REGRESSED
    assert moved.reason.startswith("the environment moved")
    assert "torch 2.14 -> 2.15" in moved.reason
    assert moved.ratio == pytest.approx(math.exp(0.30125), rel=1e-3)
    assert moved.settled


def test_where_no_version_moved_it_was_the_machine():
    judgement = beside(CLEARED, **FAR, provenance=NEW, now=NEW)
    assert (judgement.verdict, judgement.settled) == (Verdict.INCONCLUSIVE, True)
    assert judgement.reason.startswith("the machine moved")


@pytest.mark.parametrize("now", [OLD, NEW])
@pytest.mark.parametrize("cleared", [CLEARED, [change - 0.06 for change in CLEARED]])
def test_a_bad_spell_before_the_duet_blames_neither_versions_nor_the_machine(now, cleared):
    """Both processes of the screen fell into it, which is why there was a duet; those after it did not."""
    calm = (0.0, 0.01, -0.01, 0.005)
    for measured in range(4):
        judgement = beside(cleared, levels=SPELL, afresh=calm[:measured], provenance=OLD, now=now)
        assert (judgement.verdict, judgement.settled, judgement.after_duet) == (Verdict.INCONCLUSIVE, False, True)
        assert f"measured again in {measured} of 4 processes" in judgement.reason
    judgement = beside(cleared, levels=SPELL, afresh=calm, provenance=OLD, now=now)
    assert judgement.verdict is (Verdict.OK if cleared is CLEARED else Verdict.IMPROVED)
    assert (judgement.settled, judgement.after_duet, judgement.processes) == (True, False, 6)


def test_the_value_is_that_of_the_processes_after_the_duet_once_there_are_enough():
    records = [record(number, value=0.1 + 0.01 * number) for number in range(6)]
    duet = Duet("commit abc", changes=tuple(CLEARED), pairs=3, screened=2)
    before, between, after = (judge(records[:n], baseline(), Procedure(), {}, {}, duet) for n in (2, 4, 6))
    assert (before.value, before.afresh) == (pytest.approx(0.105), 0)
    assert (between.value, between.afresh) == (pytest.approx(0.115), 0)
    assert (after.value, after.afresh) == (pytest.approx(0.135), 4)


def test_processes_after_a_duet_that_were_disturbed_clear_nothing():
    torn = [record(number, level=0.3 + (number > 2) * 0.2 * (-1) ** number) for number in range(1, 7)]
    records = [replace(one, details={"unhealthy": "steal"}) if one.process > 2 else one for one in torn]
    duet = Duet("commit abc", changes=tuple(CLEARED), pairs=3, screened=2)
    told = judge(records, baseline(provenance=OLD), Procedure(), {}, NEW, duet)
    assert (told.verdict, told.settled) == (Verdict.INCONCLUSIVE, True)
    assert "cannot be told; the machine was disturbed in 4 of 4 processes" in told.reason


@pytest.mark.parametrize(("now", "verdict"), [(OLD, Verdict.OK), (NEW, Verdict.INCONCLUSIVE)])
def test_where_versions_moved_what_stays_unclear_is_not_ok(now, verdict):
    told = beside(CLEARED, levels=SPELL, afresh=(0.09, 0.01, 0.06, 0.0), provenance=OLD, now=now)
    assert (told.verdict, told.settled) == (verdict, True)
    assert ("since the baseline: torch 2.14 -> 2.15" in told.reason) is (verdict is Verdict.INCONCLUSIVE)


def test_beside_other_code_what_is_stored_does_not_matter():
    assert beside(CLEARED, **FAR, stored=False).verdict is Verdict.OK


def decided(rng, truth, sd, checks=3):
    """The verdict of a whole duet on one check, as the controller looks at it."""
    changes = []
    for look in DEFAULTS.pairs:
        changes += [rng.gauss(truth, sd) for _ in range(look - len(changes))]
        judgement = beside(changes, checks=checks)
        if judgement.settled:
            break
    return judgement.verdict


def rate(truth, sd, verdict, trials=400, seed=3):
    rng = random.Random(seed)
    return sum(decided(rng, truth, sd) is verdict for _ in range(trials)) / trials


@pytest.mark.parametrize("sd", [0.01, 0.02, 0.04])
def test_unchanged_code_is_practically_never_failed_by_a_duet(sd):
    """Seeded, 400 duets of three checks: the promise is 5 % shared by the checks, up to half the band."""
    assert rate(0.0, sd, Verdict.REGRESSED) == 0
    assert rate(EDGES.ignore_below, sd, Verdict.REGRESSED) <= 0.02


@pytest.mark.parametrize("sd", [0.01, 0.02, 0.04])
def test_a_change_of_the_whole_band_is_hardly_ever_called_ok(sd):
    assert rate(EDGES.fail_above, sd, Verdict.OK) <= 0.05


@pytest.mark.parametrize(("change", "sd", "least"), [(0.1, 0.02, 0.99), (0.1, 0.04, 0.9), (0.05, 0.015, 0.8)])
def test_real_slowdowns_are_found(change, sd, least):
    assert rate(math.log1p(change), sd, Verdict.REGRESSED) >= least


@given(st.floats(0.001, 0.5), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_looks_spend_the_error_rate_and_no_more(rate, steps):
    looks = [sum(steps[: number + 1]) for number in range(len(steps))]
    shares = [spent(rate, looks, look) for look in looks]
    assert math.fsum(shares) == pytest.approx(rate)
    assert shares[0] >= rate / 2


@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.IMPROVED])
def test_code_that_is_cleared_does_not_hide_that_versions_slow_it_down(verdict):
    changes = CLEARED if verdict is Verdict.OK else [change - 0.06 for change in CLEARED]
    assert beside(changes).verdict is verdict
    moved = beside(changes, **FAR, provenance=OLD, now=NEW)
    assert (moved.verdict, moved.reason.split(":")[0]) == (Verdict.REGRESSED, "the environment moved")


def test_on_a_machine_at_another_speed_no_version_is_blamed():
    """The reference took a fifth longer than when the baseline was recorded: levels say nothing."""
    told = beside(CLEARED, **FAR, provenance=OLD, now=NEW, speed=math.log(0.1) - 0.5)
    assert told.verdict is Verdict.INCONCLUSIVE
    assert "the machine itself runs" in told.reason


SPREADS = [
    Spreads(0.004, 0.002, 0.005),
    Spreads(0.01, 0.005, 0.007),
    Spreads(0.02, 0.005, 0.01),
    Spreads(0.03, 0.005, 0.03),
]


@pytest.mark.slow
@pytest.mark.parametrize("spreads", SPREADS)
def test_the_whole_procedure_keeps_its_rates(spreads):
    """Seeded, 400 checks each, by spread between processes, days and pairs: a change of the band is ok, one of half of
    it regressed, in 5 % at most. Days that differ by more than one stored session makes believe are not in it.
    """
    rng = random.Random(7)

    def count(truth, verdict):
        return sum(whole(rng, truth, spreads).verdict is verdict for _ in range(400))

    assert count(EDGES.fail_above, Verdict.OK) <= 20
    assert count(EDGES.ignore_below, Verdict.REGRESSED) <= 20
    assert count(0.0, Verdict.REGRESSED) == 0
