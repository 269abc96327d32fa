"""Code that nothing of differs from its baseline's: its time says how the machine is."""

import itertools

import pytest

from pytest_modelbench.core.environment import nothing_differs
from pytest_modelbench.core.packages import Package, packed
from pytest_modelbench.core.reasons import MachineMoved, SameCode
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.procedure import Procedure
from pytest_modelbench.judge.state import Event
from tests.unit.simulated import KNOWN, baseline, measurement, ruling

SAME_CODE = Procedure(looks=(2, 4, 6, 9), checks=3, same_code=True)


def judged(*log_ratios, metric="latency", then=KNOWN, now=KNOWN, procedure=SAME_CODE, upset="", **more):
    measured = [
        measurement(process, metric, log_ratio=ratio, disturbance=upset) for process, ratio in enumerate(log_ratios, 1)
    ]
    return ruling(measured, baseline(metric, provenance=then, **more), procedure, now)


@pytest.mark.parametrize("ratio", [-1.0, -0.04, 0.0, 0.04, 0.2, 1.0])
@pytest.mark.parametrize("metric", ["latency", "throughput"])
@pytest.mark.parametrize("upset", ["", "steal time 12%"])
def test_it_is_unchanged_after_two_processes_whatever_the_noise(ratio, metric, upset):
    assert judged(ratio, metric=metric).event is Event.UNDECIDED
    told = judged(ratio + 0.03, ratio - 0.03, metric=metric, upset=upset)
    assert (told.event, told.judgement.verdict) == (Event.DECIDED, Verdict.UNCHANGED)
    assert told.judgement.because(MachineMoved) is (abs(ratio) >= 0.2)
    assert told.judgement.processes == 2


def test_a_machine_that_may_be_where_it_was_is_not_said_to_have_moved():
    told = judged(0.5, 0.0).judgement
    assert told.reasons == (SameCode(),)


@pytest.mark.parametrize("fact", list(KNOWN))
def test_whatever_differs_or_one_side_does_not_know_is_judged_as_ever(fact):
    other = {**KNOWN, fact: packed([Package("torch", "2.16")]) if fact == "packages" else "other"}
    lacking = {key: value for key, value in KNOWN.items() if key != fact}
    for then, now in itertools.permutations([KNOWN, other, lacking], 2):
        told = judged(0.2, 0.2, then=then, now=now).judgement
        assert told.verdict is not Verdict.UNCHANGED
    assert not nothing_differs(lacking, lacking) or fact == "torch"


def test_other_code_is_judged_as_ever():
    told = judged(0.2, 0.2, procedure=Procedure(looks=(2, 4, 6, 9), checks=3))
    assert (told.event, told.judgement.verdict) == (Event.UNDECIDED, Verdict.REGRESSED)


def test_another_case_cannot_be_compared_though_nothing_else_differs():
    measured = [measurement(process) for process in (1, 2)]
    stored = baseline(provenance=KNOWN)
    told = ruling(measured, stored, SAME_CODE, KNOWN, identity={"threads": 2}).judgement
    assert told.verdict is Verdict.UNCHANGED
    moved = ruling(measured, baseline("throughput", provenance=KNOWN), SAME_CODE, KNOWN).judgement
    assert moved.verdict is Verdict.INCOMPARABLE
