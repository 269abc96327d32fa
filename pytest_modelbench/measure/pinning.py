"""The cores that this process runs on: those that measure on the CPU, or those that launch on an accelerator."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.host.cores import allowed_cores, cores_near, parse_cpu_list
from pytest_modelbench.measure.devices import gpu_facts


def pin(threads: int, cores: Sequence[int] = ()) -> tuple[int, ...]:
    """The cores this process now runs on: ``cores``, or the ``threads`` highest of those allowed.

    The highest, because interrupts and whatever does not care land on the first core. Empty where it cannot be pinned.
    """
    if threads < 1:
        raise UsageError(f"pinning to {threads} threads: it takes at least 1; see --modelbench-threads")
    allowed = allowed_cores()
    wanted = tuple(cores) if len(cores) == threads and set(cores) <= set(allowed) else allowed[-threads:]
    if wanted:
        for task in _tasks():
            _pin_task(task, wanted)
    return wanted


def keep_to(wanted: str, device: str) -> None:
    """Have this process, which launches on the accelerator ``device``, run on those cores of the host.

    ``any``, all that it may; ``near``, those on the NUMA node of an NVIDIA GPU; or a list such as ``8-15,40``. Raises
    UsageError where they cannot be had.
    """
    if wanted == "any":
        return
    option = f"--modelbench-host-cores={wanted}"
    if wanted == "near":
        facts = gpu_facts(device)
        found = cores_near(facts.bus_id) if facts else None
        if found == ():
            raise UsageError(f"{option}: this process may use none of the cores near {device}; let it, or name others")
        if found is None:
            raise UsageError(
                f"{option}: the system does not tell which cores are near {device}. It takes Linux, an NVIDIA GPU and "
                "nvidia-ml-py (pip install 'pytest-modelbench[cuda]'); or name the cores, as in 0-7"
            )
    else:
        found = _listed(wanted, option)
    pin(len(found), found)


def _listed(wanted: str, option: str) -> tuple[int, ...]:
    try:
        found = tuple(sorted(set(parse_cpu_list(wanted))))
    except ValueError:
        found = ()
    if not found:
        raise UsageError(f"{option}: write any, near, or cores as in 8-15,40")
    allowed = allowed_cores()
    if missing := [core for core in found if core not in allowed]:
        here = ", ".join(map(str, allowed)) or "none that the system tells"
        raise UsageError(f"{option}: this process may not use {', '.join(map(str, missing))}; it may use {here}")
    return found


def _tasks() -> Iterable[int]:
    """This thread, and the others of this process: pinning reaches only one, and OpenMP's may be running already."""
    try:
        return [0, *(int(task) for task in os.listdir("/proc/self/task"))]
    except OSError:
        return [0]


def _pin_task(task: int, cores: Sequence[int]) -> None:
    try:
        os.sched_setaffinity(task, cores)
    except ProcessLookupError:
        if task == 0:
            raise
