"""Verdicts on deterministic measurements by what they were made of: the same samples, or the same numbers."""

import math
from dataclasses import replace

import pytest

from pytest_modelbench.core.bands import parse_band
from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.observations import Observations, Observed, hits, numbers, scores
from pytest_modelbench.core.sample_names import SampleNames
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.judge.per_sample import largest_deviation, paired_change
from pytest_modelbench.report.reasons import sentences
from tests.unit.simulated import ruling

CASE = NamedCase("c")


def of_hits(lost, won, total):
    """The same samples before and after: ``lost`` and ``won`` of them changed."""
    then = [1.0] * (total - won) + [0.0] * won
    now = [0.0] * lost + [1.0] * (total - lost)
    return Observations(Observed.HITS, tuple(then)), Observations(Observed.HITS, tuple(now))


@pytest.mark.parametrize(
    ("lost", "won", "worse", "better"),
    # One-sided sign test at 5 %: 1/32 for five of five, 1/16 for four of four; 7/64 for five of six.
    [(0, 0, False, False), (1, 0, False, False), (4, 0, False, False), (5, 0, True, False), (0, 5, False, True),
     (5, 1, False, False), (7, 1, True, False)],
)  # fmt: skip
def test_a_change_counts_once_chance_does_not_explain_it(lost, won, worse, better):
    change = paired_change(*of_hits(lost, won, 100))
    assert (change.worse, change.better) == (worse, better)
    assert change.mean == pytest.approx((won - lost) / 100)
    assert change.low < change.mean < change.high or lost == won


def test_the_interval_says_something_also_where_nothing_changed():
    change = paired_change(*of_hits(0, 0, 98))
    # Agresti and Min: 1.96 * sqrt(1) / 100.
    assert (change.low, change.high) == (pytest.approx(-0.0196), pytest.approx(0.0196))


def test_many_flips_are_judged_by_the_normal_approximation_alike():
    assert paired_change(*of_hits(560, 500, 4000)).worse is True
    assert paired_change(*of_hits(530, 500, 4000)).worse is False


def test_scores_are_compared_sample_by_sample():
    then = Observations(Observed.SCORES, (0.9, 0.8, 0.7, 0.95))
    now = replace(then, values=(0.8, 0.71, 0.6, 0.86))
    change = paired_change(then, now)
    assert change.worse
    assert change.mean == pytest.approx(-0.095)
    assert not paired_change(then, replace(then, values=(0.95, 0.75, 0.7, 0.95))).worse


def test_other_samples_are_not_paired():
    then, _ = of_hits(0, 0, 10)
    assert paired_change(then, of_hits(0, 0, 11)[0]) is None
    assert paired_change(then, Observations(Observed.SCORES, then.values)) is None
    assert largest_deviation(then, then) is None


def accuracy(value, correct, then_value, then_correct, band=None):
    metric = METRICS["top1"]
    if band:
        metric = replace(metric, band=parse_band(band, "fraction", ""))
    one = Measurement("top1", metric, CASE, value, observations=hits(correct), test="t")
    baseline = BaselineView("c", "fraction", metric.better, then_value, observations=hits(then_correct))
    return ruling([one], baseline).judgement


def with_losses(lost, band=None, total=100):
    right = [True] * total
    return accuracy(1 - lost / total, [False] * lost + right[lost:], 1.0, right, band)


def test_one_flipped_sample_of_a_hundred_is_no_regression():
    judgement = with_losses(1)
    assert judgement.verdict is Verdict.OK
    assert sentences(judgement.reasons) == (
        "1 of 100 samples newly wrong: sample 0; on average -1.0 pp (95 % sure: -3.7 to +1.7); that may be chance"
    )
    assert with_losses(6).verdict is Verdict.REGRESSED


@pytest.mark.parametrize(
    ("total", "lost", "verdict"),
    # One sample, or one point of all: chance would explain all of these.
    [(20, 1, Verdict.OK), (20, 2, Verdict.REGRESSED), (20, 3, Verdict.REGRESSED), (199, 1, Verdict.OK),
     (199, 2, Verdict.REGRESSED), (300, 3, Verdict.OK), (300, 4, Verdict.REGRESSED)],
)  # fmt: skip
def test_what_few_samples_cannot_tell_from_chance_is_excused_up_to_one_or_a_point(total, lost, verdict):
    assert not paired_change(*of_hits(lost, 0, total)).worse
    assert with_losses(lost, total=total).verdict is verdict


def test_message_says_why_chance_is_no_excuse():
    assert sentences(with_losses(3, total=20).reasons) == (
        "3 of 20 samples newly wrong: sample 0, sample 1, sample 2; on average -15.0 pp (95 % sure: -30.5 to +3.2); "
        "a change of more than 5.0 pp is never taken for chance"
    )
    assert sentences(with_losses(40, total=4000).reasons).endswith("; that is more than chance explains")


def named(metric, now, then, names, value=0.5):
    """What is told of a change of these observations of samples with such names."""
    one = Measurement.of(metric, value, CASE, observations=now, sample_names=SampleNames.of(names), test="t")
    baseline = BaselineView("c", "fraction", one.metric.better, 0.5, observations=then)
    (reason,) = ruling([one], baseline).judgement.reasons
    return reason


