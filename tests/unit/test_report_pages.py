"""Pages: whole and safe whatever names are, and the same without JavaScript."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.cli import main
from pytest_modelbench.core.memory_plan import Fitting, Kind, MemoryPlan, Moment, Part
from pytest_modelbench.core.metrics import METRICS
from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report.page import plan as plan_page
from pytest_modelbench.report.page import rows
from pytest_modelbench.report.page import session as session_page
from pytest_modelbench.report.page.svg import Column, Scale, columns, dots, interval
from pytest_modelbench.store.history import keep
from pytest_modelbench.store.results import render_results
from tests.unit.report_sessions import EMPTY, SESSION, check

VOID = {"meta", "link", "input", "br"}
GIB = 2**30


class Whole(HTMLParser):
    """Follows a page's elements, which have to close in order; knows its text, ids and addresses."""

    def __init__(self, page):
        super().__init__()
        self.open, self.text, self.ids, self.asked, self.tags = [], [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.asked += [value for name, value in attributes if name in ("src", "href") and not value.startswith("#")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_a_session_has_every_check_its_evidence_and_what_to_do():
    page = Whole(session_page.render(SESSION))
    text = " ".join(page.text)
    assert len(set(page.ids)) == len(page.ids)
    assert {rows.address(one) for one in SESSION.checks} < set(page.ids)
    assert page.asked == []
    for verdict in Verdict:
        assert verdict.value in text
    for told in ("NOT GATED: 1 test skipped", "pytest-modelbench prune --test", "BuildError: <no> swin", "a|b<c>&*d*"):
        assert told in text
    assert text.split("modelbench: ", 1)[1].startswith("1 test failed, 5 regressed")
    compared = [one for one in SESSION.checks if one.metric.noisy and one.judgement.ratio is not None]
    looked_at = [one for one in compared if one.judgement.verdict in (Verdict.REGRESSED, Verdict.INCONCLUSIVE)]
    assert page.tags.count("svg") == len(compared) + len(looked_at)


def test_a_noisy_check_shows_its_processes_then_and_now_and_its_pairs():
    one = check("net", METRICS["latency"], Verdict.OK, 0.1, 0.1)
    anchored = replace(one, baseline=replace(one.baseline, anchor=(-2.31, -2.29, -2.30)), changes=(0.01, -0.01, 0.02))
    page = session_page.render(replace(EMPTY, checks=(anchored,)))
    assert page.count('<circle class="dot"') == 3 + len(one.measurements) + 3
    assert 'aria-label="Change in each pair of processes, in percent"' in page


def test_a_check_has_its_course_where_a_history_is_known():
    nights = tuple(
        Night(f"s{day}", f"2026-11-{day:02}T00:00:00.000Z", None, value, verdict)
        for day, value, verdict in ((1, 0.1, Verdict.OK), (2, 0.3, Verdict.REGRESSED), (3, 0.2, Verdict.OK))
    )
    one = SESSION.checks[0]
    series = Series(one.folder, *one.key, one.case.id, one.metric.unit, "lower", nights)
    page = session_page.render(SESSION, history=[series])
    assert (
        '<polyline class="plain line" points="2,17 60,3 118,10"/><circle class="bad" cx="60" cy="3" r="2.5"/>' in page
    )
    assert page.count("<polyline") == 1
    assert "3 nights, " in page
    assert "<polyline" not in session_page.render(SESSION)


def test_an_empty_session_says_so():
    assert "Nothing was measured." in " ".join(Whole(session_page.render(EMPTY)).text)


@given(st.text(max_size=60))
def test_no_name_leaves_its_place(name):
    one = check(name or "x", METRICS["latency"], Verdict.OK, 0.1, 0.1, test=f"test_it.py::test[{name}]")
    page = Whole(session_page.render(replace(EMPTY, checks=(one,))))
    plain = check("x", METRICS["latency"], Verdict.OK, 0.1, 0.1)
    assert page.tags == Whole(session_page.render(replace(EMPTY, checks=(plain,)))).tags


@pytest.mark.parametrize(
    "name", ["</script><script>alert(1)</script>", "\x1b[31mred", "\u202eabc", "a" * 10_000, "{{ 7 * 7 }}", "\udc80"]
)
def test_names_that_want_more_are_text(name):
    one = check(name, METRICS["latency"], Verdict.OK, 0.1, 0.1)
    page = session_page.render(replace(EMPTY, checks=(one,)))
    page.encode("utf-8")
    assert Whole(page).tags.count("script") == 2  # and what it is told
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_a_check_has_the_same_address_in_every_session():
    (one, other), again = SESSION.checks[:2], SESSION.checks[0]
    assert rows.address(one) == rows.address(again) != rows.address(other)


def test_pictures_are_drawn_to_scale_and_say_what_they_show():
    assert [Scale(0, 10, 100)(number) for number in (-5, 0, 2.5, 10, 99)] == [0, 0, 25, 100, 100]
    assert Scale(1, 1, 100)(1) == 50
    drawn = interval(1.10, 1.05, 1.15, 0.05, "bad", '+10 % "sure"')
    # The widest is 15 %, and a margin: 0.805 to 1.195 are 120 pixels.
    assert "M75.4 8H106.2" in drawn
    assert 'cx="90.8"' in drawn
    assert 'aria-label="+10 % &#34;sure&#34;"' in drawn
    assert re.findall(r'cx="([\d.]+)"', dots([("now", [1.0, 2.0])], "two", " %")) == ["103.6", "376.4"]
    runs = columns([Column(1, 0, "a"), Column(2, 0, "a"), Column(4, 3, "b")], 2, [("forward", 0)], "memory")
    assert re.findall(r'<path class="(c\d)" d="([^"]+)"', runs) == [
        ("c0", "M0.0 220.0V165.0H300.0V110.0H600.0V220.0Z"), ("c3", "M600.0 220.0V0.0H900.0V220.0Z"),
    ]  # fmt: skip


PLAN = MemoryPlan(
    "net<1>-b2-32-fp32-train", "cpu", 3 * GIB, Moment(3 * GIB, "backward", "layer1.0"), "aten::mm",
    (Part(Kind.ACTIVATIONS, "layer1.0", 2 * GIB), Part(Kind.PARAMETERS, "", GIB)),
    tuple(Moment(size * GIB, phase, part) for size, phase, part in (
        (1, "forward", ""), (2, "forward", "layer1.0"), (3, "backward", "layer1.0"), (1, "optimizer", ""),
    )),
    3 * GIB, 4 * GIB, fitting=(Fitting("t4", 15 * GIB, 3, 5), Fitting("1KiB", 1024, 0, 0)),
    why_not_on_meta="zoo.py:7 in forward: RuntimeError: no values",
)  # fmt: skip


def test_a_plan_has_its_course_its_peak_and_its_parts():
    page = Whole(plan_page.render(PLAN))
    text = " ".join("".join(page.text).split())
    for told in (
        "net<1>-b2-32-fp32-train: 3.00 GiB at most", "Reached in the backward pass of layer1.0 (aten::mm).",
        "it cannot run on the meta device (zoo.py:7 in forward", "parameters1.00 GiB33.3 %", "t415.0 GiB35",
        "1KiB1.00 KiBnone", "2.00 GiB 100.0 % layer1", "layer1, backward pass", "step of the optimizer",
    ):  # fmt: skip
        assert told in text
    assert page.asked == []


def test_a_report_is_written_as_a_page(tmp_path, capsys):
    (tmp_path / "results.json").write_text(render_results(SESSION))
    assert main(["report", str(tmp_path / "results.json"), "--format=html"]) == 0
    page = Whole(capsys.readouterr().out)
    assert {rows.address(one) for one in SESSION.checks} < set(page.ids)


def test_a_damaged_night_is_named_on_the_page(tmp_path, capsys):
    (tmp_path / "results.json").write_text(render_results(SESSION))
    nights = tmp_path / "nights"
    keep(nights, SESSION)
    (nights / "half.night.json").write_text('{"format": "pytest-modelbench night", "schema": 1, "sess')
    assert main(["report", str(tmp_path / "results.json"), "--format=html", f"--history={nights}"]) == 0
    text = " ".join(Whole(capsys.readouterr().out).text)
    assert text.count("left out: ") == 1
    assert "half.night.json" in text


HOSTILE = [
    "</script><script>alert(1)</script>",
    "\x1b[31mred",
    "\u202eabc",
    "a" * 10_000,
    "<!--",
    "</noscript>",
    '"><b>',
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_history_of_hostile_names_is_text(name, monkeypatch):
    monkeypatch.setattr(session_page, "_AT_ONCE", 1)
    one = check(name, METRICS["latency"], Verdict.REGRESSED, 0.2, 0.1, test=f"t.py::test[{name}]")
    nights = tuple(
        Night(name, f"{name}{day}", name, value, verdict, accepted=name, facts={name: day, "torch": f"{name}{day}"})
        for day, (value, verdict) in enumerate(((0.1, Verdict.OK), (0.2, Verdict.REGRESSED)))
    )
    history = [Series(folder, *one.key, name, name, name, nights) for folder in (one.folder, name)]
    page = session_page.render(replace(EMPTY, checks=(one, one)), history=history, notes=[name])
    found = Whole(page)
    assert found.tags.count("script") == 2
    assert (found.tags.count("noscript"), page.count("</noscript>")) == (1, 1)
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "bisect" not in page.split("<script", 1)[0]


def test_a_report_goes_without_a_history_that_cannot_be_read(tmp_path, capsys):
    (tmp_path / "results.json").write_text(render_results(SESSION))
    assert main(["report", str(tmp_path / "results.json"), "--format=html", "--history=wat://x"]) == 0
    assert "history not read: wat://x: cannot be reached: " in " ".join(Whole(capsys.readouterr().out).text)
