"""A training step measured: its time and that of its phases, its throughput, and the peak memory of the second step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_modelbench.bench.process import Bench
from pytest_modelbench.bench.recorder import RecordMetric
from pytest_modelbench.bench.timing import timing_details
from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.core.records import RATE, TIMING
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.measure.clocks import clock_for
from pytest_modelbench.measure.health import HealthProbe
from pytest_modelbench.measure.memory import AllocatedPeak, LivePeak, allocated_peak, live_peak
from pytest_modelbench.measure.phases import (
    PhasedRuns,
    PhasedSamples,
    sample_phases,
    sample_phases_in_turns,
    sample_runs,
)
from pytest_modelbench.measure.reference import reference_workload
from pytest_modelbench.measure.sampling import Samples, SamplingPlan
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.training import PHASES, TrainStep

__tracebackhide__ = hide_own_frames


@dataclass(frozen=True, slots=True)
class TrainFigures:
    """A measured training step. Peaks are None where they were not asked for, or the device has no such allocator."""

    samples: PhasedSamples
    images: int  #: of one step
    live: LivePeak | None = None
    allocated: AllocatedPeak | None = None

    @property
    def step_s(self) -> float:
        """Median seconds of the whole step."""
        return self.samples.whole.median_s

    @property
    def forward_s(self) -> float:
        """Median seconds of the forward pass with the loss."""
        return self.samples.phase("forward").median_s

    @property
    def backward_s(self) -> float:
        """Median seconds of the backward pass, without the optimizer."""
        return self.samples.phase("backward").median_s

    @property
    def optimizer_s(self) -> float:
        """Median seconds of the optimizer's step."""
        return self.samples.phase("optimizer").median_s

    @property
    def images_per_s(self) -> float:
        """Images per second, from the median."""
        return self.images / self.step_s

    @property
    def peak_bytes(self) -> int | None:
        """What the allocator gave out at most; where it cannot be asked, what is alive at most on the meta device."""
        if self.allocated is not None:
            return self.allocated.allocated_bytes
        return None if self.live is None else self.live.peak_bytes


def train_step(
    model: BuiltModel,
    bench: Bench,
    record: RecordMetric,
    probe: Callable[[], HealthProbe],
    *,
    memory: bool = True,
    name: str = "",
    band: str | None = None,
    plan: SamplingPlan | None = None,
    **options: Any,
) -> TrainFigures:
    """Figures of a training step of ``model``, recorded; ``options`` are those of `core.train_options.TrainOptions`.

    ``name`` goes in front of the records' names, ``band`` is for times. Raises MeasureError, naming the step, if the
    loss is not finite before or after the timing.
    """
    if not isinstance(model, BuiltModel):
        raise UsageError(f"{model!r} cannot be trained: pass what build_model returned")
    live = second_step_peak(model, **options) if memory else None
    allocated = None
    with TrainStep(model, TrainOptions(**options)) as step:
        step()
        step.check_loss()
        if memory and bench.device.type == "cuda":
            # Before the reference workload, which takes memory of its own.
            allocated = allocated_peak(step, bench.device)
        samples, reference, details = (_in_turns if bench.turns else _here)(step, model, bench, probe(), plan)
        step.check_loss()
    figures = TrainFigures(samples, step.images, live, allocated)
    _record_times(figures, step.case.id, record, f"{name}_" if name else "", band, reference, details)
    _record_peaks(figures, step.case.id, record, name)
    return figures


def record_train_peak(model: BuiltModel, record: RecordMetric, *, name: str = "", **options: Any) -> LivePeak:
    """`second_step_peak`, recorded by itself: where the step as published is too large to be run."""
    live = second_step_peak(model, **options)
    _record_live(live, TrainOptions(**options).case(model.case).id, record, name)
    return live


def second_step_peak(model: BuiltModel, **options: Any) -> LivePeak:
    """Peak of what is alive during the second training step, followed on the meta device: the same everywhere.

    Gradients of the first step and the optimizer's state count, as they do in any step but the first.
    """
    with TrainStep(model.on_meta(), TrainOptions(**options)) as step:
        step()
        return live_peak(step, step.tensors())


@dataclass(frozen=True, slots=True)
class SpeedRuns:
    """A training step in the protocol of the speed and memory comparison: seconds of one iteration, run by run."""

    batch_size: int
    runs: PhasedRuns
    peak_bytes: int
    parameters: int
    device_kind: str  #: ``cuda``, ``cpu``, ...

    @property
    def iterations(self) -> int:
        """How many steps a run is the mean of."""
        return self.runs.iterations

    @property
    def forward_s(self) -> tuple[float, ...]:
        """Seconds of a forward pass with the loss."""
        return self.runs.sum_s("forward")

    @property
    def backward_s(self) -> tuple[float, ...]:
        """Seconds of a backward pass, without the optimizer."""
        return self.runs.sum_s("backward")

    @property
    def optimizer_s(self) -> tuple[float, ...]:
        """Seconds of the optimizer's step."""
        return self.runs.sum_s("optimizer")


