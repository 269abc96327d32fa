"""How values read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report import scale
from tests.unit.report_sessions import check

FINITE = st.floats(min_value=1e-12, max_value=1e15)
UNITS = st.sampled_from(["s", "bytes", "count", "fraction", "images/s", "J"])


@pytest.mark.parametrize("unit", ["s", "bytes", "count", "fraction", "images/s", "J"])
def test_the_largest_values_have_a_difference(unit: str) -> None:
    assert scale.difference(-1e308, 1e308, unit).startswith("+inf")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.41, "s", "410 ms"),
        (1.24, "s", "1.24 s"),
        (85.3e-6, "s", "85.3 µs"),
        (12e-9, "s", "12.0 ns"),
        (0.9997, "s", "1.00 s"),
        (1234.5, "s", "1,234 s"),
        (0.0, "s", "0 s"),
        (102_400_000, "bytes", "97.7 MiB"),
        (512, "bytes", "512 B"),
        (1023 * 1024, "bytes", "1,023 KiB"),
        (1024**2 - 1, "bytes", "1.00 MiB"),
        (0, "bytes", "0 B"),
        (25_557_032, "count", "25.56 M"),
        (4_089_184_256, "count", "4.089 G"),
        (999_999, "count", "999,999"),
        (999_999_999, "count", "1.000 G"),
        (12, "count", "12"),
        (2.5, "count", "2.5"),
        (0.9, "fraction", "90.0 %"),
        (0.0, "fraction", "0.0 %"),
        (1.0, "fraction", "100.0 %"),
        (0.99996, "fraction", "99.996 %"),
        (0.00012, "fraction", "0.01 %"),
        (29.22, "images/s", "29.2 images/s"),
        (12345.6, "images/s", "12,346 images/s"),
        (0.3, "J", "0.3 J"),
        (0.87654, "", "0.8765"),
        (1.25e-7, "J", "1.250e-07 J"),
        (-0.41, "s", "-410 ms"),
    ],
)
def test_values_read_as_people_write_them(value: float, unit: str, text: str) -> None:
    assert scale.number(value, unit) == text


@pytest.mark.parametrize(
    ("old", "new", "unit", "texts"),
    [
        (25_557_032, 25_557_033, "count", ("25,557,032", "25,557,033")),
        (25_557_032, 26_000_000, "count", ("25.56 M", "26.00 M")),
        (0.9, 1.1, "s", ("0.900 s", "1.100 s")),
        (0.110, 0.135, "s", ("110 ms", "135 ms")),
        (0.1101, 0.1102, "s", ("110.1 ms", "110.2 ms")),
        (102_400_000, 102_400_512, "bytes", ("102,400,000 B", "102,400,512 B")),
        (1e-6, 2.0, "s", ("1.00 µs", "2.00 s")),
        (0, 3, "count", ("0", "3")),
        (0.9, 0.90004, "fraction", ("90.000 %", "90.004 %")),
        (7, 7, "count", ("7", "7")),
    ],
)
def test_pairs_share_a_unit_and_show_the_difference(old: float, new: float, unit: str, texts: tuple[str, str]) -> None:
    assert scale.pair(old, new, unit) == texts


@pytest.mark.slow
@given(FINITE, FINITE, UNITS)
def test_values_that_differ_never_read_the_same(old: float, new: float, unit: str) -> None:
    first, second = scale.pair(old, new, unit)
    assert (first == second) == (old == new)


@given(st.integers(1, 10**13), st.sampled_from([1, 2, 512]), st.sampled_from(["count", "bytes"]))
def test_counts_one_apart_read_apart(value: int, step: int, unit: str) -> None:
    first, second = scale.pair(value, value + step, unit)
    assert first != second


def test_noisy_pairs_keep_their_last_digits_to_themselves() -> None:
    assert scale.pair(0.11011, 0.11019, "s", tell_apart=False) == ("110 ms", "110 ms")


@pytest.mark.parametrize(
    ("old", "new", "unit", "text"),
    [
        (100.0, 112.3, "s", "+12.3%"),
        (1000, 1004, "bytes", "+0.4%"),
        (25_557_032, 25_557_032, "count", "="),
        (25_557_032, 25_557_033, "count", "+1"),
        (25_557_032, 25_000_000, "count", "-2.2%"),
        (0, 1, "count", "+1"),
        (0, 2**20, "bytes", "+1.00 MiB"),
        (0.90, 0.85, "fraction", "-5.0 pp"),
        (0.90, 0.9004, "fraction", "+0.04 pp"),
        (1.0, 12.0, "s", "+1,100%"),
        (-4.0, -3.0, "J", "+25.0%"),
    ],
)
def test_exact_changes(old: float, new: float, unit: str, text: str) -> None:
    assert scale.moved(old, new, unit) == text


def test_changes_of_noisy_checks_carry_half_their_interval() -> None:
    slower = check("r", "latency", Verdict.REGRESSED, 112.3, 100.0, half_width=0.011)
    assert scale.change(slower.judgement, slower.metric) == "+12.3% ±1.1"
    same = check("r", "latency", Verdict.OK, 99.99, 100.0, half_width=0.011)
    assert scale.change(same.judgement, same.metric) == "0.0% ±1.1"


def test_there_is_no_change_without_a_baseline_or_with_another_one() -> None:
    new = check("r", "latency", Verdict.NEW, 0.1)
    other = check("r", "latency", Verdict.INCOMPARABLE, 0.1, 0.1)
    assert [scale.change(one.judgement, one.metric) for one in (new, other)] == ["-", "-"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.4 s"), (9.97, "10 s"), (59.7, "1 min 00 s"), (222.4, "3 min 42 s"), (3599.6, "1 h 00 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert scale.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (1, "process", "1 process"),
        (2, "process", "2 processes"),
        (2, "entry", "2 entries"),
        (1200, "check", "1,200 checks"),
    ],
)
def test_plurals(count: int, noun: str, text: str) -> None:
    assert scale.plural(count, noun) == text
