"""What holds the clocks of an NVIDIA GPU where they are, and what each reason means for a measurement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Consequence(Enum):
    """What a reason means for a measurement during which it is given."""

    DISTURBANCE = "disturbance"  #: the device is slower than it was asked to be, now and perhaps not in the next run
    HARMLESS = "harmless"  #: there before, in and after a block alike, or usual under load; its cost shows in the clock
    IDLE = "idle"  #: there is nothing to do: what happens between blocks


@dataclass(frozen=True, slots=True)
class ClockReason:
    """One bit of what NVML answers, named as people know it."""

    bit: int
    name: str
    consequence: Consequence


_IDLE = 0x1
APPLICATIONS_CLOCKS = 0x2
_POWER_CAP = 0x4
SYNC_BOOST = 0x10

#: nvmlClocksEventReasons of nvml.h (ThrottleReasons before); how it describes each of them is behind the consequence.
CLOCK_REASONS = (
    ClockReason(_IDLE, "idle", Consequence.IDLE),
    # "Limited by current setting of applications clocks", or of display clocks: somebody's choice, which stays.
    ClockReason(APPLICATIONS_CLOCKS, "applications clocks setting", Consequence.HARMLESS),
    # "Optimized to ensure not to exceed currently set power limits": where any device that is kept busy ends up.
    ClockReason(_POWER_CAP, "software power cap", Consequence.HARMLESS),
    # "Reducing the core clocks by a factor of 2 or more": too hot, a power brake asserted from outside, or power drawn
    # so fast that protection strikes.
    ClockReason(0x8, "hardware slowdown", Consequence.DISTURBANCE),
    # "All GPUs in the sync boost group will boost to the minimum possible clocks across the entire group": it is no
    # setting of this device's own clock, but another device's heat or load that holds this one down.
    ClockReason(SYNC_BOOST, "sync boost", Consequence.DISTURBANCE),
    # Held at the highest temperature that its cores or its memory may have.
    ClockReason(0x20, "software thermal slowdown", Consequence.DISTURBANCE),
    # By a factor of 2 or more, too hot.
    ClockReason(0x40, "hardware thermal slowdown", Consequence.DISTURBANCE),
    # By a factor of 2 or more, asserted from outside, as by the system's power supply.
    ClockReason(0x80, "hardware power brake", Consequence.DISTURBANCE),
    ClockReason(0x100, "display clocks setting", Consequence.HARMLESS),
    # All that nvml.h says is that "the board limit [causes] the GPU to be below application clocks" (in
    # nvmlPerfPolicyType). It is not the power limit, which has a bit of its own: a protection of the board's supply,
    # which nobody has set and which depends on the moment's load.
    ClockReason(0x200, "board limit", Consequence.DISTURBANCE),
    # "The board reliability limit", known as that of the voltage: the highest clock at which the device is reliable,
    # and so where one that is cool and has power to spare ends up.
    ClockReason(0x400, "reliability limit", Consequence.HARMLESS),
)
_KNOWN = sum(reason.bit for reason in CLOCK_REASONS)


def is_idle(reasons: int) -> bool:
    """Whether a device with these ``reasons`` has nothing to do."""
    return bool(reasons & _IDLE)


def is_power_capped(reasons: int) -> bool:
    """Whether a device with these ``reasons`` draws all the power that it may, and so runs no faster."""
    return bool(reasons & _POWER_CAP)


def disturbances(reasons: int) -> tuple[str, ...]:
    """Names of what of ``reasons`` disturbs a measurement."""
    return tuple(reason.name for reason in _given(reasons) if reason.consequence is Consequence.DISTURBANCE)


def all_reasons(reasons: int) -> tuple[str, ...]:
    """Names of what of ``reasons`` holds the clocks, disturbing or not; not that there is nothing to do."""
    return tuple(reason.name for reason in _given(reasons) if reason.consequence is not Consequence.IDLE)


def unknown_reasons(reasons: int) -> int:
    """Bits of ``reasons`` that are not known here.

    They are no disturbance by themselves: NVML keeps adding reasons, and not all of them slow anything down. One that
    does shows in the clock.
    """
    return reasons & ~_KNOWN


def _given(reasons: int) -> Iterator[ClockReason]:
    return (reason for reason in CLOCK_REASONS if reasons & reason.bit)
