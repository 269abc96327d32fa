"""What is said of a machine, one small function for each thing looked at. None where the machine does not tell."""

from __future__ import annotations

from collections.abc import Callable

from pytest_modelbench.doctor.findings import Finding, Severity, fine
from pytest_modelbench.doctor.gpu_findings import gpu_findings, sight_findings, unwatched
from pytest_modelbench.doctor.machine import Machine

#: Average number of others' tasks per core that want to run: half a core's worth each is met in every other sample.
MOST_LOAD_PER_CORE = 0.5
#: What a usual neighbour takes of a virtual core; twice the resolution of one second.
MOST_STEAL_SHARE = 0.01
#: Of one core, by all other processes together: below, nothing to speak of; above, somebody works here.
LEAST_BUSY_SHARE, MOST_BUSY_SHARE = 0.05, 0.5
#: Below, the page cache is given up, and models are read from the disk again.
LEAST_AVAILABLE_SHARE = 0.10
#: Clock sources that are read without entering the kernel, in tens of nanoseconds: of x86, Arm, and hypervisors.
FAST_CLOCKS = ("tsc", "arch_sys_counter")
GUEST_CLOCKS = ("kvm-clock", "hyperv_clocksource_tsc_page")


def findings(machine: Machine) -> list[Finding]:
    """Everything there is to say: problems first, then advice, then what is fine."""
    found = [finding for check in CHECKS if (finding := check(machine))]
    found += gpu_findings(machine.gpu) if machine.gpu else []
    found += [unwatched(machine.gpu_unwatched)] if machine.gpu_unwatched else []
    found += sight_findings(machine.sight) if machine.sight else []
    return sorted(found, key=lambda finding: list(Severity).index(finding.severity))


def governor(machine: Machine) -> Finding | None:
    """Whether cores run at full frequency before somebody asks twice."""
    if machine.governors is None:
        return None
    slow = [name for name in machine.governors if name != "performance"]
    if not slow:
        return fine("governor", "cpufreq governor performance")
    return Finding(
        "governor",
        Severity.PROBLEM,
        f"the cpufreq governor is {', '.join(slow)}",
        "Cores clock up only after a while of work, and how soon differs from run to run.",
        "sudo cpupower frequency-set -g performance",
    )


def boost(machine: Machine) -> Finding | None:
    """Whether the frequency depends on temperature and on what other cores do."""
    if machine.boost is None:
        return None
    if not machine.boost:
        return fine("boost", "boost off")
    off = "1" if machine.boost_control.endswith("no_turbo") else "0"
    return Finding(
        "boost",
        Severity.ADVICE,
        "boost (turbo) is on",
        "How far a core goes beyond its nominal frequency depends on its temperature and on how many others work.",
        f"echo {off} | sudo tee {machine.boost_control}",
    )


def load(machine: Machine) -> Finding | None:
    """Whether others wanted to run in the last minute; of this process nothing is in that yet."""
    if machine.load_1m is None:
        return None
    per_core = machine.load_1m / machine.cores
    what = f"load average {machine.load_1m:.2f} on {_many(machine.cores, 'core')}"
    if per_core <= MOST_LOAD_PER_CORE:
        return fine("load", what)
    busy = sum(process.core_share for process in machine.busiest or ())
    if machine.busiest is not None and busy < LEAST_BUSY_SHARE:
        return Finding(
            "load",
            Severity.ADVICE,
            what,
            "It is the last minute's, and nothing runs now: it should be gone in a minute.",
        )
    return Finding(
        "load",
        Severity.PROBLEM,
        what,
        f"More than {MOST_LOAD_PER_CORE} tasks per core of others' work want to run beside every measurement. Measure "
        "when the machine is idle, one job at a time.",
    )


def busiest(machine: Machine) -> Finding | None:
    """Which other processes work now."""
    if machine.busiest is None:
        return None
    named = [process for process in machine.busiest if process.core_share >= LEAST_BUSY_SHARE]
    if not named:
        return fine("busy", "no other process works")
    shares = ", ".join(f"{one.name} (pid {one.pid}) {one.core_share:.0%} of a core" for one in named)
    total = sum(process.core_share for process in machine.busiest)
    return Finding(
        "busy",
        Severity.PROBLEM if total >= MOST_BUSY_SHARE else Severity.ADVICE,
        f"other processes work: {shares}",
        "They take turns with the measurement, or its caches, its frequency and its memory bandwidth.",
    )


def steal(machine: Machine) -> Finding | None:
    """Whether the host has its cores for us."""
    if machine.steal_share is None:
        return None
    what = f"the hypervisor took {machine.steal_share:.1%} of the time (steal)"
    if machine.steal_share <= MOST_STEAL_SHARE:
        return fine("steal", f"steal {machine.steal_share:.1%}")
    return Finding(
        "steal",
        Severity.PROBLEM,
        what,
        "The host runs others on our cores. Only another machine helps: dedicated cores, or a bigger instance.",
    )


