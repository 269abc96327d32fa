"""Verdicts on deterministic measurements, which one process settles."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.bands import parse_band
from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.environment import Difference
from pytest_modelbench.core.measurement import Comparability, Measurement
from pytest_modelbench.core.metrics import METRICS, Better
from pytest_modelbench.core.observations import numbers, scores
from pytest_modelbench.core.reasons import ItemsChanged, Parted, Since
from pytest_modelbench.core.trail import Step, Trail
from pytest_modelbench.core.verdicts import BaselineView, Verdict
from pytest_modelbench.judge.exact import Made, contradicting
from pytest_modelbench.judge.state import Event
from pytest_modelbench.report.reasons import sentences
from tests.unit.simulated import ruling

CASE = NamedCase("c")


@pytest.mark.parametrize(
    ("metric", "band", "now", "then", "expected"),
    [
        ("parameters", None, 100, 100, Verdict.OK),
        ("parameters", None, 101, 100, Verdict.REGRESSED),
        ("parameters", None, 99, 100, Verdict.REGRESSED),
        ("macs", None, 99, 100, Verdict.IMPROVED),
        ("macs", None, 101, 100, Verdict.REGRESSED),
        ("macs", "1%", 101, 100, Verdict.OK),
        ("macs", "1%", 102, 100, Verdict.REGRESSED),
        ("macs", None, 1, 0, Verdict.REGRESSED),
        ("macs", None, 0, 0, Verdict.OK),
        ("macs", None, 10**15, 5e-324, Verdict.REGRESSED),
        ("top1", None, 0.9, 0.9, Verdict.OK),
        ("top1", None, 0.85, 0.9, Verdict.REGRESSED),
        ("top1", "5pp", 0.85, 0.9, Verdict.OK),
        ("top1", "4pp", 0.85, 0.9, Verdict.REGRESSED),
        ("top1", None, 0.95, 0.9, Verdict.IMPROVED),
        ("peak_allocated_memory", None, 100 * 2**20, 99 * 2**20, Verdict.OK),
        ("peak_allocated_memory", None, 102 * 2**20, 99 * 2**20, Verdict.REGRESSED),
    ],
)
def test_deterministic_metrics_are_held_to_their_band(metric, band, now, then, expected):
    metric = METRICS[metric]
    if band:
        metric = replace(metric, band=parse_band(band, metric.unit, ""))
    told = ruling(
        [Measurement(metric.name, metric, CASE, now, test="t")], BaselineView("c", metric.unit, metric.better, then)
    )
    assert (told.judgement.verdict, told.event) == (expected, Event.DECIDED)
    assert told.judgement.ratio is None or math.isfinite(told.judgement.ratio)


def test_a_deterministic_metric_that_differs_between_processes_is_a_regression():
    measured = [Measurement.of("macs", value, CASE, test="t", process=i) for i, value in enumerate((100, 90))]
    judgement = ruling(measured, BaselineView("c", "count", Better.LOWER, 100)).judgement
    assert judgement.verdict is Verdict.REGRESSED
    assert "the same in every process, but is not" in sentences(judgement.reasons)


def test_a_regression_tells_all_that_differs_since_its_baseline_and_what_is_ok_does_not():
    moved = Difference("torch", "2.14", "2.15"), Difference("timm", "1", "2")
    then, now = {"torch": "2.14", "timm": "1"}, {"torch": "2.15", "timm": "2"}
    for value, reasons in ((101, (Since(moved),)), (100, ()), (99, ())):
        measured = [Measurement.of("macs", value, CASE, test="t")]
        view = BaselineView("c", "count", Better.LOWER, 100, provenance=then)
        assert ruling(measured, view, now=now).judgement.reasons == reasons


def output(value, *parts):
    """An output by a few of its numbers, held to 0.01 %."""
    metric = replace(METRICS["parameters"], name="output", unit="rms", band=parse_band("0.01%", "rms", ""))
    return Measurement("output", metric, CASE, value, observations=numbers(parts), test="t")


@pytest.mark.parametrize("order", [1, -1])
def test_a_process_whose_numbers_are_off_is_not_hidden_by_one_whose_value_is(order):
    """The value is a summary: another one may be farther out, and have every number in its place."""
    measured = [output(1.0, 1.0, -0.5 + 2e-4), output(1.0 + 1e-9, 1.0, -0.5)][::order]
    view = BaselineView("c", "rms", Better.EQUAL, 1.0, observations=numbers([1.0, -0.5]))
    assert ruling(measured[:1], view).judgement.verdict is (Verdict.REGRESSED if order == 1 else Verdict.OK)
    assert ruling(measured, view).judgement.verdict is Verdict.REGRESSED


def test_what_one_process_made_of_other_data_stays_incomparable():
    one = Measurement.of("macs", 100, CASE, test="t")
    other = replace(one, comparability=Comparability(data="other"))
    view = BaselineView("c", "count", Better.LOWER, 100)
    for measured in ([other], [other, one], [one, other]):
        judgement = ruling(measured, view).judgement
        assert judgement.verdict is Verdict.INCOMPARABLE
        assert sentences(judgement.reasons) == "the data changed from none to 'other'"


IMAGES = [0.8 + 0.001 * (number % 7) for number in range(200)]
ALL_LOSE, ONE_LOSES = [score - 0.006 for score in IMAGES], [0.7, *IMAGES[1:]]
MIOU = [
    Measurement.of("miou", 0.8 + change, CASE, observations=scores(images) if images else None, test="t")
    for change in (0.0, -1e-6, -0.006, -0.007, -0.02, 0.006, 0.02)
    for images in (IMAGES, ALL_LOSE, ONE_LOSES, None)
]
OUTPUTS = [output(1.0 + off, 1.0, -0.5 + apart) for off in (0.0, 1e-9, 2e-4) for apart in (0.0, 9e-5, 2e-4)]
COUNTS = [
    Measurement.of("macs", value, CASE, comparability=Comparability(data), test="t")
    for value in (99, 100, 101)
    for data in ("", "other")
]
VIEWS = {
    "miou": BaselineView("c", "fraction", Better.HIGHER, 0.8, observations=scores(IMAGES)),
    "output": BaselineView("c", "rms", Better.EQUAL, 1.0, observations=numbers([1.0, -0.5])),
    "macs": BaselineView("c", "count", Better.LOWER, 100),
}
BADNESS = [Verdict.OK, Verdict.IMPROVED, Verdict.REGRESSED, Verdict.INCOMPARABLE]


@pytest.mark.slow
@given(st.sampled_from([MIOU, OUTPUTS, COUNTS]).flatmap(lambda pool: st.lists(st.sampled_from(pool), min_size=2)))
def test_a_later_process_makes_a_verdict_worse_and_never_better(measured):
    view = VIEWS[measured[0].name]
    verdicts = [ruling(measured[:n], view).judgement.verdict for n in range(1, len(measured) + 1)]
    assert verdicts == sorted(verdicts, key=BADNESS.index)


def operators(amounts, metric="operators", band=None):
    breakdown = Breakdown.of({("stem", what): amount for what, amount in amounts.items()})
    found = METRICS[metric] if band is None else replace(METRICS[metric], band=parse_band(band, "count", ""))
    return Measurement(metric, found, CASE, breakdown.total, breakdown=breakdown, test="t")


def items(amounts):
    return BaselineView(
        "c", "count", Better.LOWER, sum(amounts.values()),
        breakdown=Breakdown.of({("stem", what): amount for what, amount in amounts.items()}),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("then", "now", "expected"),
    [
        ({"a": 2}, {"a": 2}, Verdict.OK),
        ({"a": 2}, {"a": 3}, Verdict.REGRESSED),
        ({"a": 2, "b": 1}, {"a": 2}, Verdict.IMPROVED),
        ({"a": 2, "b": 1}, {"b": 3}, Verdict.REGRESSED),
        ({"a": 2}, {"b": 1}, Verdict.IMPROVED),
    ],
)
def test_each_kind_of_operator_counts_and_a_change_is_told_item_by_item(then, now, expected):
    judgement = ruling([operators(now)], items(then)).judgement
    assert judgement.verdict is expected
    told = [reason for reason in judgement.reasons if isinstance(reason, ItemsChanged)]
    changes = items(then).breakdown.changes(operators(now).breakdown)
    assert told == ([ItemsChanged("count", changes)] if expected is not Verdict.OK else [])


def test_other_kinds_of_the_same_sum_pass_where_the_sum_alone_counts_or_a_band_is_asked_for():
    then, now = {"a": 2}, {"b": 2}
    assert ruling([operators(now, "allocations")], items(then)).judgement.verdict is Verdict.OK
    assert ruling([operators(now, band="1%")], items(then)).judgement.verdict is Verdict.OK


def test_a_process_with_other_kinds_speaks_for_all():
    then = {"a": 2}
    measured = [replace(operators(one), process=number) for number, one in enumerate((then, {"b": 2}, then))]
    assert ruling(measured, items(then)).judgement.verdict is Verdict.REGRESSED
    assert contradicting(measured, 2, Made(None, items(then).breakdown)) == measured[1]
    assert contradicting(measured[::2], 2, Made(None, items(then).breakdown)) is None


def test_moved_to_another_part_is_no_change_of_what_runs():
    moved = replace(operators({"a": 2}), breakdown=Breakdown.of({("head", "a"): 2}))
    assert ruling([moved], items({"a": 2})).judgement.verdict is Verdict.OK


def trailed(rms, *parts, number=1.0):
    trail = Trail(tuple(Step(module, size, (size,)) for module, size in parts))
    metric = replace(METRICS["output"], band=parse_band("1%", "rms", ""))
    return Measurement("output", metric, CASE, rms, observations=numbers([rms, number]), trail=trail, test="t")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (trailed(1.0, ("stem", 1.0), ("head", 1.0)), []),
        (trailed(1.1, ("stem", 1.0005), ("head", 1.2)), [Parted("head", pytest.approx(0.2))]),
        (trailed(1.1, ("stem", 1.002), ("head", 1.2)), [Parted("stem", pytest.approx(0.002))]),
        (trailed(1.1, ("new", 1.0), ("head", 1.2)), [Parted("new", None)]),
        # Within the band, nothing is to be found.
        (trailed(1.005, ("stem", 1.5), ("head", 1.5)), []),
        (replace(trailed(1.1), trail=None), []),
    ],
)
def test_an_output_that_is_another_one_is_told_with_the_first_part_that_is(now, expected):
    stored = trailed(1.0, ("stem", 1.0), ("head", 1.0))
    view = BaselineView("c", "rms", Better.EQUAL, 1.0, observations=stored.observations, trail=stored.trail)
    judgement = ruling([now], view).judgement
    assert (judgement.verdict is Verdict.REGRESSED) == (now.value > 1.01)
    assert [reason for reason in judgement.reasons if isinstance(reason, Parted)] == expected
