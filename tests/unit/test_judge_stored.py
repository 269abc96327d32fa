"""Verdicts on noisy measurements that are held against a stored baseline."""

import math
import random
from dataclasses import replace

import pytest

from pytest_modelbench.core.bands import parse_band
from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.measurement import Measurement, RelativeTime
from pytest_modelbench.core.metrics import METRICS, Better
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.judge.procedure import Procedure
from pytest_modelbench.judge.state import Event
from pytest_modelbench.report.reasons import sentences
from tests.unit.simulated import DEFAULTS, baseline, measurement, ruling

QUIET = (0.0, 0.004, -0.004)
CASE = NamedCase("c")


def latency(log_ratios, band="5%"):
    """One process each, without a reference workload, whose latency is that far from 0.1 s."""
    metric = replace(METRICS["latency"], band=parse_band(band, "s", ""))
    return [
        Measurement("latency", metric, CASE, 0.1 * math.exp(x), RelativeTime(x), test="t", process=number)
        for number, x in enumerate(log_ratios)
    ]


def stored(anchor=(0.0, 0.005, -0.005, 0.003, -0.003), **changes):
    return replace(BaselineView("c", "s", Better.LOWER, 0.1, anchor=anchor, identity={}), **changes)


def judged(measurements, view, looks=(3, 5, 8), checks=1, now=None):
    return ruling(measurements, view, Procedure(looks, checks), now)


def verdict(*args, **more):
    return judged(*args, **more).judgement.verdict


def test_unchanged_is_ok_at_the_first_look():
    told = judged(latency(QUIET), stored())
    assert (told.judgement.verdict, told.event) == (Verdict.OK, Event.DECIDED)
    assert told.judgement.ratio == pytest.approx(1.0)


def test_far_slower_is_regressed_and_that_is_decided_at_the_last_look():
    slow = latency([0.2 + q for q in QUIET])
    assert judged(slow, stored()).event is Event.UNDECIDED
    told = judged(slow, stored(), looks=(len(slow),))
    assert (told.judgement.verdict, told.event) == (Verdict.REGRESSED, Event.DECIDED)
    assert told.judgement.ratio == pytest.approx(math.exp(0.2))
    assert told.judgement.low_ratio < told.judgement.ratio < told.judgement.high_ratio


def test_far_faster_is_improved():
    assert verdict(latency([q - 0.2 for q in QUIET]), stored()) is Verdict.IMPROVED


def test_throughput_is_judged_the_other_way_round():
    view = stored(unit="images/s", better=Better.HIGHER)

    def at(shift):
        return judged(
            [Measurement.of("throughput", 10.0, CASE, timing=RelativeTime(shift + q), test="t") for q in QUIET], view
        ).judgement

    assert at(-0.2).verdict is Verdict.REGRESSED
    assert at(-0.2).ratio == pytest.approx(math.exp(-0.2))
    assert at(-0.2).low_ratio < at(-0.2).ratio < at(-0.2).high_ratio
    assert at(0.2).verdict is Verdict.IMPROVED
    assert at(0.0).verdict is Verdict.OK


def test_nothing_is_decided_between_looks():
    for n in (1, 2, 4, 6, 7):
        told = judged(latency([0.0] * n), stored())
        assert (told.judgement.verdict, told.event) == (Verdict.INCONCLUSIVE, Event.UNDECIDED), n


def test_a_change_known_to_lie_within_the_band_is_ok():
    """Also where it is known to be more than half of it."""
    told = judged(latency([0.071, 0.0715, 0.0705], band="10%"), stored((0.0, 0.001, -0.001, 0.0, 0.0)))
    assert told.judgement.low_ratio > 1.05
    assert told.judgement.verdict is Verdict.OK


def test_a_regression_on_a_disturbed_machine_is_not_called_one():
    slow = [0.2 + q for q in QUIET]
    disturbed = [measurement(n, log_ratio=one, disturbance="steal") for n, one in enumerate(slow)]
    told = judged(disturbed, baseline(), looks=(3,))
    assert (told.judgement.verdict, told.event) == (Verdict.INCONCLUSIVE, Event.DECIDED)
    assert "disturbed in 3 of 3 processes; steal" in sentences(told.judgement.reasons)
    one = [disturbed[0], *(measurement(n, log_ratio=one) for n, one in enumerate(slow[1:], 1))]
    assert verdict(one, baseline(), looks=(3,)) is Verdict.REGRESSED


