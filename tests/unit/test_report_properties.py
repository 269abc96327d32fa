"""Checks as properties of a test."""

from __future__ import annotations

from dataclasses import replace

from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.report.properties import properties
from tests.unit.report_sessions import ENVIRONMENT, check

SLOW = check("r", "latency", Verdict.REGRESSED, 1.5, 1.0, half_width=0.25)


def test_a_check_has_a_property_for_each_thing_that_is_known() -> None:
    assert properties([SLOW]) == [
        ("modelbench.latency.value", "1.5"),
        ("modelbench.latency.unit", "s"),
        ("modelbench.latency.verdict", "regressed"),
        ("modelbench.latency.baseline", "1"),
        ("modelbench.latency.ratio", "1.5"),
        ("modelbench.latency.low_ratio", "1.25"),
        ("modelbench.latency.high_ratio", "1.75"),
        ("modelbench.latency.band", "5%"),
        ("modelbench.latency.environment", ENVIRONMENT.slug),
    ]


def test_what_is_not_known_is_left_out() -> None:
    names = [name for name, _ in properties([check("r", "macs", Verdict.NEW, 12)])]
    assert names == [f"modelbench.macs.{what}" for what in ("value", "unit", "verdict", "band", "environment")]


def test_a_name_keeps_to_what_lists_of_properties_and_xml_can_hold() -> None:
    (first, *_) = properties([check("r", "macs", Verdict.NEW, 12, name="größe\x1b[31m = a,b\ufffe")])
    assert first == ("modelbench.größe_31m_a_b_.value", "12")


def test_two_environments_are_told_apart() -> None:
    names = {name for name, _ in properties([SLOW, replace(SLOW, environment="cuda-t4")])}
    assert {f"modelbench.latency.{ENVIRONMENT.slug}.value", "modelbench.latency.cuda-t4.value"} < names
