"""The ``modelbench`` fixture: measures that are recorded and held against the baseline.

Whatever takes torch is imported by the measure that needs it: `ModelBench.record` does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_modelbench.bench.handed import of_built_model
from pytest_modelbench.bench.labelled import LabelledMeasures
from pytest_modelbench.bench.process import Bench
from pytest_modelbench.bench.recorder import Own, Recorder
from pytest_modelbench.core.errors import hide_own_frames
from pytest_modelbench.measure.samples import Samples

if TYPE_CHECKING:
    import torch

    from pytest_modelbench.bench.compiling import CompileTime
    from pytest_modelbench.bench.consumption import Instructions
    from pytest_modelbench.bench.counting import Counters
    from pytest_modelbench.bench.reach import Reached
    from pytest_modelbench.bench.timing import Measured, Timed
    from pytest_modelbench.bench.train_step import SpeedRuns, TrainFigures
    from pytest_modelbench.core.prediction import Predicted
    from pytest_modelbench.measure.cost import Cost
    from pytest_modelbench.measure.energy import EnergySamples
    from pytest_modelbench.measure.memory import AllocatedPeak, LivePeak
    from pytest_modelbench.measure.numerics import Fingerprint
    from pytest_modelbench.models.built import BuiltModel

#: A test's own mistake is shown where the test made it, without the frames of this module.
__tracebackhide__ = hide_own_frames


@dataclass(frozen=True, slots=True)
class Peak:
    """Peak memory of one run: what is alive at most, and on an accelerator what its allocator gave out."""

    live: LivePeak
    allocated: AllocatedPeak | None = None


class ModelBench(LabelledMeasures):
    """Measures, records, and leaves judging to the session. One object per test and process."""

    def __init__(self, bench: Bench, test: str, band: str | Mapping[str, str] | None = None) -> None:
        self.test = test
        self._recorder = Recorder(bench, test, band)
        super().__init__(bench, self._recorder.record)
        self._reach: Reached | None = None
        #: By the id of what was timed, which is kept alive, so that its id stays its own.
        self._timed: dict[int, tuple[Measured, Timed]] = {}

    @property
    def recorded(self) -> bool:
        """Whether the test has recorded anything so far."""
        return self._recorder.recorded

    @property
    def device(self) -> torch.device:
        """The device of this session."""
        return self._bench.device

    @property
    def data(self) -> Path | None:
        """The path of --modelbench-data; None without."""
        return Path(self._bench.settings.data) if self._bench.settings.data else None

    def latency(self, model: Measured, *, case: str = "", name: str = "", band: str | None = None) -> Samples:
        """Seconds per forward pass of ``model``, or per call of a callable, which needs a ``case`` to be known by.

        Timed on the session's device against the reference workload, synchronized. The output of the first call is
        checked: NaN and infinity raise BuildError.
        """
        timed = self._time(model, case)
        self._record(timed.seconds("latency", name), band)
        return timed.samples

    def throughput(
        self,
        model: Measured,
        *,
        images: int | None = None,
        count: int | None = None,
        unit: str = "",
        case: str = "",
        name: str = "",
        band: str | None = None,
    ) -> Samples:
        """Images per second, from the samples that `latency` takes; clips or samples where others go in.

        ``unit``: what is counted instead, such as ``"tokens"``, and ``count`` how many of it one call handles, by
        default the batch. A callable needs ``images``, how many one call handles, or both of these.
        """
        from pytest_modelbench.bench.timing import handled_in

        handled = handled_in(model, images, count, unit, self.test)
        timed = self._time(model, case)
        self._record(timed.rate("throughput", handled, name), band)
        return timed.samples

    @of_built_model
    def predicted_latency(self, model: BuiltModel, device: str, *, name: str = "") -> Predicted:
        """Seconds of a forward pass of ``model`` on ``device``, such as ``rtx4090``, on paper: none need be here.

        A change is told in the report and fails nothing; there is no band. ``pytest-modelbench predict`` has the
        devices, and how far predictions for each were off.
        """
        from pytest_modelbench.bench.predicting import predicted_latency, prediction_measurement

        found = predicted_latency(model, device)
        self._record(prediction_measurement(found, model, name))
        return found

    @of_built_model
    def instructions(self, model: BuiltModel, *, name: str = "", band: str | None = None) -> Instructions:
        """Instructions that a forward pass of ``model`` runs on the CPU, counted by the kernel (Linux).

        Raises UnavailableError, which skips the test, where it does not: in most virtual machines and containers.
        """
        from pytest_modelbench.bench.consumption import instructions_measurement, instructions_of

        found = instructions_of(model)
        self._record(instructions_measurement(found, model, name), band)
        return found

    @of_built_model
    def energy(self, model: BuiltModel, *, name: str = "", band: str | None = None) -> EnergySamples:
        """Joules per image of a forward pass of ``model``: of the whole GPU by NVML, of the processors by RAPL.

        In windows of a second or more (ten on a GPU), in turns with the reference workload, whose joules the comparison
        is relative to. Raises UnavailableError, which skips the test, where the device does not tell.
        """
        from pytest_modelbench.bench.consumption import energy_measurement, energy_of

        found = energy_of(model)
        self._record(energy_measurement(found, model, name), band)
        return found

    @of_built_model
    def compile_time(self, model: BuiltModel, *, name: str = "", band: str | None = None) -> CompileTime:
        """Seconds that torch.compile takes for ``model``, built with ``compile=``, from nothing and once a process.

        Nothing that was compiled before is used, and nothing is kept: other measures of the test compile as ever, with
        Inductor's cache, which all processes share.
        """
        from pytest_modelbench.bench.compiling import compile_measurement, compile_time

        found = compile_time(model)
        self._record(compile_measurement(found, model, name), band)
        return found

    @of_built_model
    def train_step(
        self,
        model: BuiltModel,
        *,
        name: str = "",
        band: str | None = None,
        memory: bool = True,
        count: int | None = None,
        unit: str = "",
        **options: Any,
    ) -> TrainFigures:
        """Seconds of a training step and of its phases, images per second, and the peak memory of the second step.

        ``count`` and ``unit``: of what how many are in a batch, as for `throughput`.
        ``options``: ``optimizer`` (``"sgd"``, ``"adamw"``), ``momentum``, ``lr``, ``input`` (``"noise"``, ``"ones"``),
        ``accumulate``; ``loss``, a function of the output, or of output and targets, with ``targets``, a function of
        ``(batch_size, generator)`` that makes these; or ``step``, a function of the module and its inputs that returns
        the loss. The peak is followed on the meta device, and on CUDA read from the allocator, too; ``memory=False``
        leaves it out. Weights are afterwards what they were.
        """
        from pytest_modelbench.bench.train_step import StepPlan, train_step

        plan = StepPlan(memory, name, band, count=count, unit=unit)
        return train_step(model, self._bench, self._record, self._reached(), plan, **options)

    @of_built_model
    def speed_runs(self, model: BuiltModel, *, runs: int = 10, iterations: int = 10) -> SpeedRuns:
        """A training step in the protocol of the speed and memory comparison; nothing is recorded.

        Images of ones, SGD with momentum 0.9, the mean of 10 runs of 10 iterations; of what comes back,
        `published.speed_lines.lines` makes lines in the comparison's own format. Such means are not what a gate should
        rest on.
        """
        from pytest_modelbench.bench.train_step import speed_runs

        return speed_runs(model, runs=runs, iterations=iterations)

    @of_built_model
    def train_peak(self, model: BuiltModel, *, name: str = "", **options: Any) -> LivePeak:
        """Peak memory of the second training step, followed on the meta device; ``options`` as for `train_step`."""
        from pytest_modelbench.bench.train_step import record_train_peak

        return record_train_peak(model, self._record, self._reached(), name=name, **options)

    @of_built_model
    def peak_memory(
        self, model: BuiltModel, *, backward: bool = False, name: str = "", band: str | None = None
    ) -> Peak:
        """Peak bytes of a forward pass, with ``backward`` of a forward and backward pass in training mode.

        Everywhere: what PyTorch keeps alive, followed on the meta device and so the same on every machine; on the CPU
        where the model cannot run there. On an accelerator also what its allocator gave out; reserved and device-level
        bytes go along as details. And ``memory_growth``: what each further call leaves alive, usually nothing.

        Recorded as ``peak_live_memory`` and so on, with ``backward`` as ``backward_peak_live_memory``: a test may have
        both. With ``name`` as that, ``<name>_allocated`` and ``<name>_growth``.
        """
        from pytest_modelbench.bench import peak
        from pytest_modelbench.bench.following import reach_followed
        from pytest_modelbench.bench.reach import with_figures
        from pytest_modelbench.measure.memory import allocated_peak

        case = replace(model.case, mode="backward") if backward else model.case
        names = peak.PeakNames.of(name, backward=backward)
        found = peak.pass_peak(model, backward=backward)
        figures = self._reached().figures(model, reach_followed(model), training=backward)
        record = with_figures(self._record, figures)
        record(peak.live_measurement(found, case, names.live), band)
        record(peak.growth_measurement(found, case, names.growth))
        if self.device.type == "cpu":
            return Peak(found.live)
        with model.as_found():
            run = model.forward_backward if backward else model.forward
            allocated = allocated_peak(run, self.device, replayed=model.replayed)
        record(peak.allocated_measurement(allocated, case, names.allocated), band)
        return Peak(found.live, allocated)

    @of_built_model
    def cost(self, model: BuiltModel, *, name: str = "") -> Cost:
        """Parameters, their bytes, and multiply-accumulates of one forward pass.

        Counted on the meta device, and on the CPU where the model cannot run there.
        """
        from pytest_modelbench.bench.counting import cost_measurements, cost_of
        from pytest_modelbench.bench.following import reach_followed

        cost, where = cost_of(model)
        figures = self._reached().figures(model, reach_followed(model))
        for measurement in cost_measurements(cost, where, model, name):
            self._record(replace(measurement, figures=figures))
        return cost

    @of_built_model
    def counters(self, model: BuiltModel, *, backward: bool = False, name: str = "") -> Counters:
        """What a pass asks of PyTorch, to the last operator; with ``backward`` a forward and backward pass in training.

        Recorded are ``operators`` (views are none), ``copied_bytes`` (what copies, casts and changes of layout write),
        ``allocations``, and ``synchronizations``, where the host waits for an accelerator; with ``backward`` as
        ``backward_operators`` and so on, and ``backward_macs``. Of a model built with ``compile=`` also ``graphs``,
        ``graph_breaks`` and ``recompilations``. Each is held to the last one; a change is told with the parts of the
        model that it is in.

        Counted on the meta device, and on the CPU where the model cannot run there. On a CUDA device also ``launches``,
        what a forward pass that does not wait for the device has it run: kernels, copies and fills.
        """
        from pytest_modelbench.bench.counting import count, measurements

        found = count(model, backward=backward)
        for measurement in measurements(found, model, name, backward=backward):
            self._record(measurement)
        return found

    @of_built_model
    def numerics(
        self, model: BuiltModel, images: torch.Tensor | None = None, *, name: str = "", band: str | None = None
    ) -> Fingerprint:
        """What ``model`` computes on its seeded inputs, held against what it computed when the baseline was recorded.

        For where no labels exist: a refactoring that changes results is caught. Kept are the output's root mean square,
        eight projections and four values; ``band`` is a share of the first, by default after the precision. A change
        is told with the first part of the model that puts out something else.
        ``images``: ``(N, C, H, W)`` in place of the inputs, for a detector, say, which finds nothing in noise.
        """
        from pytest_modelbench.bench.numerics import TOLERANCES, output_measurement, output_of

        found = output_of(model, images)
        self._record(output_measurement(model, found, images, name), band, default=TOLERANCES[model.case.precision])
        return found.fingerprint

    def record(
        self,
        name: str,
        value: float | Iterable[float] | None = None,
        *,
        outcomes: Iterable[bool] | Mapping[str, bool] | None = None,
        unit: str = "",
        better: str = "",
        band: str | None = None,
        scope: str = "portable",
        noisy: bool = False,
        case: str = "",
    ) -> None:
        """Hold any number against its baseline.

        ``value``: one number, also in a tensor, or several samples of which the median counts; by default a count of
        which fewer are better. ``outcomes``: whether each sample is right, in a fixed order or by its name; the value
        is their mean and may be left out, and the same samples are compared one by one, as those of top-1 are.

        ``noisy`` values (positive ones) are measured in several processes and compared by statistics; others are
        compared as they are. ``scope`` says where the value holds: ``portable``, ``kind`` (of device) or ``device``.
        """
        own = Own(unit, better, scope, noisy)
        if outcomes is None:
            self._recorder.record_own(name, value, own, case=case, band=band)
        else:
            self._recorder.record_outcomes(name, value, outcomes, own, case=case, band=band)

    def _time(self, model: Measured, case: str) -> Timed:
        """Times of ``model``, measured once per object and test."""
        from pytest_modelbench.bench.timing import time_model

        if id(model) not in self._timed:
            self._timed[id(model)] = model, time_model(model, case, self._bench, self._reached())
        return self._timed[id(model)][1]

    def _reached(self) -> Reached:
        """What this test's measures reach of its models."""
        from pytest_modelbench.bench.reach import Reached

        if self._reach is None:
            self._reach = Reached(self.test)
        return self._reach
