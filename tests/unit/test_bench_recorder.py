"""Metrics of one's own: what is recorded of them, and which are refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy
import pytest
import torch

from pytest_modelbench.bench.outcomes import Outcomes
from pytest_modelbench.bench.recorder import Own, Recorder
from pytest_modelbench.core.bands import Band, parse_band
from pytest_modelbench.core.errors import MeasureError, UsageError
from pytest_modelbench.core.metrics import METRICS, Better, Scope
from pytest_modelbench.core.observations import hits
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.judge.judging import judge
from pytest_modelbench.judge.procedure import Compared, Procedure


def recorded(name, value=None, outcomes=None, *, bands=None, band=None, **own):
    """What one call of `ModelBench.record` sends on."""
    sent = []
    bench = SimpleNamespace(
        settings=Settings(bands=bands or {}), process=1, record=sent.append, forget=lambda test: None
    )
    recorder = Recorder(bench, "test_it.py::test_one")
    if outcomes is None:
        recorder.record_own(name, value, Own(**own), band=band)
    else:
        recorder.record_outcomes(name, value, outcomes, Own(**own), band=band)
    return sent[0]


def test_a_number_is_a_count_of_which_fewer_are_better():
    one = recorded("layers", 3)
    assert (one.value, one.metric.unit, one.metric.better, one.metric.band) == (3.0, "count", Better.LOWER, Band())
    with pytest.raises(UsageError, match=r"record\('layers'\): there is neither a value nor outcomes=; pass one"):
        recorded("layers")


RIGHT = [True, False, True, True]


@pytest.mark.parametrize("value", [None, 0.75, numpy.float32(0.75)])
@pytest.mark.parametrize("outcomes", [RIGHT, tuple(RIGHT), [1, 0, 1, 1], numpy.array(RIGHT), torch.tensor(RIGHT)])
def test_outcomes_are_a_fraction_that_is_judged_sample_by_sample(value, outcomes):
    one = recorded("recall_at_1", value, outcomes)
    metric = one.metric
    assert (one.value, one.observations, one.sample_names) == (0.75, hits(RIGHT), None)
    assert (metric.unit, metric.better, metric.scope, metric.noisy) == (
        "fraction",
        Better.HIGHER,
        Scope.PORTABLE,
        False,
    )
    assert metric.band == METRICS["top1"].band
    assert (one.comparability.data, one.figures) == ("4 samples", {"samples": 4})


def test_outcomes_by_name_are_the_same_in_any_order():
    one = recorded("recall_at_1", outcomes={"b": False, "a": True, "c": True})
    other = recorded("recall_at_1", outcomes={"c": True, "b": False, "a": True})
    assert one == other
    assert (one.observations, one.sample_names.unpacked()) == (hits([True, False, True]), ("a", "b", "c"))
    renamed = recorded("recall_at_1", outcomes={"d": False, "a": True, "c": True})
    assert renamed.comparability != one.comparability


def test_band_of_the_test_and_of_the_settings_hold_for_outcomes_as_well():
    assert recorded("recall", outcomes=RIGHT, band="exact").metric.band == Band()
    half = recorded("recall", outcomes=RIGHT, bands={"recall": "sampling + 1pp"}).metric.band
    assert half == parse_band("sampling + 1pp", "fraction", "")


@pytest.mark.parametrize(
    ("value", "outcomes", "own", "error", "message"),
    [
        (0.7, RIGHT, {}, MeasureError, "the value is 0.7, and the mean of its 4 outcomes is 0.75; leave the value out"),
        (75, RIGHT, {}, MeasureError, "the value is 75, and the mean"),
        (None, [], {}, MeasureError, "outcomes= holds no samples"),
        (None, [0.5], {}, UsageError, "outcomes= holds 0.5; each is True or False"),
        (None, ["yes"], {}, UsageError, "outcomes= holds 'yes'; each is True or False"),
        (None, numpy.ones((2, 2)), {}, UsageError, r"outcomes= holds \[1.0, 1.0\]; each is True or False"),
        (None, [numpy.ones(2)], {}, UsageError, "outcomes= holds array"),
        (None, RIGHT, {"noisy": True}, UsageError, "noisy=True goes with times"),
        (None, RIGHT, {"unit": "count"}, UsageError, "unit='count': the mean of outcomes is a 'fraction'"),
        (None, RIGHT, {"better": "lower"}, UsageError, "outcomes= are True where a sample is right"),
        (None, RIGHT, {"better": "more"}, UsageError, "better='more' is none of lower, higher, equal"),
    ],
)
def test_outcomes_that_contradict_are_refused(value, outcomes, own, error, message):
    with pytest.raises(error, match=message):
        recorded("recall_at_1", value, outcomes, **own)


@pytest.mark.parametrize("name", ["top1", "recall@1"])
def test_names_are_ones_own(name):
    with pytest.raises(UsageError, match=r"is a metric of this package|a name is letters, digits and underscores"):
        recorded(name, outcomes=RIGHT)


def verdict(now, then):
    then, now = (recorded("recall_at_1", outcomes=one) for one in (then, now))
    view = BaselineView(
        "recall_at_1", "fraction", Better.HIGHER, then.value, then.comparability, observations=then.observations
    )
    return judge(Compared([now], view), Procedure()).judgement.verdict


def test_a_sample_of_a_hundred_is_chance_and_six_are_not():
    right = [True] * 100
    assert verdict([False, *right[1:]], right) is Verdict.OK
    assert verdict([False] * 6 + right[6:], right) is Verdict.REGRESSED
    assert verdict(right, [False] * 6 + right[6:]) is Verdict.IMPROVED


def test_more_samples_than_before_are_other_data():
    assert verdict([True] * 5, [True] * 4) is Verdict.INCOMPARABLE
    assert Outcomes.of([True], "").data != Outcomes.of([True, True], "").data
