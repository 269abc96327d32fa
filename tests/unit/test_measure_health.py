"""Health from readings made up."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench.host.cpufreq import Throttle
from pytest_modelbench.measure import gpu_health, health
from pytest_modelbench.measure.cpu_clocks import LeftOut
from pytest_modelbench.measure.gpu_health import GpuHealth, GpuReading
from pytest_modelbench.measure.health import (
    Health,
    HealthProbe,
    Reading,
    between,
    health_probe,
    take_reading,
)
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.measure.sampling import Alone, Conditions, Target, sample
from pytest_modelbench.testing.clock import FakeClock

THEN = Reading(
    now_s=100.0, ticks={0: (10, 1000)}, runnable=3, involuntary_switches=5, waited_s=1.0, asleep_s=7.0,
    cores=2,
)  # fmt: skip


def test_health_is_the_difference_of_two_readings() -> None:
    now = Reading(
        now_s=102.0, ticks={0: (40, 1200)}, runnable=8, involuntary_switches=25, waited_s=1.5, asleep_s=7.25,
        cores=2,
    )  # fmt: skip
    assert between(THEN, now) == Health(
        duration_s=2.0, steal_share=0.15, run_queue=1.0, involuntary_switches=20, suspended_s=0.25, waiting_share=0.25
    )


def test_single_tick_of_steal_says_nothing_about_a_short_block() -> None:
    now = dataclasses.replace(THEN, now_s=100.08, ticks={0: (11, 1008)})
    assert between(THEN, now).steal_share == 0.0


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, ""),
        ({"steal_share": 0.05, "waiting_share": 0.05, "run_queue": 1.0}, ""),
        ({"steal_share": 0.073}, "the hypervisor took 7.3% of the CPU time (steal)"),
        ({"waiting_share": 0.2}, "the process waited for a core 20.0% of the time"),
        ({"run_queue": 1.5}, "1.5 other tasks per core wanted to run"),
        ({"involuntary_switches": 100}, ""),
        ({"involuntary_switches": 200}, "the process was taken off its core 100 times a second"),
        ({"suspended_s": 1e-6}, ""),
        ({"suspended_s": 61.5}, "the machine was suspended for 61.5 s"),
        (
            {"suspended_s": 2.0, "steal_share": 0.5},
            "the machine was suspended for 2 s; the hypervisor took 50.0% of the CPU time (steal)",
        ),
        ({"throttle_events": 0, "frequency_drop": 0.1, "gpu": GpuHealth()}, ""),
        ({"throttle_events": -3}, ""),
        ({"throttle_events": 2}, "the CPU was throttled, being too hot"),
        ({"frequency_drop": 0.25}, "the CPU's frequency fell by 25.0%"),
        (
            {"waiting_share": 0.2, "gpu": GpuHealth(clock_drop=0.5)},
            "the process waited for a core 20.0% of the time; the GPU's clock fell by 50.0%",
        ),
    ],
)
def test_unhealthy_says_why(facts: dict[str, Any], sentence: str) -> None:
    assert Health(2.0, **facts).unhealthy == sentence


NOTHING = LeftOut()


def probe_over(*readings: Reading, left_out: LeftOut = NOTHING) -> HealthProbe:
    rest = iter(readings)
    return HealthProbe(lambda: next(rest), left_out=lambda: left_out)


def test_probe_compares_with_its_start() -> None:
    later = dataclasses.replace(THEN, now_s=101.0, waited_s=1.5)
    latest = dataclasses.replace(THEN, now_s=102.0, waited_s=1.5)
    probe = probe_over(THEN, later, latest)
    assert probe.read().waiting_share == 0.5
    assert probe.read().waiting_share == 0.25


def test_disturbed_is_about_the_time_since_it_was_last_asked() -> None:
    waited = dataclasses.replace(THEN, now_s=101.0, waited_s=1.5)
    quiet = dataclasses.replace(waited, now_s=102.0)
    asleep = dataclasses.replace(quiet, now_s=103.0, asleep_s=900.0)
    probe = probe_over(THEN, waited, quiet, asleep)
    assert [probe.disturbed() for _ in range(3)] == [True, False, True]


def test_disturbed_does_not_take_a_handful_of_switches_for_a_rate() -> None:
    now = dataclasses.replace(THEN, now_s=100.05, involuntary_switches=9, runnable=9)
    assert not probe_over(dataclasses.replace(THEN, runnable=9), now).disturbed()


def test_what_others_did_on_the_core_is_no_disturbance_of_what_leaves_it_out() -> None:
    now = dataclasses.replace(THEN, now_s=101.0, waited_s=1.9, runnable=9, involuntary_switches=900)
    asleep = dataclasses.replace(now, now_s=102.0, asleep_s=900.0)
    waits = LeftOut(waits=True)
    left_out = iter([waits, LeftOut(), waits, waits])
    rest = iter([dataclasses.replace(THEN, runnable=9), now, now, asleep, asleep])
    probe = HealthProbe(lambda: next(rest), left_out=lambda: next(left_out))
    assert not probe.disturbed()
    assert not probe.disturbed()  # nothing happened since
    assert probe.disturbed()  # the machine was asleep
    assert probe.read().unhealthy == "the machine was suspended for 893 s"


def test_what_the_hypervisor_took_is_no_disturbance_of_what_leaves_it_out() -> None:
    stolen = dataclasses.replace(THEN, now_s=101.0, ticks={0: (60, 1000)})
    now = dataclasses.replace(stolen, ticks={0: (60, 1100)})
    assert probe_over(THEN, now).disturbed()
    assert probe_over(THEN, now, left_out=LeftOut(waits=True)).disturbed()
    # Half of the second was taken, and as much is in none of what was counted; or less of it.
    assert not probe_over(THEN, now, left_out=LeftOut(waits=True, stolen_s=0.5)).disturbed()
    assert probe_over(THEN, now, left_out=LeftOut(waits=True, stolen_s=0.4)).disturbed()


def test_throttling_and_a_falling_frequency_disturb_the_block_they_happen_in() -> None:
    steps = [Throttle(7, 3e9), Throttle(8, 3e9), Throttle(8, 2.6e9), Throttle(8, 2.6e9), Throttle(8, 2.5e9)]
    readings = [dataclasses.replace(THEN, now_s=100.0 + step, throttle=now) for step, now in enumerate(steps)]
    probe = probe_over(*readings, readings[-1])
    assert [probe.disturbed() for _ in steps[1:]] == [True, True, False, False]
    read = probe.read()
    assert read.throttle_events == 1
    assert read.frequency_drop == 1 - 2.6 / 3  # the largest from one look to the next


def test_throttle_counters_of_other_cores_are_not_compared() -> None:
    pinned = dataclasses.replace(THEN, now_s=101.0, throttle=Throttle(12), cores=1)
    assert between(dataclasses.replace(THEN, throttle=Throttle(9)), pinned).throttle_events is None


class FakeGpuProbe:
    """Gives out readings one after the other."""

    def __init__(self, *readings: GpuReading) -> None:
        self.rest = list(readings)

    def read(self) -> GpuReading:
        return self.rest.pop(0)


def test_gpu_disturbs_like_the_host_and_what_it_did_in_between_is_told_at_the_end() -> None:
    cool, hot = GpuReading(1_980_000_000, 0, frozenset(), 60), GpuReading(1_980_000_000, 0x20, frozenset(), 88)
    gpu = FakeGpuProbe(cool, hot, cool, cool, cool)
    probe = HealthProbe(lambda: THEN, gpu)  # type: ignore[arg-type]
    assert [probe.disturbed() for _ in range(3)] == [True, True, False]
    assert probe.read().unhealthy == "the GPU held its clocks down (software thermal slowdown, at 88 °C)"


def test_with_a_gpu_the_host_counts_as_well() -> None:
    waited = dataclasses.replace(THEN, now_s=101.0, waited_s=1.5)
    readings = iter([THEN, waited])
    probe = HealthProbe(lambda: next(readings), FakeGpuProbe(GpuReading(), GpuReading()))  # type: ignore[arg-type]
    assert probe.disturbed()


@pytest.mark.parametrize(
    ("device_type", "uuid", "asked"),
    [("cpu", None, []), ("cuda", None, []), ("mps", "1", []), ("cuda", "1-2", [("1-2", (77,))])],
)
def test_gpu_is_probed_on_cuda(
    device_type: str, uuid: str | None, asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []

    def probe(uuid: str, allowed: Sequence[int]) -> FakeGpuProbe:
        calls.append((uuid, allowed))
        return FakeGpuProbe(GpuReading(1, 0x40), GpuReading(1, 0x40))

    monkeypatch.setattr(health, "gpu_probe", probe)
    assert (health_probe(device_type, uuid, (77,)).read().gpu is not None) == bool(asked)
    assert calls == asked


def test_without_nvml_a_cuda_device_is_measured_with_what_the_host_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_health, "open_nvml", lambda library: None)
    assert health_probe("cuda", "1-2").read().gpu is None


def test_block_in_which_the_machine_was_suspended_is_measured_again() -> None:
    clock = FakeClock()
    asleep_s = iter([0.0, 0.0, 0.0, 60.0, 60.0, 60.0])  # at the start, before the first block, after each
    probe = HealthProbe(lambda: dataclasses.replace(THEN, asleep_s=next(asleep_s)))
    plan = SamplingPlan(min_blocks=3, max_blocks=3)
    samples = sample(Target(clock.work(30_000_000), clock), Alone(), plan, Conditions(probe.disturbed))
    assert (len(samples.blocks), samples.repeated, samples.disturbed) == (3, 1, 0)
    assert list(asleep_s) == []


def test_time_asleep_is_told_by_the_clocks_read_closest_together(monkeypatch: pytest.MonkeyPatch) -> None:
    # The first try lost its core between the two clocks; taken alone, the next reading would find 3.5 ms asleep.
    ticks = [(10.0, 17.0035, 10.0035), (10.004, 17.0040005, 10.004001), (10.005, 17.009, 10.009)]
    times_s = iter([time_s for tick in ticks for time_s in tick])
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 7, raising=False)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: next(times_s))
    assert health._asleep_s() == pytest.approx(7.0, abs=1e-6)


def test_without_proc_nothing_is_known_and_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    probe = HealthProbe(lambda: take_reading(proc=tmp_path, cpus=tmp_path))
    read = probe.read()
    assert dataclasses.replace(read, duration_s=0.0) == Health(0.0)
    assert read.unhealthy == ""
    assert not probe.disturbed()


def test_reading_of_this_machine_can_be_taken() -> None:
    assert between(take_reading(), take_reading()).duration_s >= 0


@pytest.mark.parametrize(("core", "share"), [(None, 0.15), (0, 0.6), (1, 0.0), (7, 0.15)])
def test_only_the_core_that_launches_counts_where_that_is_known(core: int | None, share: float) -> None:
    then = dataclasses.replace(THEN, ticks=dict.fromkeys(range(4), (10, 1000)))
    now = dataclasses.replace(then, ticks={**then.ticks, 0: (70, 1100), 1: (10, 1100), 2: (10, 1100), 3: (10, 1100)})
    assert between(then, dataclasses.replace(now, core=core)).steal_share == pytest.approx(share)


@pytest.mark.parametrize(("reasons", "waits"), [(0x8, [1.0]), (0x20, [1.0]), (0x4, []), (0x1, []), (None, [])])
def test_a_gpu_that_held_its_clocks_down_is_given_a_while(reasons: int | None, waits: list[float]) -> None:
    waited: list[float] = []
    gpu = None if reasons is None else GpuReading(reasons=reasons)
    probe = HealthProbe(lambda: dataclasses.replace(THEN, gpu=gpu), wait=waited.append)
    probe.disturbed()
    assert probe.cool_down() is bool(waits)
    assert waited == waits
