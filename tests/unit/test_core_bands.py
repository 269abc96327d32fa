import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.bands import Band, parse_band
from pytest_modelbench.core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "unit", "relative", "absolute"),
    [
        ("5%", "s", 0.05, 0.0),
        ("exact", "bytes", 0.0, 0.0),
        ("0%", "count", 0.0, 0.0),
        ("1% + 1MiB", "bytes", 0.01, 2**20),
        ("1%+1MiB", "bytes", 0.01, 2**20),
        ("1 % + 2 kB + 3B", "bytes", 0.01, 2003),
        ("2ms", "s", 0.0, 0.002),
        ("0.5pp", "fraction", 0.0, 0.005),
        ("3", "count", 0.0, 3.0),
        ("4 widgets", "widgets", 0.0, 4.0),
    ],
)
def test_bands_are_read(text, unit, relative, absolute):
    band = parse_band(text, unit, "here")
    assert (band.relative, band.absolute) == (pytest.approx(relative), pytest.approx(absolute))


@pytest.mark.parametrize(
    ("text", "unit", "says"),
    [
        ("-5%", "s", "negative"),
        ("", "s", "cannot be read"),
        ("5%+", "s", "cannot be read"),
        ("about 5%", "s", "cannot be read"),
        ("nan%", "s", "cannot be read"),
        ("1e999%", "s", "cannot be read"),
        ("5", "s", "no unit"),
        ("5MiB", "s", "'MiB', but the metric is in 's'"),
        ("1pp", "s", "'pp'"),
        ("0.5", "fraction", "no unit"),
        (5, "s", "not text"),
        (None, "s", "not text"),
    ],
)
def test_bands_that_make_no_sense_are_refused_with_their_place(text, unit, says):
    with pytest.raises(UsageError, match=r"^pyproject\.toml: bands\.latency: band ") as caught:
        parse_band(text, unit, "pyproject.toml: bands.latency")
    assert says in str(caught.value)


@given(st.text(max_size=20), st.sampled_from(["s", "bytes", "count", "fraction"]))
def test_any_text_is_a_band_or_a_usage_error(text, unit):
    try:
        band = parse_band(text, unit, "here")
    except UsageError:
        return
    assert band.relative >= 0
    assert band.absolute >= 0
    assert math.isfinite(band.allowance(1.0))


@given(st.floats(0, 1e3, allow_nan=False), st.floats(0, 1e6, allow_nan=False), st.floats(-1e9, 1e9, allow_nan=False))
def test_the_allowance_is_the_same_on_both_sides_of_zero(relative, absolute, baseline):
    band = Band(relative, absolute)
    assert band.allowance(baseline) == band.allowance(-baseline) >= absolute
