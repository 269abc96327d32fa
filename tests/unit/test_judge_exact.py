"""Verdicts on deterministic measurements, which one process settles."""

from dataclasses import replace

import pytest

from pytest_modelbench.core.bands import parse_band
from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.core.metrics import METRICS, Better
from pytest_modelbench.core.verdicts import BaselineView, Verdict
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


def test_a_deterministic_metric_that_differs_between_processes_is_a_regression():
    measured = [Measurement.of("macs", value, CASE, test="t", process=i) for i, value in enumerate((100, 90))]
    judgement = ruling(measured, BaselineView("c", "count", Better.LOWER, 100)).judgement
    assert judgement.verdict is Verdict.REGRESSED
    assert "differs between processes" in sentences(judgement.reasons)
