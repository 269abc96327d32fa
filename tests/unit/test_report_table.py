"""Layout by display width."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.report.table import Colour, Column, Row, display_width, elide, layout

COLUMNS = (
    Column("case"),
    Column("metric"),
    Column("baseline", right=True, drops=2),
    Column("now", right=True),
    Column("band", right=True, drops=1),
    Column("verdict", coloured=True),
)
ROWS = [
    Row(("resnet50-b1-224-fp32-train", "latency", "110 ms", "135 ms", "5%", "regressed"), Colour.RED),
    Row(("resnet50-b1-224-fp32-train", "macs", "4.089 G", "4.089 G", "exact", "ok")),
    Row(("模型", "latency", "-", "9 ms", "5%", "new"), Colour.YELLOW),
]
TEXT = st.text(alphabet=st.sampled_from("ab|<é模\u0301\u200b\n\x1b-"), max_size=40)


def test_numbers_are_right_aligned_and_wide_characters_count_double() -> None:
    assert layout(COLUMNS, ROWS, 80).splitlines() == [
        "case                        metric   baseline      now   band  verdict",
        "resnet50-b1-224-fp32-train  latency    110 ms   135 ms     5%  regressed",
        "                            macs      4.089 G  4.089 G  exact  ok",
        "模型                        latency         -     9 ms     5%  new",
    ]


def test_the_band_goes_first_then_the_baseline_then_the_case_is_elided() -> None:
    firsts = [layout(COLUMNS, ROWS, width).splitlines()[0].split() for width in (72, 71, 64, 55)]
    assert firsts == [
        ["case", "metric", "baseline", "now", "band", "verdict"],
        ["case", "metric", "baseline", "now", "verdict"],
        ["case", "metric", "now", "verdict"],
        ["case", "metric", "now", "verdict"],
    ]
    assert layout(COLUMNS, ROWS, 50).splitlines()[1] == "resnet50-b…fp32-train  latency   135 ms  regressed"


def test_too_narrow_for_cases_puts_them_on_lines_of_their_own() -> None:
    assert layout(COLUMNS, ROWS, 40).splitlines() == [
        "  metric   baseline      now  verdict",
        "resnet50-b1-224-fp32-train",
        "  latency    110 ms   135 ms  regressed",
        "  macs      4.089 G  4.089 G  ok",
        "模型",
        "  latency         -     9 ms  new",
    ]


def test_cases_that_would_be_elided_to_the_same_text_stay_apart() -> None:
    columns = (Column("case"), Column("now", right=True))
    rows = [Row((f"vit_base_patch16_224-b{batch}-224-bf16-train", "9 ms")) for batch in (1, 8)]
    assert layout(columns, rows, 36).splitlines()[1:] == [
        "vit_base_patch16_2…b1-224-bf16-train",
        "  9 ms",
        "vit_base_patch16_2…b8-224-bf16-train",
        "  9 ms",
    ]


def test_only_coloured_columns_take_the_colour_and_widths_stay() -> None:
    lines = layout(COLUMNS, ROWS, 80, colour=True).splitlines()
    assert lines[1].endswith("  \x1b[31mregressed\x1b[0m")
    assert lines[2].endswith("  ok")
    assert "\x1b" not in layout(COLUMNS, ROWS, 80)


def test_no_rows_make_no_table() -> None:
    assert layout(COLUMNS, [], 80) == ""


def test_elision_keeps_both_ends() -> None:
    assert elide("resnet50-b1-224-fp32", 11) == "resne…-fp32"
    assert elide("resnet50", 8) == "resnet50"
    assert elide("模型測試模型", 8) == "模型…型"


@given(st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT, TEXT, TEXT), min_size=1, max_size=5), st.integers(20, 130))
def test_no_line_is_ever_wider_than_asked(cells: list[tuple[str, ...]], width: int) -> None:
    text = layout(COLUMNS, [Row(row) for row in cells], width)
    assert max(map(display_width, text.split("\n"))) <= width
    assert "\x1b" not in text


@given(TEXT, st.integers(0, 50))
def test_elided_text_fits(text: str, width: int) -> None:
    shown = elide(text, width)
    assert display_width(shown) <= width
    assert (shown == text) == (display_width(text) <= width)