def waits(machine: Machine) -> Finding | None:
    """Whether what others do on a core can be left out of a model's time."""
    if machine.waits_told is not False:
        return None
    return Finding(
        "waits",
        Severity.ADVICE,
        "the system does not tell how long a thread waits for its core",
        "What others compute on it counts as the model's, and such blocks are measured again. Measure when the machine "
        "is idle.",
    )


def cores(machine: Machine) -> Finding:
    """Whether the controlling process has a core of its own."""
    if machine.cores > 1:
        return fine("cores", _many(machine.cores, "core"))
    return Finding(
        "cores",
        Severity.PROBLEM,
        "this process may use 1 core",
        "The controlling process, interrupts and everything else compete with the measuring one. Give the machine, or "
        "the container, a second core.",
    )


def siblings(machine: Machine) -> Finding | None:
    """Whether a neighbour may sit on the same physical core."""
    if machine.smt_groups:
        pairs = ", ".join("+".join(map(str, group)) for group in machine.smt_groups[:4])
        more = ", ..." if len(machine.smt_groups) > 4 else ""
        return Finding(
            "smt",
            Severity.ADVICE,
            f"cores share physical cores: {pairs}{more}",
            "Work on the other hyperthread of a physical core costs this one about a third of its speed (25-60% "
            "measured).",
            "echo off | sudo tee /sys/devices/system/cpu/smt/control",
        )
    if machine.virtual:
        return Finding(
            "smt",
            Severity.ADVICE,
            "this is a virtual machine, whose cores may be hyperthreads of shared physical cores",
            "It cannot be seen from inside. A busy neighbour on the same physical core then costs about a third of the "
            "speed (25-60% measured), in spells of seconds. Where it can be chosen: one thread per core.",
        )
    return None if machine.smt_groups is None else fine("smt", "no shared physical cores")


def battery(machine: Machine) -> Finding | None:
    """Whether power is saved."""
    if machine.on_battery is None:
        return None
    if not machine.on_battery:
        return fine("power", "mains power")
    return Finding(
        "power",
        Severity.PROBLEM,
        "the machine runs on battery",
        "Firmware then limits power, and so frequency, whatever the governor says. Plug it in.",
    )


def quota(machine: Machine) -> Finding | None:
    """Whether a container is stopped when it has had its share."""
    if machine.quota_cores is None:
        return None
    return Finding(
        "quota",
        Severity.PROBLEM if machine.quota_cores < min(2, machine.cores) else Severity.ADVICE,
        f"this container may use {machine.quota_cores:g} cores' time on {_many(machine.cores, 'core')} (CPU quota)",
        "Once it has had its share of a period (100 ms mostly) it is stopped for the rest of it. Whole cores of "
        "its own serve better: --cpuset-cpus in place of --cpus, or the static CPU manager policy of Kubernetes.",
    )


def memory(machine: Machine) -> Finding | None:
    """Whether memory is about to run out."""
    if machine.memory_bytes is None or machine.available_bytes is None:
        return None
    share = machine.available_bytes / machine.memory_bytes
    what = f"{share:.0%} of {machine.memory_bytes / 2**30:.1f} GiB memory available"
    if machine.swapped_pages:
        return Finding(
            "memory", Severity.PROBLEM, f"the machine is swapping: {what}", "A page from the disk takes milliseconds."
        )
    if share < LEAST_AVAILABLE_SHARE:
        return Finding("memory", Severity.PROBLEM, what, "The kernel will reclaim pages while a model runs.")
    return fine("memory", what)


def clocksource(machine: Machine) -> Finding | None:
    """Whether reading the clock is cheap."""
    name = machine.clocksource
    if name is None:
        return None
    if name in FAST_CLOCKS:
        return fine("clock", f"clock source {name}")
    fast = next((one for one in machine.clocksources if one in FAST_CLOCKS), "")
    control = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    guest = name in GUEST_CLOCKS
    return Finding(
        "clock",
        Severity.ADVICE if guest else Severity.PROBLEM,
        f"the clock source is {name}",
        "It is read quickly, but the host may correct it."
        if guest
        else "Reading it takes a microsecond or more inside the kernel, which is added to every short measurement."
        + ("" if fast else " The kernel offers no better one: it has found the processor's own clock unreliable."),
        f"echo {fast} | sudo tee {control}" if fast else "",
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


CHECKS: tuple[Callable[[Machine], Finding | None], ...] = (
    load, busiest, steal, waits, memory, quota, cores, governor, battery, clocksource, siblings, boost,
)  # fmt: skip
