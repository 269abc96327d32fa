"""Courses of checks, what regressed, and environments side by side: what is drawn, and what is said of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_modelbench.core.breakdown import ItemChange
from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.reasons import ItemsChanged, Placed
from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.judge.levels import LevelChange, Levels, levels
from pytest_modelbench.report.page import session as session_page
from pytest_modelbench.report.page.course import PageNights, course, search_command
from pytest_modelbench.report.page.environments import facts
from pytest_modelbench.report.page.trouble import parts
from pytest_modelbench.report.scale import alike
from tests.unit.report_sessions import EMPTY, ENVIRONMENT, FOLDER, check
from tests.unit.test_report_pages import Whole

OK, BAD, OPEN = Verdict.OK, Verdict.REGRESSED, Verdict.INCONCLUSIVE


def night(day, value=1.0, verdict=OK, **more):
    return Night(f"s{day}", f"2026-11-{day:02}T08:00:00.000Z", f"{day:02}" * 20, value, verdict, **more)


def series(*nights, test="t.py::test_one", folder=FOLDER, unit="s", name="latency"):
    return Series(folder, test, name, "net", unit, "lower", nights)


def test_a_course_has_values_intervals_the_band_and_marks_to_scale():
    nights = (
        night(1, 100.0, ratio=1.0, low=0.9, high=1.1, allowed=0.05),
        night(2, 100.0, ratio=1.0, low=1.0, high=1.0, allowed=0.05),
        night(3, 200.0, BAD, ratio=2.0, low=1.9, high=2.1, allowed=0.05),
    )
    drawn = course(Levels(series(*nights, unit="widgets")), PageNights())
    picture = str(drawn.picture)
    # From 90 to 210, the ends of intervals, with a margin of 6 %: 82.8 to 217.2 are 180 pixels.
    assert 'data-low="82.8" data-high="217.2"' in picture
    assert '<path class="plain line values" data-y="d" d="M84,173L396,173L708,39"/>' in picture
    assert '<path class="whisker" data-y="d" d="M84,186.4L84,159.6M708,52.4L708,25.6"/>' in picture
    assert '<path class="band" stroke-width="312" data-y="d" d="M84,179.7L84,166.3M396,' in picture
    assert re.findall(r'class="(\w+) sign" data-y="transform" transform="(.*?)"', picture) == [
        ("bad", "translate(708,39)")
    ]
    assert 'aria-label="3 nights from 2026-11-01 08:00 to 2026-11-03 08:00: 100 widgets to 200 widgets' in picture
    assert (drawn.nights, drawn.values, drawn.verdicts) == ("0-2", "100 widgets\t100 widgets\t200 widgets", "001")
    assert re.findall(r">(2026[-\d]+)</text>", picture) == ["2026-11-01", "2026-11-03"]


def test_nights_of_a_page_are_kept_once_and_told_in_runs():
    page = PageNights()
    assert page.numbers([night(1), night(2), night(4)]) == "0-2"
    assert page.numbers([night(1), night(3), night(2), night(4)]) == "0 3 1-2"
    assert page.told[3] == ("2026-11-03 08:00", "0303030303")


def test_what_changed_around_is_marked_where_it_did():
    old, new = {"device": "cpu", "torch": "2.14"}, {"device": "cpu", "torch": "2.15", "driver": "1"}
    drawn = course(Levels(series(night(1, facts=old), night(2, facts=old), night(3, facts=new))), PageNights())
    assert drawn.moved == (("2026-11-03 08:00", "torch 2.14 -> 2.15"),)
    assert '<path class="moved" d="M552,16L552,196"/><text class="middle" x="552" y="10">1</text>' in drawn.picture


def test_machines_that_take_turns_are_no_change():
    one, other = {"device": "cpu", "torch": "2.15"}, {"device": "cuda", "torch": "2.14"}
    nights = [
        night(day, facts=other if day % 2 else one, environment="cuda" if day % 2 else "cpu") for day in range(1, 7)
    ]
    assert course(Levels(series(*nights, folder="portable")), PageNights()).moved == ()


def test_where_a_level_changed_is_marked_and_told_with_the_command_for_its_commit():
    nights = [replace(night(day % 28 + 1, 1.0), session=f"s{day}") for day in range(200)]
    moved = replace(nights[21], value=1.2, facts={"torch": "2.15"})
    changes = [
        LevelChange(nights[at - 1], nights[at], 1.026, True, nights[at - 1], nights[at]) for at in (5, 20, 110)
    ] + [LevelChange(replace(nights[20], facts={"torch": "2.14"}), moved, 0.9, False, nights[19], nights[22])]
    drawn = course(Levels(series(*nights, test="t.py::test_one[a b]"), tuple(changes)), PageNights())
    # 180 of 200 nights are shown: the 20th is the first of them, before which nothing is seen.
    assert re.findall(r'class="change full" transform="translate\(([\d.]+),', drawn.picture) == ["396", "85.7"]
    command = f"pytest-modelbench bisect {'26' * 5}..{'27' * 5} 't.py::test_one[a b]'"
    assert drawn.steps == (
        ("2026-11-27 08:00", "the level changed by +2.6%", command),
        ("2026-11-22 08:00", "the level changed by -10.0%, with torch 2.14 -> 2.15", ""),
    )


@pytest.mark.parametrize(
    ("verdicts", "ends"),
    [
        ((OK, OK, BAD), (2, 3)),
        ((OK, BAD, BAD), (1, 2)),
        ((OK, OPEN, BAD), (1, 3)),
        ((BAD, OK, BAD, OPEN, BAD), (2, 3)),
        ((OK, BAD, OK), None),
        ((BAD, BAD), None),
        ((OPEN, BAD), None),
    ],
)
def test_a_regression_has_the_command_that_looks_for_its_commit(verdicts, ends):
    nights = [night(day, verdict=verdict) for day, verdict in enumerate(verdicts, start=1)]
    good, bad = (f"{day:02}" * 5 for day in ends or (0, 0))
    command = f"pytest-modelbench bisect {good}..{bad} 't.py::test_one[a b]'" if ends else ""
    assert search_command(series(*nights, test="t.py::test_one[a b]")) == command


@pytest.mark.parametrize(
    ("accepted", "ends", "bad_nights"),
    [
        # By the session of each night: when its baseline was accepted.
        (("s0", "s0", "s0", "s3", "s3"), (3, 4), 2),
        (("s0", "s0", "s0", "s0", "s3"), (3, 5), 1),
        (("s0", "s0", "s0", "elsewhere", "elsewhere"), None, 2),
        (("s0", "s0", "s0", "s0", "s0"), (1, 2), 4),
    ],
)
def test_what_was_accepted_is_good_from_then_on(accepted, ends, bad_nights):
    verdicts = (OK, BAD, BAD, BAD, BAD)
    nights = [
        night(day, verdict=verdict, accepted=when)
        for day, (verdict, when) in enumerate(zip(verdicts, accepted, strict=True), start=1)
    ]
    found = series(*nights)
    good, bad = (f"{day:02}" * 5 for day in ends or (0, 0))
    assert search_command(found) == (f"pytest-modelbench bisect {good}..{bad} t.py::test_one" if ends else "")
    assert found.bad_nights == bad_nights


@pytest.mark.parametrize("commit", [None, "--help; rm -rf ~", "abc", "02" * 20])
def test_no_command_is_made_of_what_is_no_commit_or_the_same(commit):
    nights = night(2), replace(night(3, verdict=BAD), commit=commit)
    assert search_command(series(*nights)) == ""


@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | st.floats(0, 1e9),
            st.sampled_from(Verdict),
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["s", "bytes", "count", "fraction", "images/s", "kg"]),
)
@example([(1.7e308, None, None, OK), (-1.7e308, None, None, OK)], "s")
def test_whatever_values_are_is_drawn_within_the_picture_or_not_at_all(points, unit):
    one = check("net", "latency", OK, 0.1, 0.1)
    nights = tuple(
        night(day + 1, value, verdict, ratio=ratio, low=ratio, high=value, allowed=allowed, log_ratio=value)
        for day, (value, ratio, allowed, verdict) in enumerate(points)
    )
    history = [Series(one.folder, *one.key, "net", unit, "lower", nights)]
    page = session_page.render(replace(EMPTY, environments=(ENVIRONMENT,), checks=(one,)), history=history)
    for picture in re.findall(r"<svg.*?</svg>", page):
        Whole(picture)
        assert not re.search(r"\b(nan|inf)\b", re.sub(r'<text.*?</text>|aria-label=".*?"', "", picture))
    drawn = course(levels(history)[0], PageNights())
    for y in re.findall(r"[\d.]+,(-?[\w.+-]+?)(?=[LMh\"])", drawn.picture if drawn else ""):
        assert 16 <= float(y) <= 196


@pytest.mark.parametrize(
    ("values", "unit", "told"),
    [
        ((0.1, 0.15), "s", ["100 ms", "150 ms"]),
        ((0.1001, 0.1002), "s", ["100.1 ms", "100.2 ms"]),
        ((2**20, 1.5 * 2**20), "bytes", ["1.0 MiB", "1.5 MiB"]),
        ((25_557_032.0, 25_557_033.0), "count", ["25.557032 M", "25.557033 M"]),
        ((), "s", []),
    ],
)
def test_ticks_of_an_axis_are_told_apart(values, unit, told):
    assert alike(values, unit) == told


def test_a_regression_is_on_top_with_the_parts_that_it_is_in():
    items = (
        ItemChange("layer3.1", "Conv2d", 1_000_000, 3_000_000), ItemChange("layer3.0", "Conv2d", 0, 1_000_000),
        ItemChange("layer1", "Conv2d", 500_000, 0), ItemChange("stem", "Conv2d", 0, 1_000),
    )  # fmt: skip
    one = check("net", "latency", BAD, 0.2, 0.1, reasons=(Placed(ItemsChanged("ns", items)),))
    found = list(parts(one))
    assert [(part.name, part.change, part.more, round(part.share, 2)) for part in found] == [
        ("layer3", "+3.00 ms", True, 0.86), ("layer1", "-500 µs", False, 0.14),
    ]  # fmt: skip
    assert [part.name for part in found[0].below] == ["1", "0"]
    text = " ".join(Whole(session_page.render(replace(EMPTY, checks=(one,)))).text)
    assert text.index("What to look at") < text.index("+3.00 ms") < text.index("Every check")


def test_trouble_beyond_a_screen_is_counted_and_one_command_is_told_once():
    checks = tuple(check(f"net{number}", "latency", BAD, 0.2, 0.1, test="t.py::test_one") for number in range(27))
    history = [
        series(night(1, 0.1), night(2, 0.2, BAD), folder=one.folder, name=one.key.name, test=one.key.test)
        for one in checks[:1]
    ]
    page = session_page.render(replace(EMPTY, environments=(ENVIRONMENT,), checks=checks), history=history)
    assert "and 2 more, on top of the table below" in page
    top = page[: page.index("Every check")]
    assert top.count("pytest-modelbench bisect 0101010101..0202020202 t.py::test_one") == 1


def test_thousands_of_checks_are_there_and_a_browser_with_scripts_lays_out_the_first():
    checks = tuple(check(f"net{number:04}", "latency", OK, 0.1, 0.1) for number in range(402))
    page = session_page.render(replace(EMPTY, checks=(*checks, check("net9999", "latency", BAD, 0.2, 0.1))))
    first, rest = page[page.index("Every check") :].split('<noscript id="rest">')
    assert "net9999" in first
    assert [f"<bdi>{name}</bdi>" in first for name in ("net0398", "net0399")] == [True, False]
    assert re.findall(r"<bdi>(\w+)</bdi>", rest) == ["net0399", "net0400", "net0401"]
    # A script takes them by their lines.
    assert len([line for line in rest.splitlines() if line.startswith('<tr id="') and line.endswith("</tr>")]) == 3


def test_a_page_is_small_before_there_is_anything_on_it():
    one = check("net", "latency", OK, 0.1, 0.1)
    page = session_page.render(replace(EMPTY, environments=(ENVIRONMENT,), checks=(one,)))
    assert len(page.encode()) < 200 * 1024


GPU = Environment("cuda-nvidia-h200", "NVIDIA H200", "cuda-nvidia-h200-t1", {"device": "cuda"}, {"torch": "2.15.0"})


def test_a_check_of_several_environments_has_its_values_side_by_side():
    here = check("net", "latency", BAD, 0.2, 0.1)
    there = replace(check("net", "latency", OK, 0.01, 0.01), environment=GPU.slug, folder=GPU.slug)
    alone = check("net", "macs", OK, 10, 10)
    elsewhere = series(night(1, 0.5), night(2, 0.4), folder="cpu-old", test=here.key.test)
    two = replace(EMPTY, environments=(ENVIRONMENT, GPU), checks=(here, there, alone))
    known = series(night(1, 0.7), night(2, 0.6), test=here.key.test)  # what the session itself tells
    page = Whole(session_page.render(two, history=[elsewhere, known]))
    text = " ".join(" ".join(page.text).split())
    _, _, table = text.partition("In several environments ")
    assert table.startswith(
        "case metric AMD EPYC, 2 cores, 1 thread NVIDIA H200 cpu-old net latency ✖ regressed 200 ms +100% ±1.1 "
        "✓ ok 10.0 ms 0.0% ±1.1 ✓ ok 400 ms - 2026-11-02 Where it was measured"
    )
    # Its row has the other's course, and says where it was measured.
    assert text.count("cpu-old 400 ms, ok on 2026-11-02") == 2
    assert "all environments" in text


def test_facts_of_environments_are_side_by_side_and_packages_in_short():
    cpu = replace(
        ENVIRONMENT, provenance={"torch": "2.15.0", "packages": "2 (abcd1234) eNpt"}, identity={"device": "cpu"}
    )
    assert facts((cpu, GPU)) == [
        ("device", ["cpu", "cuda"], True),
        ("torch", ["2.15.0", "2.15.0"], False),
        ("packages", ["2 (abcd1234)", "-"], True),
    ]


def test_logs_that_are_no_figures_and_modules_without_end_make_a_page_all_the_same():
    deep = ItemsChanged("bytes", (ItemChange("m" + ".m" * 5000, "", 0, 10),))
    one = replace(check("net", "latency", BAD, 0.2, 0.1, reasons=(deep,)), changes=(-400.0, 1000.0))
    page = session_page.render(replace(EMPTY, checks=(one,), environments=(ENVIRONMENT,)))
    assert "Change in each pair of processes" in page
