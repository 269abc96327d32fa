"""Machines read from folders that stand for / ."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_modelbench.doctor.machine import Busy, read_machine

CPUS = "sys/devices/system/cpu"
CLOCK = "sys/devices/system/clocksource/clocksource0"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def process(pid: int, name: str, ticks: int, parent: int = 1) -> dict[str, str]:
    """/proc/<pid>/stat of a process that used so many ticks, a third of them in the kernel."""
    system = ticks // 3
    return {f"proc/{pid}/stat": f"{pid} ({name}) S {parent} {' '.join(['0'] * 9)} {ticks - system} {system} 0 0 20"}


def stat(*cores: tuple[int, int, int]) -> dict[str, str]:
    """/proc/stat with user, idle and stolen ticks of each core."""
    lines = [f"cpu{number} {user} 0 0 {idle} 0 0 0 {steal} 0 0" for number, (user, idle, steal) in enumerate(cores)]
    return {"proc/stat": "\n".join(["cpu  1 2 3 4 5 6 7 8 9 10", *lines, "intr 5"])}


def read(root: Path, later: dict[str, str] | None = None, cores: tuple[int, ...] = (0, 1)):
    return read_machine(root, cores=cores, wait=lambda: write(root, later or {}))


def test_a_system_that_tells_nothing_is_known_by_its_cores_alone(tmp_path: Path) -> None:
    machine = read(tmp_path)
    assert machine.cores == 2
    assert machine.clocksources == ()
    assert machine.boost_control == ""
    known = {name for name in machine.__slots__ if getattr(machine, name) not in (None, (), "")}
    assert known == {"cores", "waits_told"}  # that is this very process's


def test_settings_are_read_from_the_cores_of_this_process(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            f"{CPUS}/cpu0/cpufreq/scaling_governor": "powersave",
            f"{CPUS}/cpu1/cpufreq/scaling_governor": "performance",
            f"{CPUS}/cpu2/cpufreq/scaling_governor": "ondemand",
            f"{CPUS}/cpufreq/boost": "1",
            f"{CPUS}/cpu0/topology/thread_siblings_list": "0-1",
            f"{CPUS}/cpu1/topology/thread_siblings_list": "0-1",
            f"{CPUS}/cpu2/topology/thread_siblings_list": "2,66",
            "proc/cpuinfo": "model name\t: A CPU\nflags\t\t: fpu hypervisor sse\n",
            "proc/meminfo": "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB",
            "proc/loadavg": "1.25 0.50 0.10 1/86 5494",
            f"{CLOCK}/current_clocksource": "hpet",
            f"{CLOCK}/available_clocksource": "tsc hpet",
        },
    )
    machine = read(tmp_path)
    assert machine.cpu == "A CPU"
    assert machine.virtual is True
    assert machine.governors == ("performance", "powersave")
    assert (machine.boost, machine.boost_control) == (True, "/sys/devices/system/cpu/cpufreq/boost")
    assert machine.smt_groups == ((0, 1),)
    assert (machine.memory_bytes, machine.available_bytes) == (1_024_000, 409_600)
    assert machine.load_1m == 1.25
    assert (machine.clocksource, machine.clocksources) == ("hpet", ("tsc", "hpet"))
    # The sibling 66 is not ours: whoever is there is somebody else.
    assert read(tmp_path, cores=(2,)).smt_groups == ()


@pytest.mark.parametrize(("no_turbo", "boost"), [("0", True), ("1", False)])
def test_intels_switch_is_the_other_way_round(tmp_path: Path, no_turbo: str, boost: bool) -> None:
    write(tmp_path, {f"{CPUS}/intel_pstate/no_turbo": no_turbo})
    assert read(tmp_path).boost is boost


def test_use_is_what_happened_while_it_was_watched(tmp_path: Path) -> None:
    own, child = process(os.getpid(), "doctor", 10), process(7, "child", 0, parent=os.getpid())
    write(tmp_path, {**stat((100, 900, 5), (0, 1000, 0)), **process(3, "a (b) c", 30), **process(4, "idle", 9)})
    write(tmp_path, {**own, **child, **process(5, "half", 0), "proc/vmstat": "pgpgin 5\npswpin 10\npswpout 4"})
    later = {**stat((150, 947, 8), (0, 1100, 0)), **process(3, "a (b) c", 120), **process(5, "half", 50)}
    later |= {**process(os.getpid(), "doctor", 90), **process(7, "child", 90, parent=os.getpid())}
    later |= {**process(6, "new", 60), "proc/vmstat": "pswpin 12\npswpout 5"}
    machine = read(tmp_path, later)
    assert machine.steal_share == pytest.approx(3 / 200)
    assert machine.busiest == (Busy(3, "a (b) c", 0.9), Busy(5, "half", 0.5))
    assert machine.swapped_pages == 3


def test_the_three_busiest_are_named(tmp_path: Path) -> None:
    write(tmp_path, stat((0, 0, 0)))
    for pid in range(2, 8):
        write(tmp_path, process(pid, "p", 0))
    later = {name: text for pid in range(2, 8) for name, text in process(pid, "p", 10 * pid).items()}
    machine = read(tmp_path, {**stat((0, 100, 0)), **later}, cores=(0,))
    assert [one.pid for one in machine.busiest or ()] == [7, 6, 5]


def test_battery_and_quota_are_read_below_the_root(tmp_path: Path) -> None:
    write(tmp_path, {"sys/class/power_supply/BAT0/type": "Battery"})
    write(tmp_path, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000"})
    machine = read(tmp_path)
    assert (machine.on_battery, machine.quota_cores) == (False, 1.5)


def test_this_very_machine_can_be_read() -> None:
    assert read_machine(wait=lambda: None).cores >= 1