def test_absurd_spread_is_still_a_judgement():
    assert verdict(latency([0.0, 600.0, -600.0]), stored()) is Verdict.INCONCLUSIVE


def test_a_noisy_change_at_the_band_stays_open_and_never_counts_as_ok():
    noisy = [0.049 + x for x in (0.02, -0.02, 0.01, -0.01, 0.015, -0.015, 0.02, -0.02)]
    early, late = (judged(latency(some), stored(), checks=50) for some in (noisy[:3], noisy))
    assert early.event is Event.UNDECIDED
    assert (late.judgement.verdict, late.event) == (Verdict.INCONCLUSIVE, Event.DECIDED)
    assert "up to +5.0% is tolerated" in sentences(late.judgement.reasons)


def test_more_checks_make_a_fail_harder_to_come_by():
    slow = latency([0.055 + q for q in (0.0, 0.01, -0.01, 0.008, -0.008, 0.0, 0.004, -0.004)])
    assert verdict(slow, stored(), checks=1) is Verdict.REGRESSED
    assert verdict(slow, stored(), checks=2000) is Verdict.INCONCLUSIVE


def test_versions_may_differ_and_are_named_when_it_regresses():
    slow = latency([0.2 + q for q in QUIET])
    judgement = judged(slow, stored(provenance={"torch": "2.14"}), now={"torch": "2.15"}).judgement
    assert judgement.verdict is Verdict.REGRESSED
    assert sentences(judgement.reasons) == "since the baseline: torch 2.14 -> 2.15"


def looked_at(log_ratios, view, checks=1):
    """The verdict of a session, which looks as it does by default."""
    for look in DEFAULTS.rounds:
        told = judged(latency(log_ratios[:look]), view, DEFAULTS.rounds, checks)
        if told.event is Event.DECIDED:
            break
    return told.judgement.verdict


def session_of_unchanged_code(rng, checks, process_sd, day_sd):
    """Verdicts of a session in which nothing changed."""
    for _ in range(checks):
        truth = [rng.gauss(0, day_sd) for _ in range(2)]
        view = stored(tuple(truth[0] + rng.gauss(0, process_sd) for _ in range(DEFAULTS.update_rounds)))
        yield looked_at([truth[1] + rng.gauss(0, process_sd) for _ in range(DEFAULTS.rounds[-1])], view, checks)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("process_sd", "day_sd"), [(0.01, 0.004), (0.017, 0.005), pytest.param(0.03, 0.01, marks=pytest.mark.long)]
)
def test_unchanged_code_practically_never_fails_a_session(process_sd, day_sd):
    """300 seeded sessions of 12 checks. The promise is below 5 % of sessions; the seen rate is 0 to 1 %."""
    rng = random.Random(11)
    failed = sum(
        any(v is Verdict.REGRESSED for v in session_of_unchanged_code(rng, 12, process_sd, day_sd)) for _ in range(300)
    )
    assert failed <= 6


@pytest.mark.slow
def test_a_tenth_slower_is_never_called_ok():
    rng = random.Random(5)
    seen = set()
    for _ in range(500):
        view = stored(tuple(rng.gauss(0, 0.015) for _ in range(DEFAULTS.update_rounds)))
        shift = math.log(1.1) + rng.gauss(0, 0.005)
        seen.add(looked_at([shift + rng.gauss(0, 0.015) for _ in range(DEFAULTS.rounds[-1])], view))
    assert Verdict.OK not in seen
    assert Verdict.REGRESSED in seen


ANCHOR = (0.0, 0.01, -0.01, 0.005, -0.005)


