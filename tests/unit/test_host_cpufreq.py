"""Throttle counters and frequency from a tree of files as sysfs has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_modelbench.host.cpufreq import (
    Throttle,
    drop,
    parse_frequency,
    read_throttle,
)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def cpus(tmp_path: Path) -> Path:
    """Cores 0 to 2 of one package; only core 2 clocks down by itself."""
    for core, (events, kilohertz) in enumerate([(3, 3_400_000), (4, 3_400_000), (90, 800_000)]):
        folder = tmp_path / f"cpu{core}"
        write(folder / "thermal_throttle" / "core_throttle_count", f"{events}\n")
        write(folder / "thermal_throttle" / "package_throttle_count", "5\n")
        write(folder / "cpufreq" / "scaling_cur_freq", f"{kilohertz}\n")
    return tmp_path


def test_events_are_those_of_the_cores_in_use_and_the_frequency_that_of_the_core_it_runs_on(cpus: Path) -> None:
    assert read_throttle([0, 1], 1, cpus) == Throttle(3 + 5 + 4 + 5, 3.4e9)
    assert read_throttle([2], 2, cpus) == Throttle(95, 8e8)


def test_what_a_machine_does_not_tell_is_none(cpus: Path) -> None:
    assert read_throttle([0], None, cpus) == Throttle(8, None)
    assert read_throttle([], 0, cpus) == Throttle(None, 3.4e9)
    assert read_throttle([7], 7, cpus) == Throttle(None, None)
    (cpus / "cpu0" / "thermal_throttle" / "package_throttle_count").unlink()
    assert read_throttle([0], 0, cpus) == Throttle(3, 3.4e9)


@pytest.mark.parametrize("text", ["", "\n", "<unknown>", "-1", "1.5", "12 13", "²"])
def test_what_is_no_frequency_is_none(text: str) -> None:
    assert parse_frequency(text) is None


def test_frequency_is_given_in_kilohertz_and_is_never_zero() -> None:
    assert parse_frequency("2400000\n") == 2.4e9
    assert parse_frequency("0\n") is None


@pytest.mark.parametrize(
    ("then", "now", "share"), [(4e9, 3e9, 0.25), (3e9, 4e9, 0.0), (3e9, 3e9, 0.0), (None, 3e9, None), (3e9, None, None)]
)
def test_drop_is_the_lost_share(then: float | None, now: float | None, share: float | None) -> None:
    assert drop(then, now) == share
