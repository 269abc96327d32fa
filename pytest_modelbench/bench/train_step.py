"""A training step measured: its time and that of its phases, its throughput, and the peak memory of the second step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pytest_modelbench.bench.following import reach_followed
from pytest_modelbench.bench.peak import FollowedPeak, allocated_measurement, live_measurement, step_peak
from pytest_modelbench.bench.process import Bench
from pytest_modelbench.bench.reach import Reached, watched, with_figures
from pytest_modelbench.bench.recorder import Record
from pytest_modelbench.bench.timing import Timed, handled_by, timed
from pytest_modelbench.core.case import Case
from pytest_modelbench.core.errors import hide_own_frames
from pytest_modelbench.core.measurement import Comparability, Measurement
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.core.units import Handled
from pytest_modelbench.measure.clocks import clock_for
from pytest_modelbench.measure.lockstep import InTurns
from pytest_modelbench.measure.memory import AllocatedPeak, LivePeak, allocated_peak
from pytest_modelbench.measure.phases import PhasedRuns, PhasedSamples, sample_phases, sample_runs
from pytest_modelbench.measure.plan import SamplingPlan
from pytest_modelbench.measure.reach import Reach, Watch
from pytest_modelbench.measure.samples import Samples
from pytest_modelbench.measure.sampling import Alone, Conditions
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.training import PHASES, TrainStep

__tracebackhide__ = hide_own_frames


@dataclass(frozen=True, slots=True)
class TrainFigures:
    """A measured training step. Peaks are None where they were not asked for, or the device has no such allocator."""

    samples: PhasedSamples
    handled: Handled  #: of one step
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
    def images(self) -> int:
        """How many images one step handles, or of what `handled` says."""
        return self.handled.count

    @property
    def images_per_s(self) -> float:
        """Images per second, or of what `handled` says, from the median."""
        return self.handled.count / self.step_s

    @property
    def peak_bytes(self) -> int | None:
        """What the allocator gave out at most; where it cannot be asked, what is alive at most on the meta device."""
        if self.allocated is not None:
            return self.allocated.allocated_bytes
        return None if self.live is None else self.live.peak_bytes


@dataclass(frozen=True, slots=True)
class StepPlan:
    """How a training step is measured: with its peak memory or without, and under which name and band its times go.

    ``name`` goes in front of the measurements' own names. ``count`` of ``unit`` is what one batch is counted as, by
    default its samples.
    """

    memory: bool = True
    name: str = ""
    band: str | None = None
    sampling: SamplingPlan | None = None
    count: int | None = None
    unit: str = ""

    def named(self, what: str) -> str:
        """The name of a measurement."""
        return f"{self.name}_{what}" if self.name else what


def train_step(
    model: BuiltModel, bench: Bench, record: Record, reached: Reached, plan: StepPlan, **options: Any
) -> TrainFigures:
    """Figures of a training step of ``model``, recorded; ``options`` are those of `core.train_options.TrainOptions`.

    Raises MeasureError, naming the step, if the loss is not finite before or after the timing.
    """
    train_options = TrainOptions.of(options)
    batch = handled_by(model, plan.count, plan.unit)
    handled = replace(batch, count=batch.count * train_options.accumulate)
    found = step_peak(model, train_options) if plan.memory else None
    allocated = None
    with TrainStep(model, train_options) as step:
        reach = _first_step(step, model)
        step.check_loss()
        if plan.memory and bench.device.type == "cuda":
            # Before the reference workload, which takes memory of its own.
            allocated = allocated_peak(step, bench.device)
        whole, samples = _timed(step, model, bench, plan.sampling)
        step.check_loss()
    figures = TrainFigures(samples, handled, None if found is None else found.live, allocated)
    record = with_figures(record, reached.figures(model, reach, training=True))
    whole = replace(whole, comparability=replace(whole.comparability, recipe=step.recipe))
    record(whole.seconds("train_step", plan.named("train_step")), plan.band)
    record(whole.rate("train_throughput", handled, plan.named("train_throughput")), plan.band)
    for phase in PHASES:
        metric = f"{phase}_time"
        record(whole.of(samples.phase(phase)).seconds(metric, plan.named(metric)), plan.band)
    if found is not None:
        record(_live(found, step.case, plan))
    if allocated is not None:
        peak = allocated_measurement(allocated, step.case, plan.named("train_peak_allocated_memory"))
        record(replace(peak, comparability=Comparability(recipe=step.recipe)))
    return figures


def _first_step(step: TrainStep, model: BuiltModel) -> Reach | None:
    """Take a step, the first; what its forward pass reaches: backward and the optimizer take nothing else."""

    def forward_on_meta(bare: BuiltModel) -> None:
        with TrainStep(bare, step.options) as other:
            other.forward()

    def take(watch: Watch | None) -> None:
        step(lambda phase: watch.stop() if watch else None)

    return watched(model, take, forward_on_meta)[1]


def record_train_peak(
    model: BuiltModel, record: Record, reached: Reached, *, name: str = "", **options: Any
) -> LivePeak:
    """`peak.step_peak`, recorded by itself: where the step as published is too large to be run."""
    train_options = TrainOptions.of(options)
    found = step_peak(model, train_options)
    record = with_figures(record, reached.figures(model, reach_followed(model), training=True))
    record(_live(found, train_options.case(model.case), StepPlan(name=name)))
    return found.live


def _live(found: FollowedPeak, case: Case, plan: StepPlan) -> Measurement:
    # Not the metric's own name: a test may record the peak of a single pass beside it.
    return live_measurement(found, case, plan.named("train_peak_live_memory"))


def _timed(step: TrainStep, model: BuiltModel, bench: Bench, plan: SamplingPlan | None) -> tuple[Timed, PhasedSamples]:
    """The whole step timed, and its samples with those of each phase."""
    found: list[PhasedSamples] = []
    clock = clock_for(bench.device)

    def take(lead: Alone | InTurns, conditions: Conditions) -> Samples:
        found.append(sample_phases(step, PHASES, clock, lead, plan, conditions))
        return found[-1].whole

    return timed(bench, step.case, clock, take, model.renew), found[-1]


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
    options = TrainOptions(input="ones")
    with TrainStep(model, options) as step:
        step()
        step.check_loss()
        if device.type == "cuda":
            peak_bytes = allocated_peak(step, device).allocated_bytes
        else:
            step()
            peak_bytes = step_peak(model, options).live.peak_bytes
        measured = sample_runs(step, PHASES, clock_for(device), runs=runs, iterations=iterations)
        step.check_loss()
    parameters = sum(parameter.numel() for parameter in model.module.parameters())
    return SpeedRuns(model.case.batch_size, measured, peak_bytes, parameters, device.type)
