"""Layout by display width."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.printable import printable, printable_lines
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


def test_the_band_goes_first_then_cases_get_lines_of_their_own_then_the_baseline_goes() -> None:
    firsts = [layout(COLUMNS, ROWS, width).splitlines()[0] for width in (72, 71, 65, 64, 46, 45, 39, 38)]
    assert firsts == [
        "case                        metric   baseline      now   band  verdict",
        "case                        metric   baseline      now  verdict",
        "case                        metric   baseline      now  verdict",
        "  metric   baseline      now   band  verdict",
        "  metric   baseline      now   band  verdict",
        "  metric   baseline      now  verdict",
        "  metric   baseline      now  verdict",
        "  metric       now  verdict",
    ]


def test_cases_are_never_cut() -> None:
    assert layout(COLUMNS, ROWS, 24).splitlines() == [
        "      now  verdict",
        "resnet50-b1-224-fp32-train  latency",
        "   135 ms  regressed",
        "resnet50-b1-224-fp32-train  macs",
        "  4.089 G  ok",
        "模型  latency",
        "     9 ms  new",
    ]
    assert layout(COLUMNS, ROWS, 40).splitlines() == [
        "  metric   baseline      now  verdict",
        "resnet50-b1-224-fp32-train",
        "  latency    110 ms   135 ms  regressed",
        "  macs      4.089 G  4.089 G  ok",
        "模型",
        "  latency         -     9 ms  new",
    ]


def test_no_column_goes_where_all_are_asked_for_and_fit_below_the_cases() -> None:
    assert layout(COLUMNS, ROWS, 71, all_columns=True).splitlines()[0] == "  metric   baseline      now   band  verdict"


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
def test_no_line_but_a_heading_is_ever_wider_than_asked(cells: list[tuple[str, ...]], width: int) -> None:
    text = layout(COLUMNS, [Row(row) for row in cells], width)
    headings = {printable(row[0]).rstrip() for row in cells} | {
        "  ".join(map(printable, row[:2])).rstrip() for row in cells
    }
    assert all(display_width(line) <= width for line in text.split("\n") if line not in headings)
    assert "\x1b" not in text


@given(TEXT, st.integers(0, 50))
def test_elided_text_fits(text: str, width: int) -> None:
    shown = elide(text, width)
    assert display_width(shown) <= width
    assert (shown == text) == (display_width(text) <= width)


def test_text_from_files_neither_drives_the_terminal_nor_turns_around() -> None:
    text = "a\x1b[31mb\x9bc\u202ed\u2066e\nf\tg\u2028h\u00e9\u65e5"
    assert printable(text) == "a [31mb c d e f g h\u00e9\u65e5"
    assert printable_lines("a\x1b\nb\r\nc") == "a \nb \nc"
    assert printable("plain") == "plain"
    assert printable("a\u200eb\u200fc\u061cd\U000e0001e\U000e007ff") == "a b c d e f"
