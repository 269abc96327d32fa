"""What is said of machines and GPUs, value by value."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench.doctor import gpu_findings, machine_findings
from pytest_modelbench.doctor.findings import Severity
from pytest_modelbench.doctor.gpu import Gpu, read_gpu, why_unwatched
from pytest_modelbench.doctor.machine import Busy, Machine
from pytest_modelbench.doctor.machine_findings import findings
from pytest_modelbench.testing.machine import write_files
from pytest_modelbench.testing.nvml import FakeNvml, NVMLError

FINE, ADVICE, PROBLEM = Severity.FINE, Severity.ADVICE, Severity.PROBLEM


@pytest.mark.parametrize(
    ("check", "facts", "kind", "told"),
    [
        ("governor", {"governors": ("performance",)}, FINE, "cpufreq governor performance"),
        ("governor", {"governors": ("performance", "powersave")}, PROBLEM, "governor is powersave"),
        ("boost", {"boost": False}, FINE, "boost off"),
        ("boost", {"boost": True}, ADVICE, "boost (turbo) is on"),
        ("load", {"load_1m": 1.0}, FINE, "load average 1.00 on 2 cores"),
        ("load", {"load_1m": 1.02}, PROBLEM, "load average 1.02 on 2 cores"),
        ("load", {"load_1m": 3.0, "busiest": (Busy(1, "x", 0.3),)}, PROBLEM, "load average 3.00"),
        ("load", {"load_1m": 3.0, "busiest": ()}, ADVICE, "load average 3.00"),
        ("busiest", {"busiest": ()}, FINE, "no other process works"),
        ("busiest", {"busiest": (Busy(1, "x", 0.04),)}, FINE, "no other process works"),
        ("busiest", {"busiest": (Busy(1, "x", 0.2), Busy(2, "y", 0.04))}, ADVICE, "work: x (pid 1) 20% of a core"),
        ("busiest", {"busiest": (Busy(1, "x", 0.3), Busy(2, "y", 0.2))}, PROBLEM, "y (pid 2) 20% of a core"),
        ("steal", {"steal_share": 0.01}, FINE, "steal 1.0%"),
        ("steal", {"steal_share": 0.012}, PROBLEM, "the hypervisor took 1.2% of the time"),
        ("waits", {"waits_told": False}, ADVICE, "does not tell how long a thread waits for its core"),
        ("cores", {}, FINE, "2 cores"),
        ("cores", {"cores": 1}, PROBLEM, "this process may use 1 core"),
        ("siblings", {"smt_groups": ()}, FINE, "no shared physical cores"),
        ("siblings", {"smt_groups": ((0, 1), (2, 3))}, ADVICE, "cores share physical cores: 0+1, 2+3"),
        ("siblings", {"smt_groups": tuple((n, n + 9) for n in range(5))}, ADVICE, "3+12, ..."),
        ("siblings", {"smt_groups": (), "virtual": True}, ADVICE, "this is a virtual machine"),
        ("battery", {"on_battery": False}, FINE, "mains power"),
        ("battery", {"on_battery": True}, PROBLEM, "runs on battery"),
        ("quota", {"quota_cores": 1.5}, PROBLEM, "may use 1.5 cores' time on 2 cores"),
        ("quota", {"quota_cores": 2.0}, ADVICE, "may use 2 cores' time on 2 cores"),
        ("memory", {"memory_bytes": 2**33, "available_bytes": 2**32}, FINE, "50% of 8.0 GiB memory available"),
        ("memory", {"memory_bytes": 2**33, "available_bytes": 2**29}, PROBLEM, "6% of 8.0 GiB"),
        ("memory", {"memory_bytes": 2, "available_bytes": 2, "swapped_pages": 1}, PROBLEM, "is swapping"),
        ("clocksource", {"clocksource": "tsc"}, FINE, "clock source tsc"),
        ("clocksource", {"clocksource": "arch_sys_counter"}, FINE, "clock source arch_sys_counter"),
        ("clocksource", {"clocksource": "kvm-clock"}, ADVICE, "the clock source is kvm-clock"),
        ("clocksource", {"clocksource": "hpet"}, PROBLEM, "the clock source is hpet"),
    ],
)
def test_each_thing_looked_at(check: str, facts: dict[str, Any], kind: Severity, told: str) -> None:
    machine = replace(Machine(cores=2), **facts)
    finding = getattr(machine_findings, check)(machine)
    assert finding.severity is kind
    assert told in finding.what
    assert bool(finding.why) == (kind is not FINE)


@pytest.mark.parametrize(
    ("facts", "command"),
    [
        ({"governors": ("schedutil",)}, "sudo cpupower frequency-set -g performance"),
        ({"boost": True, "boost_control": "/x/cpufreq/boost"}, "echo 0 | sudo tee /x/cpufreq/boost"),
        ({"boost": True, "boost_control": "/x/no_turbo"}, "echo 1 | sudo tee /x/no_turbo"),
        ({"smt_groups": ((0, 1),)}, "echo off | sudo tee /sys/devices/system/cpu/smt/control"),
        (
            {"clocksource": "hpet", "clocksources": ("hpet", "tsc")},
            "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource",
        ),
    ],
)
def test_what_a_command_can_mend_says_it(facts: dict[str, Any], command: str) -> None:
    machine = replace(Machine(cores=2), **facts)
    assert [finding.mend for finding in machine_findings.findings(machine) if finding.mend] == [command]


def test_what_is_not_known_is_not_spoken_of() -> None:
    assert [finding.id for finding in machine_findings.findings(Machine(cores=2))] == ["cores"]


def test_problems_come_first_and_what_is_fine_last() -> None:
    machine = Machine(cores=2, boost=True, governors=("powersave",), clocksource="tsc", gpu=Gpu("G", 0, mig=True))
    kinds = [finding.severity for finding in machine_findings.findings(machine)]
    assert kinds == [PROBLEM, ADVICE, ADVICE, FINE, FINE]


H200 = Gpu("NVIDIA H200", 1, sm_clock_hz=345_000_000, max_sm_clock_hz=1_980_000_000, reasons=0x1, temperature_c=30)


@pytest.mark.parametrize(
    ("check", "facts", "kind", "told"),
    [
        ("persistence", {"persistence": True}, FINE, "persistence mode on"),
        ("persistence", {"persistence": False}, ADVICE, "persistence mode is off"),
        ("clocks", {}, ADVICE, "do not seem locked (SM now 345 MHz, at most 1980)"),
        ("clocks", {"sm_clock_hz": 1_485_000_000}, FINE, "GPU clocks held at 1485 MHz"),
        ("clocks", {"sm_clock_hz": 1_980_000_000, "reasons": 0}, ADVICE, "do not seem locked"),
        ("clocks", {"sm_clock_hz": 1_200_000_000, "reasons": 0x2}, FINE, "GPU clocks held at 1200 MHz"),
        ("strangers", {"foreign": ()}, FINE, "no other process on the GPU"),
        ("strangers", {"foreign": (7, 9)}, PROBLEM, "other processes use the GPU: pid 7, 9"),
        ("throttling", {}, FINE, "GPU not throttled at 30 °C"),
        ("throttling", {"reasons": 0x28}, PROBLEM, "held down at 30 °C: hardware slowdown, software thermal slowdown"),
        ("throttling", {"reasons": 0x210}, PROBLEM, "held down at 30 °C: sync boost, board limit"),
        ("throttling", {"reasons": 0x507}, FINE, "GPU not throttled at 30 °C"),
        ("throttling", {"temperature_c": 76}, PROBLEM, "the GPU is hot at 76 °C"),
        ("ecc", {"ecc": True}, FINE, "GPU ECC on"),
        ("ecc", {"ecc": False}, FINE, "GPU ECC off"),
        ("mig", {"mig": False}, FINE, "GPU not divided"),
        ("mig", {"mig": True}, ADVICE, "divided"),
    ],
)
def test_each_thing_of_a_gpu(check: str, facts: dict[str, Any], kind: Severity, told: str) -> None:
    finding = getattr(gpu_findings, check)(replace(H200, **facts))
    assert finding.severity is kind
    assert told in finding.what


def test_sync_boost_points_at_the_other_gpus_of_its_group() -> None:
    alone, held = (gpu_findings.throttling(replace(H200, reasons=reasons)) for reasons in (0x40, 0x10))
    assert alone is not None
    assert held is not None
    assert held.why == f"{alone.why} In sync boost, look at the other GPUs of its group."


def test_commands_for_a_gpu_name_it() -> None:
    found = {finding.id: finding.mend for finding in gpu_findings.gpu_findings(replace(H200, persistence=False))}
    assert found["gpu-persistence"] == "sudo nvidia-smi -i 1 -pm 1"
    assert found["gpu-clocks"] == "sudo nvidia-smi -i 1 -lgc 1485,1485"


def test_a_gpu_that_tells_nothing_is_not_spoken_of() -> None:
    assert gpu_findings.gpu_findings(Gpu("G", 0)) == []


def test_processes_of_other_parts_of_a_divided_gpu_are_no_strangers() -> None:
    assert gpu_findings.strangers(replace(H200, foreign=(7,), mig=True)) is None


def two_gpus(fails: Exception | None = None) -> FakeNvml:
    """Two idle GPUs; the driver is too old for one of the questions."""
    nvml = FakeNvml(
        "GPU-a", "GPU-b", fails=fails, nvmlDeviceGetClockInfo=345, nvmlDeviceGetTemperature=30,
        nvmlDeviceGetPersistenceMode=0, nvmlDeviceGetCurrentClocksThrottleReasons=1,
    )  # fmt: skip
    del nvml.answers["nvmlDeviceGetCurrentClocksEventReasons"]
    nvml.pids = [9, 7]
    return nvml


@pytest.fixture(autouse=True)
def _every_gpu_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_a_gpu_is_read_and_nvml_left() -> None:
    nvml = two_gpus()
    expected = replace(H200, index=0, persistence=False, ecc=True, mig=False, compute_mode=0, power_limit_w=700.0,
        foreign=(7, 9),
    )  # fmt: skip
    assert read_gpu("auto", library=nvml) == expected
    assert nvml.open == 0


@pytest.mark.parametrize(
    ("device", "visible", "index"),
    [
        ("cuda:1", None, 1),
        ("cuda", "1", 1),
        ("cuda:1", "1,0", 0),
        ("cuda", "GPU-b", 1),
        ("cuda:2", None, None),
        ("cuda:1", "1", None),
        ("auto", "", None),
        ("cpu", None, None),
        ("mps", None, None),
        ("cuda:x", None, None),
    ],
)
def test_the_gpu_that_would_be_measured_on_is_looked_at(device: str, visible: str | None, index: int | None) -> None:
    found = read_gpu(device, visible, library=two_gpus())
    assert (found.index if found else None) == index


def test_without_a_driver_there_is_no_gpu() -> None:
    assert read_gpu("auto", library=two_gpus(NVMLError())) is None


@pytest.mark.parametrize(("mode", "what"), [(3, "to one process at a time"), (2, "to none at all"), (1, "at a time")])
def test_a_gpu_that_two_processes_cannot_share_keeps_duets_away(mode: int, what: str) -> None:
    found = gpu_findings.compute_mode(replace(H200, compute_mode=mode))
    assert found is not None
    assert what in found.what
    assert found.mend == "sudo nvidia-smi -i 1 -c DEFAULT"
    open_ = gpu_findings.compute_mode(replace(H200, compute_mode=0))
    assert open_ is not None
    assert open_.severity is FINE


def test_a_gpu_that_nobody_asks_is_told_where_its_driver_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_unwatched("cuda", tmp_path, FakeNvml(fails=NVMLError("no"))) == ""
    write_files(tmp_path, {"driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat"})
    assert why_unwatched("cuda", tmp_path, FakeNvml()) == ""
    assert why_unwatched("cpu", tmp_path, FakeNvml(fails=NVMLError("no"))) == ""
    assert why_unwatched("cuda:1", tmp_path, FakeNvml(fails=NVMLError("no"))) == "NVML cannot be asked: no"
    monkeypatch.setitem(sys.modules, "pynvml", None)
    why = why_unwatched("auto", tmp_path)
    (found,) = [one for one in findings(Machine(cores=2, gpu_unwatched=why)) if one.id == "gpu-nvml"]
    assert (found.severity, found.mend) == (PROBLEM, "pip install 'pytest-modelbench[cuda]'")
