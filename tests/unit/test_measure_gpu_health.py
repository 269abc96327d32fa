"""Health of a GPU, from an NVML made up: no test here needs a device."""

from __future__ import annotations

import gc
import os
import sys

import pytest

from pytest_modelbench.measure.gpu_health import GpuHealth, GpuProbe, GpuReading, gpu_probe, over
from pytest_modelbench.testing.nvml import UUID, FakeNvml, NotSupportedError, NVMLError

FIRST = "pid:[4026531836]"
CONTAINER = "pid:[4026532211]"


def probe_of(library: FakeNvml, allowed: tuple[int, ...] = (), namespace: str = FIRST) -> GpuProbe:
    probe = gpu_probe(UUID, allowed, library, lambda: namespace)
    assert probe is not None
    return probe


def test_device_is_read_with_whoever_else_computes_on_it() -> None:
    assert probe_of(FakeNvml()).read() == GpuReading(1_755_000_000, 0, frozenset(), 61, 540.0)


def test_unknown_device_is_no_probe_and_leaves_nvml_closed() -> None:
    library = FakeNvml("GPU-another")
    assert gpu_probe(UUID, library=library) is None
    assert library.open == 0


def test_nvml_is_open_as_long_as_the_probe_lives() -> None:
    library = FakeNvml()
    probe = probe_of(library)
    assert library.open == 1
    del probe
    gc.collect()
    assert library.open == 0


def test_without_driver_or_package_there_is_no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpu_probe(UUID, library=FakeNvml(fails=NVMLError())) is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_probe(UUID) is None


def test_device_that_supports_nothing_tells_nothing() -> None:
    library = FakeNvml()
    library.answers = dict.fromkeys(library.answers, NotSupportedError())
    library.pids = None
    probe = probe_of(library)
    assert probe.read() == GpuReading()
    assert over([probe.read(), probe.read()]) == GpuHealth()
    assert over([probe.read()]).unhealthy == ""


ME = os.getpid()


@pytest.mark.parametrize(
    ("pids", "namespace", "foreign"),
    [
        ([ME], FIRST, frozenset()),
        ([ME, ME], FIRST, frozenset()),
        ([ME, 500_001], FIRST, frozenset()),  # allowed
        ([ME, 500_001, 500_002], FIRST, frozenset({500_002})),
        ([], FIRST, None),  # this process uses the device, so the list is no good
        ([500_002], FIRST, None),
        # What others do is seen or not, but nobody in sight does not mean that nobody is there.
        ([ME, 500_002], CONTAINER, frozenset({500_002})),
        ([ME], CONTAINER, None),
        ([500_002], CONTAINER, None),  # pids of the host
        ([], CONTAINER, None),
    ],
)
def test_foreign_processes_are_those_neither_own_nor_allowed_where_pids_can_be_seen(
    pids: list[int], namespace: str, foreign: frozenset[int] | None
) -> None:
    library = FakeNvml()
    library.pids = pids
    assert probe_of(library, (500_001,), namespace).read().foreign == foreign


def test_where_namespaces_cannot_be_told_nobody_in_sight_is_unknown() -> None:
    assert probe_of(FakeNvml(), namespace="").read().foreign is None


def test_processes_in_other_parts_of_a_divided_device_are_not_counted() -> None:
    library = FakeNvml(nvmlDeviceGetMigMode=[1, 1])
    library.pids = [ME, 500_002]
    assert probe_of(library).read().foreign is None


@pytest.mark.parametrize(
    ("reasons", "sentence"),
    [
        (0x0, ""),
        (0x1, ""),  # idle
        (0x2, ""),  # applications clocks
        (0x100, ""),  # display clocks
        (0x400, ""),  # voltage
        (0x4, ""),  # power limit
        (0x8, "the GPU held its clocks down (hardware slowdown, at 61 °C)"),
        (0x10, "the GPU held its clocks down (sync boost, at 61 °C)"),
        (0x20, "the GPU held its clocks down (software thermal slowdown, at 61 °C)"),
        (0x40, "the GPU held its clocks down (hardware thermal slowdown, at 61 °C)"),
        (0x80, "the GPU held its clocks down (hardware power brake, at 61 °C)"),
        (0x200, "the GPU held its clocks down (board limit, at 61 °C)"),
        (0x1 | 0x8 | 0x40, "the GPU held its clocks down (hardware slowdown, hardware thermal slowdown, at 61 °C)"),
        (0x10000, ""),
        (0x10008, "the GPU held its clocks down (hardware slowdown, unknown reason 0x10000, at 61 °C)"),
    ],
)
def test_each_reason_is_spelled_out_and_settings_are_no_disturbance(reasons: int, sentence: str) -> None:
    library = FakeNvml(nvmlDeviceGetCurrentClocksEventReasons=reasons)
    assert over([probe_of(library).read()]).unhealthy == sentence


