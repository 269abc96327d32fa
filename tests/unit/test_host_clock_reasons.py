"""Reasons that NVML gives for a GPU's clocks, bit by bit."""

from __future__ import annotations

import pytest

from pytest_modelbench.host.clock_reasons import (
    CLOCK_REASONS,
    Consequence,
    disturbances,
    is_idle,
    is_power_capped,
    unknown_reasons,
)


@pytest.mark.parametrize(
    ("bit", "name", "consequence"),
    [
        (0x1, "idle", "idle"),
        (0x2, "applications clocks setting", "harmless"),
        (0x4, "software power cap", "harmless"),
        (0x8, "hardware slowdown", "disturbance"),
        (0x10, "sync boost", "disturbance"),
        (0x20, "software thermal slowdown", "disturbance"),
        (0x40, "hardware thermal slowdown", "disturbance"),
        (0x80, "hardware power brake", "disturbance"),
        (0x100, "display clocks setting", "harmless"),
        (0x200, "board limit", "disturbance"),
        (0x400, "reliability limit", "harmless"),
    ],
)
def test_each_reason_has_one_consequence(bit: int, name: str, consequence: str) -> None:
    (reason,) = (reason for reason in CLOCK_REASONS if reason.bit == bit)
    assert (reason.name, reason.consequence.value) == (name, consequence)
    assert disturbances(bit) == ((name,) if consequence == "disturbance" else ())
    assert is_idle(bit) == (consequence == "idle")
    assert unknown_reasons(bit) == 0


def test_a_device_at_its_power_limit_is_known_by_its_own_bit() -> None:
    assert [place for place in range(16) if is_power_capped(1 << place)] == [2]


def test_no_bit_is_listed_twice_and_several_are_named_in_their_order() -> None:
    bits = [reason.bit for reason in CLOCK_REASONS]
    assert bits == sorted(set(bits))
    assert disturbances(0x40 | 0x8 | 0x4) == ("hardware slowdown", "hardware thermal slowdown")
    assert {reason.consequence for reason in CLOCK_REASONS} == set(Consequence)


def test_bits_that_are_not_known_are_told_and_disturb_nothing() -> None:
    assert disturbances(0x10000) == ()
    assert unknown_reasons(0x10008) == 0x10000


@pytest.mark.parametrize("prefix", ["nvmlClocksEventReason", "nvmlClocksThrottleReason"])
def test_every_reason_of_the_package_at_hand_is_known(prefix: str) -> None:
    pynvml = pytest.importorskip("pynvml")
    given = {name: getattr(pynvml, name) for name in dir(pynvml) if name.startswith(prefix)}
    assert {name: hex(unknown_reasons(bits)) for name, bits in given.items() if unknown_reasons(bits)} == {}
