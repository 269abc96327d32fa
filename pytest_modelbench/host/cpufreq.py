"""How fast the CPU may run: throttle events, frequency, governor and boost, from Linux' sysfs.

Virtual machines mostly tell none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.host.files import file_text, parse_count

SYSTEM_CPUS = Path("/sys/devices/system/cpu")
# Boost wanders by some per cent as neighbouring cores wake and sleep; a tenth is more than any band forgives.
MOST_FREQUENCY_DROP = 0.10


@dataclass(frozen=True, slots=True)
class Throttle:
    """Throttle counters and frequency at one moment. None: the system does not tell."""

    #: Since boot, core and package counters added over the cores in use: a package's event counts once for each.
    events: int | None = None
    frequency_hz: float | None = None  #: of the core that the measuring thread is on


def read_throttle(cores: Sequence[int], on_core: int | None, cpus: Path = SYSTEM_CPUS) -> Throttle:
    """Throttle events of ``cores``, and the frequency of ``on_core``.

    One frequency, not all: idle cores clock down by themselves, and older kernels sleep 10 ms to sample one of them.
    """
    counts = (
        parse_count(file_text(cpus / f"cpu{core}" / "thermal_throttle" / f"{part}_throttle_count"))
        for core in cores
        for part in ("core", "package")
    )
    frequency_hz = None
    if on_core is not None:
        frequency_hz = parse_frequency(file_text(cpus / f"cpu{on_core}" / "cpufreq" / "scaling_cur_freq"))
    return Throttle(_sum(counts), frequency_hz)


def governors(cores: Sequence[int], cpus: Path = SYSTEM_CPUS) -> tuple[str, ...] | None:
    """The governors of ``cores``, each once; None if the system does not tell."""
    found = {file_text(cpus / f"cpu{core}/cpufreq/scaling_governor") for core in cores} - {""}
    return tuple(sorted(found)) or None


@dataclass(frozen=True, slots=True)
class Boost:
    """Whether cores may go beyond their nominal frequency, and which file under the CPUs' folder says so."""

    on: bool
    control: str


def read_boost(cpus: Path = SYSTEM_CPUS) -> Boost | None:
    """The boost switch; None if the system does not tell."""
    for control, on in (("cpufreq/boost", "1"), ("intel_pstate/no_turbo", "0")):
        if state := file_text(cpus / control):
            return Boost(state == on, control)
    return None


def drop(then: float | None, now: float | None) -> float | None:
    """By which share a frequency fell, 0 if it rose; None if either is unknown."""
    return None if then is None or now is None else max(1.0 - now / then, 0.0)


def parse_frequency(text: str) -> float | None:
    """Hz from ``scaling_cur_freq``, which is in kHz, or ``<unknown>``."""
    kilohertz = parse_count(text)
    return kilohertz * 1e3 if kilohertz else None


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
