"""Joules of a call: in windows that the counter can tell, beside the reference, and refused where nobody tells."""

import math

import pytest
import torch

from pytest_modelbench.bench import consumption
from pytest_modelbench.bench.consumption import energy_measurement, energy_of, instructions_measurement
from pytest_modelbench.core.errors import MeasureError, UnavailableError
from pytest_modelbench.host.energy import gpu_meter, processor_meter
from pytest_modelbench.host.gpu import gpu_by_uuid
from pytest_modelbench.host.nvml import Nvml
from pytest_modelbench.measure.energy import EnergySamples, energy_samples
from pytest_modelbench.models.build import build
from pytest_modelbench.testing.clock import FakeClock
from pytest_modelbench.testing.nvml import UUID, FakeNvml, NotSupportedError


class Meter:
    name, update_s = "made up", 0.1

    def __init__(self):
        self.spent_j = 100.0

    def joules(self):
        return self.spent_j


def worker(clock, meter, letter, seconds, joules):
    step = clock.work(int(seconds * 1e9), letter)

    def call():
        step()
        meter.spent_j += joules

    return call


def test_a_call_is_measured_in_windows_of_a_hundred_updates_in_turns_with_the_reference():
    clock, meter = FakeClock(), Meter()
    target, reference = worker(clock, meter, "T", 0.25, 3.0), worker(clock, meter, "R", 0.5, 2.0)
    found = energy_samples(target, reference, meter, clock)
    assert found == EnergySamples((3.0,) * 4, (2.0,) * 4, 10.0)
    assert found.joules == 3.0
    assert found.log_ratio == pytest.approx(math.log(1.5))
    turns = "".join(letter for letter in clock.log if letter != "|")
    # Half a second of each to be warm; then windows of 10 s: 20 calls of the reference, 40 of the target.
    assert turns == "TT" + "R" + 2 * ("R" * 20 + "T" * 80 + "R" * 20)


def test_a_counter_that_stands_still_tells_nothing():
    clock, meter = FakeClock(), Meter()
    with pytest.raises(MeasureError, match=r"made up says that .* took no energy"):
        energy_samples(worker(clock, meter, "T", 1.0, 0.0), worker(clock, meter, "R", 1.0, 1.0), meter, clock)


def package(root, name, now, most=1_000_000):
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "name").write_text("package-0\n" if name.count(":") == 1 else "core\n")
    (folder / "energy_uj").write_text(f"{now}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    return folder / "energy_uj"


def test_packages_add_up_parts_of_them_do_not_and_counters_that_start_again_go_on(tmp_path):
    first, second = package(tmp_path, "intel-rapl:0", 900_000), package(tmp_path, "intel-rapl:1", 100_000)
    package(tmp_path, "intel-rapl:0:0", 500_000)
    package(tmp_path, "intel-rapl:2", 700_000)
    (tmp_path / "intel-rapl:2/name").write_text("psys\n")
    meter = processor_meter(tmp_path)
    start = meter.joules()
    first.write_text("100000")
    second.write_text("400000")
    assert meter.joules() - start == pytest.approx(0.2 + 1e-6 + 0.3)
    first.write_text("50000")
    assert meter.joules() - start == pytest.approx(1.15 + 2e-6 + 0.3)


def test_without_counters_it_is_said_why(tmp_path, monkeypatch):
    with pytest.raises(UnavailableError, match="as in virtual machines; use bare metal"):
        processor_meter(tmp_path)
    package(tmp_path, "intel-rapl:0", "nonsense")
    with pytest.raises(MeasureError, match="says 'nonsense', and no number"):
        processor_meter(tmp_path)
    (tmp_path / "intel-rapl:0/energy_uj").unlink()
    with pytest.raises(UnavailableError, match=r"kernel keeps it for root: sudo chmod a\+r .*intel-rapl:0/energy_uj"):
        processor_meter(tmp_path)


def test_a_gpu_tells_millijoules_or_is_refused():
    nvml = Nvml(FakeNvml(nvmlDeviceGetTotalEnergyConsumption=123_456))
    assert gpu_meter(gpu_by_uuid(nvml, UUID)).joules() == 123.456
    for silent in (FakeNvml(), FakeNvml(nvmlDeviceGetTotalEnergyConsumption=NotSupportedError())):
        with pytest.raises(UnavailableError, match="a GPU of Volta's generation or later"):
            gpu_meter(gpu_by_uuid(Nvml(silent), UUID))
    with pytest.raises(UnavailableError, match="nvidia-ml-py"):
        gpu_meter(None)


def test_a_measurement_is_per_image_and_relative_to_the_reference(monkeypatch):
    model = build("test_resnet", device=torch.device("cpu"), batch_size=4, image_size=32)
    monkeypatch.setattr(consumption, "processor_meter", Meter)
    monkeypatch.setattr(
        consumption, "energy_samples", lambda run, *_: run() is None or EnergySamples((8.0,), (2.0,), 1.0)
    )
    one = energy_measurement(energy_of(model), model, "")
    assert (one.name, one.value, one.metric.unit, one.samples) == ("energy", 2.0, "J/image", (2.0,))
    assert one.timing.log_ratio == pytest.approx(math.log(8 / 2 / 4))
    assert one.comparability.reference.startswith("energy of ")


def test_instructions_are_counted_pass_by_pass(monkeypatch):
    from contextlib import contextmanager

    class Counter:
        counts = iter((50, 10, 20, 10, 10, 10, 10))

        def start(self):
            pass

        def stop(self):
            return next(self.counts)

    @contextmanager
    def counting():
        yield Counter()

    monkeypatch.setattr(consumption, "counting", counting)
    model = build("test_resnet", device=torch.device("cpu"), batch_size=1, image_size=32)
    one = instructions_measurement(consumption.instructions_of(model), model, "")
    assert (one.name, one.value, one.metric.noisy) == ("instructions", 10, True)
    assert one.timing.log_ratio == pytest.approx(math.log(10))
