"""Baselines that were accepted from a disturbed machine, and sessions on one."""

import math
import random
from dataclasses import replace

import pytest

from pytest_modelbench.core.bands import Band
from pytest_modelbench.core.measurement import Quality
from pytest_modelbench.core.reasons import Disturbed, DisturbedBaseline
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.estimate import Edges
from pytest_modelbench.judge.procedure import Procedure
from pytest_modelbench.judge.state import Event
from pytest_modelbench.judge.widened import allowance, edges_to_stored
from tests.unit.simulated import DEFAULTS, baseline, measurement, ruling

ANCHOR = (0.02, -0.02, 0.02, -0.02)
BAND = Band(0.05)
#: Student's t at 5 % on three degrees of freedom.
T = 2.3534


def upset(log_ratios, how_many=None):
    """Processes of which so many, by default all, were disturbed."""
    how_many = len(log_ratios) if how_many is None else how_many
    return [
        replace(measurement(n, log_ratio=one), quality=Quality("steal" if n <= how_many else "", blocks=8))
        for n, one in enumerate(log_ratios, 1)
    ]


def test_the_mean_of_a_disturbed_session_is_no_better_than_a_single_process():
    assert allowance(ANCHOR) == pytest.approx(T * 0.02 * math.sqrt(4 / 3), rel=1e-3)
    assert allowance(4 * ANCHOR) == pytest.approx(1.7531 * 0.02 * math.sqrt(16 / 15), rel=1e-3)
    assert allowance(ANCHOR[:1]) == math.inf
    assert allowance((0.0, 0.0)) > 0


def test_both_edges_are_farther_out_and_more_so_where_tonight_is_disturbed_as_well():
    plain = Edges.of_band(BAND.ratio(0.1))
    view = baseline(anchor=ANCHOR, disturbed=4)
    calm, more = upset((0.0, 0.0), 0), allowance(ANCHOR)
    assert edges_to_stored(BAND, replace(view, disturbed=0), calm) == plain
    assert edges_to_stored(BAND, view, calm) == Edges(plain.fail_above + more, plain.ignore_below + more)
    wide = edges_to_stored(BAND, view, upset((0.0, 0.0)))
    assert wide.fail_above == pytest.approx(plain.fail_above + math.sqrt(2) * more)


def test_a_disturbed_baseline_is_held_by_the_wider_band_and_says_so():
    view = baseline(anchor=3 * (0.01, -0.01), disturbed=6)
    for moved, verdict in ((0.0, Verdict.OK), (0.2, Verdict.REGRESSED), (-0.2, Verdict.IMPROVED)):
        told = ruling(upset([moved] * 9, 0), view).judgement
        assert told.verdict is verdict
        (reason,) = [one for one in told.reasons if isinstance(one, DisturbedBaseline)]
        assert (reason.disturbed, round(reason.spread, 4)) == (6, 0.0110)
        assert reason.band_end == pytest.approx(1.05 * math.exp(allowance(view.anchor)))


def test_a_disturbed_session_is_judged_beside_a_disturbed_baseline_alone():
    measured = upset((0.0, 0.005, -0.005, 0.0))
    view = baseline(anchor=3 * (0.01, -0.01))
    assert ruling(measured, view).judgement.because(Disturbed)
    assert ruling(measured, replace(view, disturbed=6)).judgement.verdict is Verdict.OK


@pytest.mark.parametrize(
    ("processes", "disturbed", "confirmed", "event"),
    [
        (4, 4, False, Event.UNDECIDED),  # five may yet be left alone
        (5, 5, False, Event.DECIDED),
        (5, 4, False, Event.UNDECIDED),
        (1, 1, True, Event.UNDECIDED),
        (2, 2, True, Event.ESCALATED),  # a duet follows the first look
        (5, 5, True, Event.ESCALATED),
    ],
)
def test_no_further_process_is_waited_for_where_most_will_be_disturbed_for_sure(processes, disturbed, confirmed, event):
    measured = upset([0.0] * processes, disturbed)
    told = ruling(measured, baseline(), Procedure(DEFAULTS.rounds, confirmed=confirmed))
    assert told.event is event
    if processes == disturbed and event is not Event.UNDECIDED:
        assert told.judgement.verdict is Verdict.INCONCLUSIVE
        assert told.judgement.because(Disturbed)


@pytest.mark.slow
@pytest.mark.parametrize("disturbed_tonight", [False, True])
@pytest.mark.parametrize("spread", [0.01, 0.03, 0.06])
def test_a_shift_of_the_size_of_the_spread_is_rarely_called_a_regression(spread, disturbed_tonight):
    """What disturbs a session shifts all of its processes by as much as they spread, and is another one tonight."""
    rng, wrong, found, sessions = random.Random(7), 0, 0, 400
    for _ in range(sessions):
        shift = rng.gauss(0, spread)
        anchor = tuple(shift + rng.gauss(0, spread) for _ in range(DEFAULTS.update_rounds))
        view = baseline(anchor=anchor, disturbed=len(anchor))
        tonight, sd = (rng.gauss(0, spread), spread) if disturbed_tonight else (0.0, 0.01)
        log_ratios = [tonight + rng.gauss(0, sd) for _ in range(DEFAULTS.rounds[-1])]
        how_many = len(log_ratios) if disturbed_tonight else 0
        wrong += ruling(upset(log_ratios, how_many), view).judgement.verdict is Verdict.REGRESSED
        slow = [one + math.log(1.5) for one in log_ratios]
        found += ruling(upset(slow, how_many), view).judgement.verdict is Verdict.REGRESSED
    assert wrong <= 0.05 * sessions
    if spread <= 0.03:
        assert found >= 0.95 * sessions