def against_stored(
    log_ratios, *, anchor=ANCHOR, now=None, value=0.1, provenance=None, reference_log_s=None, **procedure
):
    """The ruling on one latency against five processes that spread by 1 %, as a procedure with a recourse has it."""
    view = baseline(anchor=tuple(anchor), provenance=provenance, reference_log_s=reference_log_s)
    measured = [measurement(number, value=value, log_ratio=one) for number, one in enumerate(log_ratios, 1)]
    return ruling(measured, view, Procedure(checks=12, **procedure), now)


SLOW = [0.3, 0.31, 0.29, 0.3]
NOISY = [0.06, -0.04, 0.05, -0.03, 0.06, -0.02, 0.05, 0.02, 0.02]


def in_processes(log_ratios, best_reference_s, disturbed=()):
    """One latency, with how long its reference workload took in each process, and what that says of its machine."""
    return [
        measurement(
            n,
            value=best_s * math.exp(one),
            log_ratio=one,
            best_reference_s=best_s,
            disturbance="steal" if n in disturbed else "",
        )
        for n, (one, best_s) in enumerate(zip(log_ratios, best_reference_s, strict=True))
    ]


@pytest.mark.parametrize(
    ("best_reference_s", "disturbed", "expected"),
    [
        # The reference of the first process ran a third slower: its log ratio says nothing of the model.
        ((0.0015, 0.0011, 0.0011, 0.0011), (), Verdict.OK),
        ((0.0011,) * 4, (0,), Verdict.OK),
        ((0.0012, 0.0011, 0.0011, 0.0011), (), Verdict.INCONCLUSIVE),
    ],
)
def test_a_process_that_was_disturbed_is_left_out(best_reference_s, disturbed, expected):
    measured = in_processes([-0.35, 0.0, 0.005, -0.005], best_reference_s, disturbed)
    assert ruling(measured, baseline()).judgement.verdict is expected


def test_the_value_is_that_of_the_processes_that_were_left_alone():
    def value(disturbed):
        measured = in_processes([0.0] * 4, (0.0011,) * 4, disturbed)
        return ruling([replace(one, value=0.1 * (one.process + 1)) for one in measured], None).judgement.value

    assert value(()) == pytest.approx(0.25)
    assert value((2, 3)) == pytest.approx(0.15)
    assert value((0, 1, 2, 3)) == pytest.approx(0.25)


def test_where_a_duet_can_follow_what_is_stored_fails_nobody():
    assert against_stored(SLOW).judgement.verdict is Verdict.REGRESSED
    told = against_stored(SLOW, confirmed=True)
    assert (told.judgement.verdict, told.event) == (Verdict.INCONCLUSIVE, Event.ESCALATED)
    assert against_stored([0.0, 0.01, -0.01, 0.0], confirmed=True).judgement.verdict is Verdict.OK


@pytest.mark.parametrize("log_ratios", [SLOW, NOISY])
def test_a_verdict_without_a_duet_says_why_there_was_none(log_ratios):
    judgement = against_stored(log_ratios, unconfirmed="this clone is shallow").judgement
    assert judgement.verdict in (Verdict.REGRESSED, Verdict.INCONCLUSIVE)
    assert sentences(judgement.reasons).endswith(
        "it was not measured side by side with the baseline's code: this clone is shallow"
    )


def test_a_duet_follows_the_first_look_where_one_can():
    slow = [0.025, 0.035, 0.02, 0.04, 0.025, 0.035, 0.03, 0.03, 0.03]
    assert against_stored(slow[:1], confirmed=True).event is Event.UNDECIDED
    assert against_stored(slow[:2], confirmed=True).event is Event.ESCALATED
    assert [against_stored(slow[:n]).event for n in (2, 4, 6)] == [Event.UNDECIDED] * 3


@pytest.mark.parametrize(("spread", "event"), [(0.005, Event.UNDECIDED), (0.03, Event.ESCALATED)])
def test_a_duet_follows_at_once_where_processes_differ_too_much_for_the_look_to_clear_anything(spread, event):
    anchor = [spread * one for one in (0.0, 1.0, -1.0, 1.0, -1.0, 0.0)]
    told = against_stored([0.0], confirmed=True, anchor=anchor)
    assert (told.judgement.verdict, told.event) == (Verdict.INCONCLUSIVE, event)
    assert against_stored([0.0], anchor=anchor).event is Event.UNDECIDED


