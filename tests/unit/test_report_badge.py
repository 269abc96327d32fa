"""The badge: right, whole XML whatever the label, and legible in colours that everybody tells apart."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.core.session import Outcome, Session, TestResult
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report import badge
from tests.unit.report_sessions import EMPTY, FINE, SESSION, check

SVG = "{http://www.w3.org/2000/svg}"


def session(*verdicts: Verdict) -> Session:
    checks = tuple(check(f"r{at}", "macs", verdict, 12, 10) for at, verdict in enumerate(verdicts))
    return replace(EMPTY, checks=checks, ungated={"portable": 1})


OWN = TestResult("t.py::t", Outcome.FAILED, 1.0, "AssertionError")


@pytest.mark.parametrize(
    ("value", "text", "mark"),
    [
        (FINE, "3 ok", "✓"),
        (session(Verdict.OK, Verdict.IMPROVED, Verdict.UNCHANGED, Verdict.NEW), "3 ok, 1 new", "✓"),
        (session(Verdict.OK, Verdict.REGRESSED), "1 regressed", "✗"),
        (session(Verdict.INCONCLUSIVE), "1 inconclusive", "?"),
        (session(Verdict.REGRESSED, Verdict.INCONCLUSIVE), "1 regressed, 1 inconclusive", "✗"),
        (SESSION, "1 failed, 5 regressed ...", "✗"),
        (replace(FINE, tests=(OWN,)), "1 failed", "✗"),
        (replace(FINE, interrupted=True), "interrupted", "?"),
        (session(Verdict.NEW), "nothing gated", "–"),
        (EMPTY, "nothing gated", "–"),
    ],
)
def test_it_says_what_came_out_in_words_and_by_a_mark(value: Session, text: str, mark: str) -> None:
    svg = ElementTree.fromstring(badge.render(value))
    assert svg.get("aria-label") == svg.findtext(f"{SVG}title") == f"modelbench: {text}"
    assert [one.text for one in svg.iter(f"{SVG}text")] == ["modelbench", f"{mark} {text}"]


@given(st.text(max_size=200))
def test_it_is_whole_whatever_the_label(label: str) -> None:
    svg = ElementTree.fromstring(badge.render(FINE, label).encode("utf-8", "xmlcharrefreplace"))
    assert [one.tag for one in svg] == [f"{SVG}title", f"{SVG}path", f"{SVG}path", f"{SVG}g"]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("value", [FINE, SESSION, session(Verdict.INCONCLUSIVE), EMPTY])
def test_white_text_stands_out(value: Session) -> None:
    svg = ElementTree.fromstring(badge.render(value))
    for one in svg.iter(f"{SVG}path"):
        assert 1.05 / (luminance(one.get("fill", "")) + 0.05) >= 4.5  # the contrast that WCAG 2 asks for