def test_without_a_sensor_the_reason_stands_alone() -> None:
    assert GpuHealth(reasons=0x8).unhealthy == "the GPU held its clocks down (hardware slowdown)"


@pytest.mark.parametrize(
    ("health", "sentence"),
    [
        (GpuHealth(clock_drop=0.1), ""),
        (GpuHealth(clock_drop=0.25), "the GPU's clock fell by 25.0%"),
        (GpuHealth(foreign=frozenset()), ""),
        (GpuHealth(foreign=frozenset({4711})), "another process used the GPU (pid 4711)"),
        (
            GpuHealth(0.5, 0x20, frozenset({4711, 12}), 88),
            "2 other processes used the GPU (pids 12, 4711); "
            "the GPU held its clocks down (software thermal slowdown, at 88 °C); the GPU's clock fell by 50.0%",
        ),
    ],
)
def test_unhealthy_says_what_the_gpu_did(health: GpuHealth, sentence: str) -> None:
    assert health.unhealthy == sentence


def test_health_is_what_any_of_the_readings_saw() -> None:
    readings = [
        GpuReading(1_000, 0x4, frozenset({5}), 60),
        GpuReading(800, 0x20, frozenset(), 70),
        GpuReading(700, None, frozenset({6}), None),
    ]
    assert over(readings) == GpuHealth(1 - 800 / 1_000, 0x24, frozenset({5, 6}), 70, 700)


def test_nobody_seen_once_is_unknown_where_another_look_saw_nothing() -> None:
    assert over([GpuReading(foreign=frozenset()), GpuReading()]).foreign is None
    assert over([GpuReading(foreign=frozenset({5})), GpuReading()]).foreign == {5}
    assert over([]) == GpuHealth()


def test_clock_of_a_device_with_nothing_to_do_is_no_drop() -> None:
    busy = GpuReading(sm_clock_hz=1_980, reasons=0)
    assert over([busy, GpuReading(sm_clock_hz=345, reasons=0x1)]).clock_drop is None
    assert over([GpuReading(sm_clock_hz=345, reasons=0x1), busy]).clock_drop == 0.0
    assert over([busy, GpuReading(sm_clock_hz=990)]).clock_drop == 0.5


def test_a_clock_that_the_power_limit_holds_is_no_drop() -> None:
    boost = GpuReading(sm_clock_hz=1980, reasons=0)
    assert over([boost, GpuReading(sm_clock_hz=1700, reasons=0x4)]).unhealthy == ""
    hot = over([boost, GpuReading(sm_clock_hz=1700, reasons=0x24)])
    assert hot.unhealthy == "the GPU held its clocks down (software thermal slowdown)"
    assert over([boost, GpuReading(sm_clock_hz=1700, reasons=0)]).unhealthy == "the GPU's clock fell by 14.1%"


def test_who_only_holds_memory_on_the_device_disturbs_nothing() -> None:
    library = FakeNvml()
    library.pids = [os.getpid(), 7, 8]
    library.busy = [(100, 7, 50)]
    probe = probe_of(library)
    # What 7 did before it was looked is over, and 8 has never done anything.
    assert probe.read().foreign == frozenset()
    library.busy += [(200, 8, 30), (210, os.getpid(), 90), (210, 7, 0)]
    assert probe.read().foreign == {8}
    assert probe.read().foreign == frozenset()
    library.busy = None
    assert probe.read().foreign == {7, 8}


def test_what_a_time_goes_along_with_is_how_fast_the_gpu_was_and_why() -> None:
    readings = [
        GpuReading(sm_clock_hz=1_980_000_000, reasons=0, temperature_c=40, power_w=300.0),
        GpuReading(sm_clock_hz=1_700_000_000, reasons=0x4, temperature_c=66, power_w=699.7),
        GpuReading(sm_clock_hz=345_000_000, reasons=0x1, temperature_c=60, power_w=90.0),
    ]
    assert over(readings).figures == {
        "gpu_clock_mhz": 1700, "gpu_temperature_c": 66, "gpu_power_w": 700, "gpu_held_by": "software power cap",
    }  # fmt: skip
    assert over([]).figures == {}