def test_where_no_duet_can_follow_noise_is_decided_at_the_last_look():
    assert against_stored(NOISY[:2]).event is Event.UNDECIDED
    assert against_stored(NOISY).event is Event.DECIDED


OLD, NEW = {"torch": "2.14"}, {"torch": "2.15"}


def test_the_very_code_of_the_baseline_is_not_blamed():
    moved = against_stored(SLOW, same_code=True, provenance=OLD, now=NEW).judgement
    assert (moved.verdict, sentences(moved.reasons).split(",")[0]) == (Verdict.REGRESSED, "the environment changed")
    still = against_stored(SLOW, same_code=True, provenance=NEW, now=NEW).judgement
    assert (still.verdict, sentences(still.reasons).split(":")[0]) == (
        Verdict.INCONCLUSIVE,
        "the machine changed, not the code",
    )


@pytest.mark.parametrize("same_code", [False, True])
def test_without_a_duet_nothing_fails_before_the_last_look(same_code):
    """The first two processes, or four, may have fallen into one bad spell of the machine."""
    for bad in (2, 4):
        measured = [0.14, 0.15, 0.145, 0.14][:bad] + [0.0, 0.01, -0.01, 0.005, 0.0, -0.005, 0.0][: 9 - bad]
        early = against_stored(measured[:bad], same_code=same_code, provenance=OLD, now=NEW)
        assert (early.judgement.verdict, early.event) == (Verdict.REGRESSED, Event.UNDECIDED)
        late = against_stored(measured, same_code=same_code, provenance=OLD, now=NEW)
        assert (late.judgement.verdict, late.event) == (Verdict.INCONCLUSIVE, Event.DECIDED)


@pytest.mark.parametrize(("slower", "verdict"), [(1.0, Verdict.OK), (1.05, Verdict.OK), (1.2, Verdict.INCONCLUSIVE)])
def test_a_machine_at_another_speed_decides_nothing(slower, verdict):
    """The reference, like the model, took ``slower`` times what it took then: the log ratio is the same."""
    judgement = against_stored([0.0] * 9, reference_log_s=math.log(0.1), value=0.1 * slower).judgement
    assert judgement.verdict is verdict
    said = "the machine itself runs 20% slower" in sentences(judgement.reasons)
    assert said is (verdict is Verdict.INCONCLUSIVE)


def test_the_machine_is_slower_where_the_reference_is_also_for_a_rate():
    """A rate falls where times rise; the reference's own time does not."""
    measured = [replace(measurement(n, "throughput"), timing=RelativeTime(0.0, 0.12)) for n in range(1, 10)]
    judgement = ruling(measured, baseline("throughput", reference_log_s=math.log(0.1))).judgement
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "the machine itself runs 20% slower" in sentences(judgement.reasons)


def test_a_change_of_speed_that_the_reference_takes_out_is_not_taken_for_sure():
    calm, drifted = (
        against_stored([0.0] * 4, reference_log_s=math.log(0.1), value=0.1 * factor).judgement for factor in (1.0, 1.08)
    )
    assert drifted.high_ratio > calm.high_ratio


@pytest.mark.parametrize(
    ("anchor", "sessions", "said"),
    [
        ((0.0,), (), "recorded in one process, so how much it varies is assumed"),
        ((0.0, 0.01), (), "recorded in one session, so how much days differ is taken from other tests, or assumed"),
        ((0.0, 0.01), ((0.0, 0.01),), ""),
    ],
)
def test_an_open_verdict_says_what_its_baseline_does_not_know(anchor, sessions, said):
    apart = [0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1, 0.0, 0.0]
    measured = [measurement(number, log_ratio=one) for number, one in enumerate(apart, 1)]
    judgement = ruling(measured, baseline(anchor=anchor, sessions=sessions)).judgement
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert said in sentences(judgement.reasons)
    assert ("assumed" in sentences(judgement.reasons)) is bool(said)
