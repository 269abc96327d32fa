"""``modelbench.instructions`` and ``modelbench.energy``: what a forward pass takes by the machine's own counters."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch

from pytest_modelbench.core.errors import UnavailableError, hide_own_frames
from pytest_modelbench.core.measurement import Comparability, Measurement, RelativeTime
from pytest_modelbench.host.counters import Counter, counting
from pytest_modelbench.host.energy import EnergyMeter, gpu_meter, processor_meter
from pytest_modelbench.host.gpu import gpu_by_uuid
from pytest_modelbench.host.nvml import Nvml, open_nvml
from pytest_modelbench.measure.clocks import synchronized_clock
from pytest_modelbench.measure.devices import device_uuid
from pytest_modelbench.measure.energy import EnergySamples, energy_samples
from pytest_modelbench.measure.reference import reference_workload
from pytest_modelbench.models.built import BuiltModel

__tracebackhide__ = hide_own_frames

#: Passes that are counted one by one, after as many as it takes to be warm.
_COUNTED, _WARM_UP = 7, 3


@dataclass(frozen=True, slots=True)
class Instructions:
    """Instructions of single forward passes, of all threads of this process."""

    counts: tuple[int, ...]

    @property
    def median(self) -> float:
        """The median of the passes."""
        return statistics.median(self.counts)


def instructions_of(model: BuiltModel) -> Instructions:
    """Instructions that forward passes of ``model`` run on the CPU, in user space.

    Raises UnavailableError where the kernel does not count them, and for a model on an accelerator: what its host runs
    is how often it asked whether the device is done.
    """
    if model.device.type != "cpu":
        raise UnavailableError(
            f"{model.case.id}: instructions are counted on the CPU, and this is {model.device}: --device=cpu"
        )
    with model.as_found():
        model.check_output(model.forward())
        with model.inference() as run:
            for _ in range(_WARM_UP):  # threads of its own are started by now
                run()
            with counting() as counter:
                return Instructions(tuple(_counted(run, counter) for _ in range(_COUNTED)))


def _counted(run: Callable[[], object], counter: Counter) -> int:
    counter.start()
    run()
    return counter.stop()


def instructions_measurement(found: Instructions, model: BuiltModel, name: str) -> Measurement:
    """``found`` as the metric ``instructions``: no reference workload is beside it, as a busy machine changes none."""
    counts = tuple(map(float, found.counts))
    timing = RelativeTime(math.log(found.median))
    return Measurement.of("instructions", found.median, model.case, name, timing=timing, samples=counts)


def energy_of(model: BuiltModel) -> EnergySamples:
    """Joules of forward passes of ``model`` on its device, in turns with the reference workload.

    Raises UnavailableError where the device does not tell.
    """
    nvml = open_nvml() if model.device.type == "cuda" else None
    try:
        meter = _meter(model.device, nvml)
        with model.as_found():
            model.check_output(model.forward())
            with model.inference() as run:
                reference = reference_workload(model.device).run
                return energy_samples(run, reference, meter, synchronized_clock(model.device))
    finally:
        if nvml is not None:
            nvml.close()


def _meter(device: torch.device, nvml: Nvml | None) -> EnergyMeter:
    if device.type == "cpu":
        return processor_meter()
    uuid = device_uuid(device)
    return gpu_meter(None if nvml is None or uuid is None else gpu_by_uuid(nvml, uuid))


def energy_measurement(found: EnergySamples, model: BuiltModel, name: str) -> Measurement:
    """``found`` as the metric ``energy``, in joules per image."""
    batch = model.case.batch_size
    timing = RelativeTime(found.log_ratio - math.log(batch))
    made = Comparability(reference=f"energy of {reference_workload(model.device).id}")
    return Measurement.of(
        "energy", found.joules / batch, model.case, name, timing=timing, comparability=made,
        samples=tuple(one / batch for one in found.target_j), figures={"window_s": found.window_s},
    )  # fmt: skip