def speed_runs(model: BuiltModel, *, runs: int = 10, iterations: int = 10) -> SpeedRuns:
    """Figures of ``model`` as the speed and memory comparison takes them.

    Images of ones that take part in the gradient, SGD with momentum 0.9, the mean of 10 runs of 10 iterations, and the
    peak of the second step: of the allocator on CUDA, elsewhere of what is alive on the meta device. Nothing is
    recorded: such means are not what a gate should rest on.
    """
    device = model.device
    with TrainStep(model, TrainOptions(input="ones")) as step:
        step()
        step.check_loss()
        if device.type == "cuda":
            peak_bytes = allocated_peak(step, device).allocated_bytes
        else:
            step()
            peak_bytes = second_step_peak(model, input="ones").peak_bytes
        measured = sample_runs(step, PHASES, clock_for(device), runs=runs, iterations=iterations)
        step.check_loss()
    parameters = sum(parameter.numel() for parameter in model.module.parameters())
    return SpeedRuns(model.case.batch_size, measured, peak_bytes, parameters, device.type)


_Timed = tuple[PhasedSamples, str, dict[str, Any]]


def _here(step: TrainStep, model: BuiltModel, bench: Bench, probe: HealthProbe, plan: SamplingPlan | None) -> _Timed:
    """Samples against the reference workload, its id, and what a record says of them."""
    reference = reference_workload(bench.device)

    def renew() -> None:
        reference.renew()
        model.renew()

    samples = sample_phases(
        step, PHASES, reference.run, clock_for(bench.device), plan, disturbed=probe.disturbed, renew=renew,
        calm_s=bench.calm_s,
    )  # fmt: skip
    bench.calm_s = samples.whole.calm_s
    return samples, reference.id, timing_details(samples.whole, probe)


def _in_turns(
    step: TrainStep, model: BuiltModel, bench: Bench, probe: HealthProbe, plan: SamplingPlan | None
) -> _Timed:
    """Samples beside the twin, which is reference enough."""
    assert bench.turns is not None
    samples, number = sample_phases_in_turns(
        step, PHASES, clock_for(bench.device), bench.turns, step.case.id, plan, disturbed=probe.disturbed,
        renew=model.renew,
    )  # fmt: skip
    return samples, "", {"blocks": len(samples.whole.blocks), TIMING: number}


def _record_times(
    figures: TrainFigures, case: str, record: RecordMetric, prefix: str, band: str | None, reference: str,
    details: Mapping[str, Any],
) -> None:  # fmt: skip
    whole, images = figures.samples.whole, figures.images
    _record_time(record, "train_step", whole, case, prefix, band, reference, details)
    rates = tuple(images / second for second in whole.target_s)
    record(
        "train_throughput", images / whole.median_s, case, f"{prefix}train_throughput", band,
        math.log(images) - whole.level, reference, rates, {**details, RATE: True},
    )  # fmt: skip
    # In a duet the twins' timing is of the whole step: phases, taken in the same turns, are compared by their levels.
    details = {key: value for key, value in details.items() if key != TIMING}
    for phase in PHASES:
        _record_time(record, f"{phase}_time", figures.samples.phase(phase), case, prefix, band, reference, details)


def _record_time(
    record: RecordMetric, metric: str, samples: Samples, case: str, prefix: str, band: str | None, reference: str,
    details: Mapping[str, Any],
) -> None:  # fmt: skip
    record(
        metric, samples.median_s, case, prefix + metric, band, samples.level, reference, samples.target_s, details
    )  # fmt: skip


def _record_peaks(figures: TrainFigures, case: str, record: RecordMetric, name: str) -> None:
    if figures.live is not None:
        _record_live(figures.live, case, record, name)
    if (allocated := figures.allocated) is not None:
        record(
            "peak_allocated_memory", allocated.allocated_bytes, case, _named("allocated_memory", name),
            details={"reserved_bytes": allocated.reserved_bytes, "device_bytes": allocated.device_bytes},
        )  # fmt: skip


def _record_live(live: LivePeak, case: str, record: RecordMetric, name: str) -> None:
    record("peak_live_memory", live.peak_bytes, case, _named("live_memory", name), basis="meta")


def _named(what: str, name: str) -> str:
    """Not the metric's own name: a test may record the peak of a single pass beside it."""
    return f"{name}_train_peak_{what}" if name else f"train_peak_{what}"
