"""What can be a measurement, what it is called, and that it survives the way between processes."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_modelbench.core.bands import Band
from pytest_modelbench.core.case import Case, NamedCase
from pytest_modelbench.core.errors import MeasureError
from pytest_modelbench.core.measurement import Comparability, Measurement, Quality, RelativeTime, undisturbed
from pytest_modelbench.core.metrics import Better, Metric, Scope
from pytest_modelbench.workers.events import Recorded
from pytest_modelbench.workers.wire import decode, encode

NAMED = NamedCase("c")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_measurements_that_are_not_finite_do_not_exist(value):
    with pytest.raises(MeasureError, match="not a finite number"):
        Measurement.of("macs", value, NAMED)
    with pytest.raises(MeasureError, match=r"log ratio to the reference is .* not a finite number"):
        Measurement.of("latency", 1.0, NAMED, timing=RelativeTime(value))


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_times_that_are_not_positive_do_not_exist(value):
    with pytest.raises(MeasureError, match="not a positive measurement"):
        Measurement.of("latency", value, NAMED, timing=RelativeTime(0.0))


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (Case("resnet50", 32, (224, 224)), "resnet50-b32-224-fp32"),
        (Case("fcos", 1, (512, 1024), "amp-bf16", "detection", "backward", "compile"),
         "fcos-b1-512x1024-amp-bf16-compile-detection-backward"),
    ],
)  # fmt: skip
def test_cases_have_readable_names(case, expected):
    assert case.id == expected


TEXTS = st.text(max_size=30)
CASES = st.builds(NamedCase, TEXTS) | st.builds(
    Case, TEXTS, st.integers(1, 64), st.tuples(st.integers(1, 999), st.integers(1, 999)), *[TEXTS] * 5
)


@settings(deadline=None)  # the first one builds the reader of all events
@given(
    st.floats(1e-12, 1e12),
    st.floats(-50, 50),
    TEXTS,
    CASES,
    st.sampled_from(Better),
    st.sampled_from(Scope),
    st.lists(st.floats(0, 1e6), max_size=4),
)
def test_measurements_survive_the_way_between_processes(value, log_ratio, text, case, better, scope, samples):
    metric = Metric(text, "widgets", better, scope, Band(0.1, 2.0, "10% + 2"), noisy=True)
    timing = RelativeTime(log_ratio, value, value, 3, rate=True)
    one = Measurement(
        text, metric, case, value, timing, tuple(samples), Comparability(text, text, text), Quality(text, 8, 1),
        figures={"a": 1, "b": 0.5, "c": text, "d": None}, test=text, process=3,
    )  # fmt: skip
    assert decode(encode(Recorded(one)).rstrip(b"\n")) == Recorded(one)


@pytest.mark.parametrize(
    ("references_ms", "disturbed", "left"),
    [
        ([1.0, 1.1, 1.05, 1.0], (), [0, 1, 2, 3]),
        ([1.7, 1.1, 1.05, 1.0], (), [1, 2, 3]),
        ([1.7, 1.6, 1.05, 1.0], (), [2, 3]),
        # Most are slowed: so the machine is.
        ([1.7, 1.6, 1.8, 1.0], (), [0, 1, 2, 3]),
        ([1.7, 1.6, 1.8, 1.0], (1,), [0, 2, 3]),
        ([1.7, 1.6, 1.0, 1.0], (2, 3), [0, 1]),
        ([1.0, 1.0], (0, 1), []),
    ],
)
def test_processes_that_ran_slowed_are_left_out_where_most_did_not(references_ms, disturbed, left):
    measured = [
        Measurement.of(
            "latency", 0.1, NAMED, timing=RelativeTime(0.0, one_ms / 1e3, 0.001), process=number,
            quality=Quality("steal" if number in disturbed else ""),
        )
        for number, one_ms in enumerate(references_ms)
    ]  # fmt: skip
    assert [one.process for one in undisturbed(measured)] == left
