"""The progress line and the time that is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.report.progress import Course, clock, progress_line, remaining
from pytest_modelbench.report.table import display_width


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (74, "round 2/3 · 5 of 12 · resnet50-b1-224-fp32 · 0:42 elapsed, about 0:50 left"),
        (73, "round 2/3 · 5 of 12 · resnet50-…-224-fp32 · 0:42 elapsed, about 0:50 left"),
        (50, "round 2/3 · 5 of 12 · resnet50-b1-224-fp32 · 0:42"),
        (41, "round 2/3 · 5 of 12 · resnet…-fp32 · 0:42"),
        (19, "round 2/3 · 5 of 12"),
    ],
)
def test_the_line_shrinks_with_the_terminal(width: int, line: str) -> None:
    assert progress_line(Course(2, 3, 5, 12, 42.4, 50.0), "resnet50-b1-224-fp32", width) == line


def test_an_unknown_end_is_not_guessed() -> None:
    assert progress_line(Course(1, 3, 0, 12, 0.0), "", 80) == "round 1/3 · 0 of 12 · 0:00 elapsed"
    assert remaining(["a"], {}) is None


def test_tests_never_measured_count_as_the_mean_of_the_others() -> None:
    assert remaining(["a", "new"], {"a": 1.0, "b": 3.0}) == 3.0
    assert remaining([], {"a": 1.0}) == 0.0


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (725, "12:05"), (3723, "1:02:03")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@given(st.text(max_size=60), st.integers(0, 200), st.none() | st.floats(0, 1e5))
def test_the_line_never_exceeds_its_width(case: str, width: int, remaining_s: float | None) -> None:
    line = progress_line(Course(10, 12, 100, 200, 4000.0, remaining_s), case, width)
    assert display_width(line) <= width
    assert line.isprintable() or not case.isprintable()
