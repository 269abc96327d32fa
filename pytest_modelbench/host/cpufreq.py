"""How fast the CPU may run: throttle events and frequency, from Linux's sysfs. Virtual machines mostly tell neither."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SYSTEM_CPUS = Path("/sys/devices/system/cpu")
# Boost wanders by some per cent as neighbouring cores wake and sleep; a tenth is more than any band forgives.
MOST_FREQUENCY_DROP = 0.10


@dataclass(frozen=True, slots=True)
class Throttle:
    """Throttle counters and frequency at one moment. None: the system does not tell."""

    #: Since boot, core and package counters added over the cores in use: a package's event counts once for each.
    events: int | None = None
    frequency_hz: float | None = None  #: of the core that the measuring thread is on


def read_throttle(cores: Sequence[int], on_core: int | None, root: Path = SYSTEM_CPUS) -> Throttle:
    """Throttle events of ``cores``, and the frequency of ``on_core``.

    One frequency, not all: idle cores clock down by themselves, and older kernels sleep 10 ms to sample one of them.
    """
    counts = (
        parse_count(_text(root / f"cpu{core}" / "thermal_throttle" / f"{part}_throttle_count"))
        for core in cores
        for part in ("core", "package")
    )
    frequency_hz = None
    if on_core is not None:
        frequency_hz = parse_frequency(_text(root / f"cpu{on_core}" / "cpufreq" / "scaling_cur_freq"))
    return Throttle(_sum(counts), frequency_hz)


def drop(then: float | None, now: float | None) -> float | None:
    """By which share a frequency fell, 0 if it rose; None if either is unknown."""
    return None if then is None or now is None else max(1.0 - now / then, 0.0)


def parse_count(text: str) -> int | None:
    """The number that a counter's file holds."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() else None


def parse_frequency(text: str) -> float | None:
    """Hz from ``scaling_cur_freq``, which is in kHz, or ``<unknown>``."""
    kilohertz = parse_count(text)
    return kilohertz * 1e3 if kilohertz else None


def parse_core(text: str) -> int | None:
    """The core that a thread is on, or was last, from its ``/proc/<pid>/stat``: field 39 of proc_pid_stat(5)."""
    # The second field is the program's name in parentheses, and may itself hold blanks and parentheses.
    fields = text.rpartition(")")[2].split()
    return parse_count(fields[36]) if len(fields) > 36 else None


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
