"""The progress line and the time that is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.report.progress import Course, Stage, clock, progress_line, stage_line
from pytest_modelbench.report.table import display_width


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (74, "round 2/3 · 5 of 12 · resnet50-b1-224-fp32 · 0:42 elapsed, about 0:50 left"),
        (73, "round 2/3 · 5 of 12 · resnet50-…-224-fp32 · 0:42 elapsed, about 0:50 left"),
        (60, "round 2/3 · 5 of 12 · resnet50-b1-224-fp32 · about 0:50 left"),
        (41, "round 2/3 · 5 of 12 · resnet…-fp32 · 0:42"),
        (19, "round 2/3 · 5 of 12"),
    ],
)
def test_the_line_shrinks_with_the_terminal(width: int, line: str) -> None:
    assert progress_line(Course(2, 3, 5, 12, 42.4, 50.0), "resnet50-b1-224-fp32", width) == line


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (90, "confirming 3 tests: pair 1/3 · 1 of 3 · resnet50-b1-224-fp32 · 2:42 elapsed, at least 0:40 left"),
        (80, "confirming 3 tests: pair 1/3 · 1 of 3 · resnet50-b1-224-fp32 · at least 0:40 left"),
        (60, "pair 1/3 · 1 of 3 · resnet50-b1-224-fp32 · at least 0:40 left"),
    ],
)
def test_what_pairs_are_for_is_told_as_long_as_there_is_room(width: int, line: str) -> None:
    course = Course(1, 3, 1, 3, 162.0, 40.0, at_least=True, unit="pair", stage=Stage.CONFIRMING)
    assert progress_line(course, "resnet50-b1-224-fp32", width + 10).startswith(line[:30])
    assert line in {progress_line(course, "resnet50-b1-224-fp32", room) for room in range(60, 120)}


def test_an_unknown_end_is_not_guessed() -> None:
    assert progress_line(Course(1, 3, 0, 12, 0.0), "", 80) == "round 1/3 · 0 of 12 · 0:00 elapsed"


def test_what_is_overdue_is_not_counted_down() -> None:
    line = progress_line(Course(1, 3, 2, 12, 60.0, 0.0), "", 80)
    assert line == "round 1/3 · 2 of 12 · 1:00 elapsed, longer than expected"


@pytest.mark.parametrize(
    ("course", "beside", "line"),
    [
        (Course(1, 2, 0, 12, 0.0), "", "round 1 of 2: 12 tests"),
        (Course(2, 2, 0, 12, 9.0, 40.4), "", "round 2 of 2: 12 tests, about 40 s"),
        (Course(3, 4, 0, 1, 9.0, 40.4, True, stage=Stage.OPEN), "", "round 3 of 4: 1 test still open, at least 40 s"),
        (
            Course(1, 3, 0, 3, 9.0, 90.0, True, "pair", Stage.CONFIRMING),
            "commit abc",
            "pair 1 of 3 beside commit abc: confirming 3 tests, at least 1 min 30 s",
        ),
        (Course(5, 9, 0, 1, 9.0, None, True, stage=Stage.AGAIN), "", "round 5 of 9: measuring 1 test again"),
    ],
)
def test_where_no_line_can_stay_there_is_one_for_what_begins(course: Course, beside: str, line: str) -> None:
    assert stage_line(course, beside) == f"modelbench: {line}"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (725, "12:05"), (3723, "1:02:03")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@given(st.text(max_size=60), st.integers(0, 200), st.none() | st.floats(0, 1e5))
def test_the_line_never_exceeds_its_width(case: str, width: int, remaining_s: float | None) -> None:
    line = progress_line(Course(10, 12, 100, 200, 4000.0, remaining_s, stage=Stage.OPEN), case, width)
    assert display_width(line) <= width
    assert line.isprintable() or not case.isprintable()
