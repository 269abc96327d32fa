"""Which cores the operating system lets this process use, and which of them are one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pytest_modelbench.host.cpufreq import SYSTEM_CPUS
from pytest_modelbench.host.files import file_text


def allowed_cores() -> tuple[int, ...]:
    """The cores this process may run on, in order; empty where the system does not tell."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def core_count() -> int:
    """How many cores this process may run on: all of the machine's where the system does not tell, at least 1."""
    return len(allowed_cores()) or os.cpu_count() or 1


def smt_groups(cores: Sequence[int], cpus: Path = SYSTEM_CPUS) -> tuple[tuple[int, ...], ...] | None:
    """Groups of two and more of ``cores`` that are threads of one physical core; None if the system does not tell."""
    lists = {file_text(cpus / f"cpu{core}/topology/thread_siblings_list") for core in cores} - {""}
    groups = {tuple(core for core in parse_cpu_list(text) if core in cores) for text in lists}
    return tuple(sorted(group for group in groups if len(group) > 1)) if lists else None


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """The numbers in ``0-1,64``."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)
