"""The guide's rules: which measurement is a row's, how many images fit, which model is recommended."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_modelbench.core.case import Case, NamedCase
from pytest_modelbench.published.guide.capacity import USABLE, MemoryLine, fit
from pytest_modelbench.published.guide.cases import Setting, Subject, read_case
from pytest_modelbench.published.guide.choice import (
    Candidate,
    balanced,
    fastest,
    front,
    leanest,
    most_accurate,
    within,
)

NAMES = st.text(min_size=1, max_size=12)
SIDES = st.integers(1, 4096)
PRECISIONS = st.sampled_from(["fp32", "bf16", "fp16", "amp-bf16", "amp-fp16"])
TASKS = st.sampled_from(["classification", "detection", "instance_segmentation", "segmentation"])
MODES = st.sampled_from(["inference", "train", "backward"])
TECHNIQUES = st.sampled_from(["", "checkpoint", "channels_last+compile(mode=max-autotune)", "act=mish"])


@given(NAMES, SIDES, SIDES, SIDES, PRECISIONS, TASKS, MODES, TECHNIQUES)
def test_a_case_is_found_by_its_subject_at_its_setting(
    model, batch_size, height, width, precision, task, mode, technique
) -> None:
    case = Case(model, batch_size, (height, width), precision, task, mode, technique)
    subject = Subject(model, task, technique, mode)
    assert read_case(case) == (subject, Setting(batch_size, (height, width), precision))
    # What it was scored on is no part of what it is.
    assert read_case(replace(case, data="photos")) == read_case(case)


def test_what_is_not_the_setting_tells_subjects_apart() -> None:
    plain = Case("resnet50", 1, (224, 224))
    others = [
        replace(plain, model="resnet50-b1"),
        replace(plain, task="detection"),
        replace(plain, technique="checkpoint"),
        replace(plain, mode="train"),
    ]
    found = [read_case(case) for case in (plain, *others)]
    assert len({read[0] for read in found if read}) == 5


@pytest.mark.parametrize("name", ["answer", "resnet50-b1-224-fp32", ""])
def test_what_a_test_gave_a_name_is_of_no_model(name) -> None:
    assert read_case(NamedCase(name)) is None


def test_amp_is_either_of_its_types() -> None:
    asked = {precision: Setting(1, (224, 224), precision).is_precision("amp") for precision in ("amp-fp16", "amp-bf16")}
    assert asked == {"amp-fp16": True, "amp-bf16": True}
    assert not Setting(1, (224, 224), "fp16").is_precision("amp")
    assert not Setting(1, (224, 224), "amp-fp16").is_precision("amp-bf16")
    assert str(Setting(2, (512, 1024), "bf16")) == "batch 2, 512 x 1024, bf16"


def test_memory_is_a_line_through_the_peaks() -> None:
    assert fit({1: 110.0, 8: 180.0, 32: 420.0}) == MemoryLine(100.0, 10.0, (1, 8, 32), 0.0)


def test_the_line_says_how_far_it_misses() -> None:
    line = fit({0: 100.0, 1: 130.0, 2: 100.0, 3: 130.0})
    assert line is not None
    assert (line.per_image_bytes, line.fixed_bytes) == (pytest.approx(6.0), pytest.approx(106.0))
    assert line.off == pytest.approx(0.18)  # 118 in place of 100 at batch 2


@pytest.mark.parametrize("peaks", [{}, {32: 100.0}, {1: 100.0, 8: 100.0}, {1: 100.0, 8: 90.0}])
def test_there_is_no_line_through_one_point_and_none_that_does_not_rise(peaks) -> None:
    assert fit(peaks) is None


@given(st.integers(1, 10**9), st.integers(1, 10**8), st.integers(1, 10**10))
def test_the_largest_batch_fits_and_the_next_does_not(fixed, per_image, memory) -> None:
    line = MemoryLine(fixed, per_image, (1, 2), 0.0)
    largest = line.largest_batch(memory)
    assert line.peak_bytes(largest) <= USABLE * memory or largest == 0
    assert line.peak_bytes(largest + 1) > USABLE * memory


SMALL = Candidate("small", 0.001, 0.68, parameter_bytes=10.0, peak_train_bytes=2.0)
MIDDLE = Candidate("middle", 0.002, 0.80, parameter_bytes=100.0, peak_train_bytes=5.0)
SLOW = Candidate("slow", 0.004, 0.79, parameter_bytes=90.0, peak_train_bytes=1.0)
LARGE = Candidate("large", 0.016, 0.86, parameter_bytes=1000.0, peak_train_bytes=9.0)
UNTIMED = Candidate("untimed", None, 0.99)
UNRATED = Candidate("unrated", 0.0001)
ALL = (LARGE, UNTIMED, SLOW, MIDDLE, UNRATED, SMALL)


def test_choices_look_at_one_figure_and_pass_over_who_lacks_it() -> None:
    assert fastest(ALL) is UNRATED
    assert most_accurate(ALL) is UNTIMED
    assert leanest(ALL) is SLOW
    assert [choose(()) for choose in (fastest, most_accurate, leanest, balanced)] == [None] * 4
    assert most_accurate([UNRATED]) is None


def test_the_front_leaves_out_who_is_beaten_on_both_axes() -> None:
    assert front(ALL) == [SMALL, MIDDLE, LARGE]


def test_of_two_as_fast_only_the_more_accurate_is_on_the_front() -> None:
    assert front([replace(MIDDLE, name="worse", accuracy=0.7), MIDDLE]) == [MIDDLE]
    assert front([replace(MIDDLE, name="bigger", parameter_bytes=101.0), MIDDLE]) == [MIDDLE]


def test_balanced_is_the_nearest_to_both_ends() -> None:
    # Small (0, 0), middle (.25, .67), large (1, 1) on axes from 0 to 1: distances to (0, 1) are 1, .42 and 1.
    assert balanced(ALL) is MIDDLE
    assert balanced([LARGE, SMALL]) is SMALL  # as near: the faster
    assert balanced([LARGE]) is LARGE


def test_ties_go_to_the_faster_then_the_smaller_then_the_first_by_name() -> None:
    as_accurate = [replace(LARGE, name="b"), replace(LARGE, name="a"), replace(LARGE, name="c", parameter_bytes=999.0)]
    assert [one.name for one in (most_accurate(as_accurate), most_accurate(as_accurate[:2])) if one] == ["c", "a"]
    assert most_accurate([*as_accurate, replace(LARGE, name="z", latency_s=0.015)]) == replace(
        LARGE, name="z", latency_s=0.015
    )


def test_within_keeps_what_is_known_to_be_small_enough() -> None:
    assert within(ALL, lambda one: one.parameter_bytes, most=90.0) == [SLOW, SMALL]


@given(st.lists(st.tuples(st.floats(1e-4, 10), st.floats(0, 1)), min_size=1, max_size=12))
@example([(0.00010000000000000002, 1.0), (0.0001, 0.0)])
def test_nobody_beats_the_front(figures) -> None:
    candidates = [Candidate(str(i), latency, accuracy) for i, (latency, accuracy) in enumerate(figures)]
    best = front(candidates)
    assert balanced(candidates) in best
    for one in candidates:
        assert any(
            other.latency_s <= one.latency_s and other.accuracy >= one.accuracy  # type: ignore[operator]
            for other in best
        )
