"""Timing held to the truth on a simulated device: whatever bounds a model, however it is timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pytest_modelbench.core.blocks import Amount
from pytest_modelbench.measure.lockstep import InTurns
from pytest_modelbench.measure.phases import sample_phases
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.measure.samples import Samples
from pytest_modelbench.measure.sampling import Alone, Target, sample
from pytest_modelbench.measure.workload import enqueue_s
from pytest_modelbench.testing.device import Kernel, SimulatedDevice

SMALL, LARGE = Kernel(14_000, 3_000), Kernel(14_000, 150_000)
REFERENCE = Kernel(20_000, 1_000_000)
#: By what bounds them: kernels, and seconds of a call where one follows the other.
MODELS = {
    "launches": ((SMALL,) * 100, 100 * 14e-6),
    "kernels": ((LARGE,) * 60, 60 * 150e-6),
    # The small ones are launched while the large ones of the call before still run.
    "both": ((SMALL,) * 60 + (LARGE,) * 10, 60 * 3e-6 + 10 * 150e-6),
}
PLAN = SamplingPlan(min_blocks=4, max_blocks=4)


def alone(kernels: Sequence[Kernel], depth: int = 1024) -> Samples:
    """Samples beside a reference whose work is still queued when it was launched."""
    device = SimulatedDevice(depth)
    return sample(Target(device.work(*kernels), device), Alone(device.work(REFERENCE)), PLAN)


def without_reference(kernels: Sequence[Kernel]) -> Samples:
    device = SimulatedDevice()
    return sample(Target(device.work(*kernels), device), Alone(), PLAN)


def paired(kernels: Sequence[Kernel]) -> Samples:
    """Samples in turns with another process, which has the device while this one is stopped."""
    device = SimulatedDevice()
    other = device.work(*[LARGE] * 1000)

    class Turns:
        left = 8

        def ready(self, case: str, amount: Amount) -> int:
            return 1

        def wait(self) -> bool:
            other()
            self.left -= 1
            return self.left >= 0

        def done(self, log_ratio: float, disturbed: bool) -> None:
            pass

    return sample(Target(device.work(*kernels), device), InTurns(Turns(), "case"), PLAN)


def in_phases(kernels: Sequence[Kernel]) -> Samples:
    """The whole of a step in two phases."""
    device = SimulatedDevice(mark_ns=0)
    half = len(kernels) // 2
    first, second = device.work(*kernels[:half]), device.work(*kernels[half:])

    def step(mark: Callable[[str], object]) -> None:
        first()
        mark("first")
        second()
        mark("second")

    return sample_phases(step, ["first", "second"], device, Alone(device.work(REFERENCE)), PLAN).whole


WAYS = {"alone": alone, "without a reference": without_reference, "paired": paired, "in phases": in_phases}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", MODELS)
def test_every_sample_is_the_truth_however_it_is_taken(model: str, way: str) -> None:
    kernels, truth_s = MODELS[model]
    samples = WAYS[way](kernels)
    # A sample begins at rest, so that the first call of what is bound by both overlaps with none before it.
    off = 0.04 if model == "both" else 0.01
    for block in samples.blocks:
        first_s, second_s = block.target_s
        assert first_s == pytest.approx(second_s, rel=1e-3)
        assert truth_s <= first_s <= (1 + off) * truth_s


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", MODELS)
def test_a_change_of_ten_percent_of_what_bounds_a_model_is_seen(model: str, way: str) -> None:
    kernels, _ = MODELS[model]
    slower = [
        Kernel(kernel.launch_ns * 11 // 10, kernel.run_ns)
        if model == "launches"
        else Kernel(kernel.launch_ns, kernel.run_ns * 11 // 10)
        for kernel in kernels
    ]
    before, after = WAYS[way](kernels), WAYS[way](slower)
    assert after.median_s / before.median_s == pytest.approx(1.10, abs=0.006)


def test_ways_agree_with_one_another() -> None:
    for kernels, _ in MODELS.values():
        medians = [way(kernels).median_s for way in WAYS.values()]
        assert max(medians) / min(medians) < 1.002


@pytest.mark.parametrize(("model", "launching_s"), [("launches", 100 * 14e-6), ("kernels", 60 * 14e-6)])
def test_what_launching_takes_is_told_apart_from_what_the_device_takes(model: str, launching_s: float) -> None:
    kernels, _ = MODELS[model]
    device = SimulatedDevice()
    assert enqueue_s(device.work(*kernels), device, lambda: device.cpu_ns / 1e9) == pytest.approx(launching_s)


def test_where_the_queue_is_full_the_cpu_waits() -> None:
    device = SimulatedDevice(depth=10, mark_ns=0, wait_ns=0)
    for _ in range(20):
        device.launch(Kernel(1_000, 100_000))
    assert device.cpu_ns == 1_000 + 10 * 100_000
    device.synchronize()
    assert device.cpu_ns == 1_000 + 20 * 100_000