def test_samples_that_changed_are_named_in_the_order_of_the_data():
    then, now = hits([True, True, True, False, True]), hits([False, True, False, True, True])
    reason = named("top1", now, then, ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg", "b/3.jpg"])
    assert (reason.lost_names, reason.won_names, reason.graded) == (("a/1.jpg", "b/1.jpg"), ("b/2.jpg",), False)
    assert named("top1", now, then, []).lost_names == ("sample 0", "sample 2")


def test_of_scores_those_that_changed_most_come_first():
    reason = named("miou", scores([0.7, 0.2, 0.9, 0.8]), scores([0.8, 0.8, 0.8, 0.8]), ["a", "b", "c", "d"])
    assert (reason.lost_names, reason.won_names, reason.graded) == (("b", "a"), ("c",), True)


def test_limit_is_for_losses_less_gains_in_both_directions():
    judgement = accuracy(0.95, [False] * 5 + [True] * 95, 0.96, [True] * 96 + [False] * 4)
    assert judgement.verdict is Verdict.OK
    judgement = accuracy(0.96, [True] * 96 + [False] * 4, 0.94, [False] * 6 + [True] * 94)
    assert judgement.verdict is Verdict.IMPROVED


def test_unless_the_band_says_so():
    assert with_losses(1, "exact").verdict is Verdict.REGRESSED
    assert with_losses(6, "sampling + 6pp").verdict is Verdict.OK
    assert with_losses(7, "sampling + 6pp").verdict is Verdict.REGRESSED


def test_an_accuracy_without_observations_is_held_as_it_is():
    metric = METRICS["top1"]
    one = Measurement("top1", metric, CASE, 0.99, observations=hits([True]), test="t")
    baseline = BaselineView("c", "fraction", metric.better, 1.0)
    assert ruling([one], baseline).judgement.verdict is Verdict.REGRESSED


def miou(change, then, now, band=None):
    """mIoU moved by ``change``, with these scores of images before and after."""
    metric = METRICS["miou"]
    if band:
        metric = replace(metric, band=parse_band(band, "fraction", ""))
    one = Measurement("miou", metric, CASE, 0.8 + change, observations=scores(now), test="t")
    baseline = BaselineView("c", "fraction", metric.better, 0.8, observations=scores(then))
    return ruling([one], baseline).judgement


IMAGES = [0.8 + 0.001 * (number % 7) for number in range(200)]


@pytest.mark.parametrize("change", [1e-6, -1e-6, 0.0038, -0.0038])
def test_no_moved_score_is_no_change_within_a_step_of_them(change):
    judgement = miou(change, IMAGES, IMAGES)
    assert judgement.verdict is Verdict.OK
    assert sentences(judgement.reasons) == (
        "none of 200 samples changed; on average +0.0 pp (95 % sure: -0.4 to +0.4); that may be chance"
    )


def test_beyond_a_step_of_the_scores_one_would_have_moved():
    judgement = miou(-0.0041, IMAGES, IMAGES)
    assert judgement.verdict is Verdict.REGRESSED
    assert sentences(judgement.reasons).endswith(
        "; the figure itself moved by -0.4 pp, which these samples do not explain"
    )
    assert miou(0.0041, IMAGES, IMAGES).verdict is Verdict.IMPROVED


def test_unless_the_band_is_exact():
    judgement = miou(-1e-6, IMAGES, IMAGES, "exact")
    assert judgement.verdict is Verdict.REGRESSED
    assert sentences(judgement.reasons).startswith("none of 200 samples changed")


def moved(*changes):
    return [score + change for score, change in zip(IMAGES, [*changes, *[0.0] * 200], strict=False)]


def test_lost_class_of_two_images_is_beyond_what_chance_explains():
    # One of six classes, at 0.8 in two images: 13 points of mIoU, and a mean over images with t = 1.4.
    now = moved(-0.13, -0.13)
    assert not paired_change(scores(IMAGES), scores(now)).worse
    judgement = miou(-0.13, IMAGES, now)
    assert judgement.verdict is Verdict.REGRESSED
    assert sentences(judgement.reasons).endswith("; a change of more than 1.0 pp is never taken for chance")
    assert miou(-0.0099, IMAGES, now).verdict is Verdict.OK


def test_mean_of_the_other_sign_explains_nothing():
    risen = moved(0.1)
    assert miou(-0.006, IMAGES, risen).verdict is Verdict.REGRESSED
    assert miou(0.006, IMAGES, risen).verdict is Verdict.OK
    # Within a step, rounding alone may have turned the sign.
    assert miou(-1e-6, IMAGES, risen).verdict is Verdict.OK


def test_what_all_images_lose_counts_however_little():
    judgement = miou(-0.006, IMAGES, [score - 0.006 for score in IMAGES])
    assert judgement.verdict is Verdict.REGRESSED
    assert sentences(judgement.reasons).endswith("; that is more than chance explains")


@pytest.mark.parametrize(("apart", "verdict"), [(0.0, Verdict.OK), (9e-5, Verdict.OK), (2e-4, Verdict.REGRESSED)])
def test_outputs_are_compared_number_by_number(apart, verdict):
    metric = replace(METRICS["parameters"], name="output", unit="rms", band=parse_band("0.01%", "rms", ""))
    one = Measurement("output", metric, CASE, 1.0, observations=numbers([1.0, -0.5 + apart]), test="t")
    baseline = BaselineView("c", "rms", metric.better, 1.0, observations=numbers([1.0, -0.5]))
    judgement = ruling([one], baseline).judgement
    assert judgement.verdict is verdict
    assert math.isfinite(judgement.value)
