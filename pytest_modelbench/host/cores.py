"""What the operating system lets this process use."""

from __future__ import annotations

import os


def allowed_cores() -> tuple[int, ...]:
    """The cores this process may run on, in order; empty where the system does not tell."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def core_count() -> int:
    """How many cores this process may run on: all of the machine's where the system does not tell, at least 1."""
    return len(allowed_cores()) or os.cpu_count() or 1
