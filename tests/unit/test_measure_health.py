"""Health from texts as the kernel writes them, and from readings made up."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbench.measure import health
from pytest_modelbench.measure.health import (
    Health,
    HealthProbe,
    Reading,
    between,
    parse_loadavg,
    parse_schedstat,
    parse_stat,
    parse_switches,
    take_reading,
)

STAT = """\
cpu  10633 0 6734 208417 813 0 129 24 0 0
cpu0 1221 0 1514 110380 186 0 16 10 0 0
cpu1 9411 0 5219 98037 627 0 112 13 5 0
cpu10 1 1 1 1 1 1 1 1 0 0
intr 123
"""


@pytest.mark.parametrize(
    ("cores", "expected"),
    [
        ([1], (13, 9411 + 5219 + 98037 + 627 + 112 + 13)),
        ([0, 10], (11, 1221 + 1514 + 110380 + 186 + 16 + 10 + 8)),
        ([7], None),
        ([0, 7], None),
        ([], None),
    ],
)
def test_steal_is_read_for_the_cores_in_use(cores: list[int], expected: tuple[int, int] | None) -> None:
    assert parse_stat(STAT, cores) == expected


@pytest.mark.parametrize("text", ["", "cpu0 1 2 3", "cpu0 a b c d e f g h"])
def test_stat_of_another_shape_is_no_steal(text: str) -> None:
    assert parse_stat(text, [0]) is None


def test_other_files_are_read() -> None:
    assert parse_loadavg("0.00 0.04 0.07 3/86 5494\n") == 3
    assert parse_switches("Name:\tpython\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t17\n") == 17
    assert parse_schedstat("1102435 2500000000 1\n") == 2.5


@pytest.mark.parametrize("parse", [parse_loadavg, parse_switches, parse_schedstat])
@given(text=st.text())
def test_what_is_no_such_file_is_none(parse: Callable[[str], object], text: str) -> None:
    assert parse(text) is None or any(character.isdecimal() for character in text)


THEN = Reading(
    now_s=100.0, steal_ticks=10, total_ticks=1000, runnable=3, involuntary_switches=5, waited_s=1.0, asleep_s=7.0,
    cores=2,
)  # fmt: skip


def test_health_is_the_difference_of_two_readings() -> None:
    now = Reading(
        now_s=102.0, steal_ticks=40, total_ticks=1200, runnable=8, involuntary_switches=25, waited_s=1.5, asleep_s=7.25,
        cores=2,
    )  # fmt: skip
    assert between(THEN, now) == Health(
        duration_s=2.0, steal_share=0.15, run_queue=1.0, involuntary_switches=20, suspended_s=0.25, waiting_share=0.25
    )


def test_single_tick_of_steal_says_nothing_about_a_short_block() -> None:
    now = dataclasses.replace(THEN, now_s=100.08, steal_ticks=11, total_ticks=1008)
    assert between(THEN, now).steal_share == 0.0


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, ""),
        ({"steal_share": 0.05, "waiting_share": 0.05, "run_queue": 1.0}, ""),
        ({"steal_share": 0.073}, "the hypervisor took 7.3% of the CPU time (steal)"),
        ({"waiting_share": 0.2}, "the process waited for a core 20.0% of the time"),
        ({"run_queue": 1.5}, "1.5 other tasks per core wanted to run"),
        ({"involuntary_switches": 100}, ""),
        ({"involuntary_switches": 200}, "the process was taken off its core 100 times a second"),
        ({"suspended_s": 1e-6}, ""),
        ({"suspended_s": 61.5}, "the machine was suspended for 61.5 s"),
        (
            {"suspended_s": 2.0, "steal_share": 0.5},
            "the machine was suspended for 2 s; the hypervisor took 50.0% of the CPU time (steal)",
        ),
    ],
)
def test_unhealthy_says_why(facts: dict[str, float], sentence: str) -> None:
    assert Health(2.0, **facts).unhealthy == sentence  # type: ignore[arg-type]


def probe_over(*readings: Reading) -> HealthProbe:
    rest = iter(readings)
    return HealthProbe(lambda: next(rest))


def test_probe_compares_with_its_start() -> None:
    later = dataclasses.replace(THEN, now_s=101.0, waited_s=1.5)
    latest = dataclasses.replace(THEN, now_s=102.0, waited_s=1.5)
    probe = probe_over(THEN, later, latest)
    assert probe.read().waiting_share == 0.5
    assert probe.read().waiting_share == 0.25


def test_disturbed_is_about_the_time_since_it_was_last_asked() -> None:
    waited = dataclasses.replace(THEN, now_s=101.0, waited_s=1.5)
    calm = dataclasses.replace(waited, now_s=102.0)
    asleep = dataclasses.replace(calm, now_s=103.0, asleep_s=900.0)
    probe = probe_over(THEN, waited, calm, asleep)
    assert [probe.disturbed() for _ in range(3)] == [True, False, True]


def test_disturbed_does_not_take_a_handful_of_switches_for_a_rate() -> None:
    now = dataclasses.replace(THEN, now_s=100.05, involuntary_switches=9, runnable=9)
    assert not probe_over(dataclasses.replace(THEN, runnable=9), now).disturbed()


def test_without_proc_nothing_is_known_and_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_text", lambda path: "")
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    probe = HealthProbe()
    read = probe.read()
    assert dataclasses.replace(read, duration_s=0.0) == Health(0.0)
    assert read.unhealthy == ""
    assert not probe.disturbed()


def test_reading_of_this_machine_can_be_taken() -> None:
    assert between(take_reading(), take_reading()).duration_s >= 0
