"""One timing of a model or a callable in this process: beside the reference workload, or in turns with another one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from torch import nn

from pytest_modelbench.bench.handed import not_built
from pytest_modelbench.bench.process import Bench
from pytest_modelbench.bench.reach import Reached, watched
from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.case import AnyCase, NamedCase
from pytest_modelbench.core.errors import UsageError, hide_own_frames
from pytest_modelbench.core.measurement import (
    ENQUEUE,
    ENQUEUE_SHARE,
    Comparability,
    Figure,
    Measurement,
    Quality,
    RelativeTime,
)
from pytest_modelbench.core.units import Handled
from pytest_modelbench.host.proc import siblings
from pytest_modelbench.measure.clocks import Clock, clock_for
from pytest_modelbench.measure.devices import device_uuid
from pytest_modelbench.measure.health import Health, HealthProbe, health_probe
from pytest_modelbench.measure.lockstep import InTurns
from pytest_modelbench.measure.reference import reference_workload
from pytest_modelbench.measure.samples import Samples
from pytest_modelbench.measure.sampling import Alone, Conditions, Target, sample
from pytest_modelbench.measure.workload import enqueue_s, waits_by_itself
from pytest_modelbench.models.built import BuiltModel

__tracebackhide__ = hide_own_frames

Measured = BuiltModel | Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timed:
    """Samples of one case, and all that speaks for them: what they are beside, and what the machine was like."""

    samples: Samples
    case: AnyCase
    comparability: Comparability
    quality: Quality
    turn: int | None = None  #: of a pair: the number of this timing in its test
    figures: Mapping[str, Figure] = field(default_factory=dict)  #: what goes along with each measurement
    parts: Breakdown | None = None  #: nanoseconds by part of the model, where they were asked for

    def seconds(self, metric: str, name: str = "") -> Measurement:
        """Seconds per iteration as a measurement of ``metric``."""
        samples = self.samples
        return self._measurement(metric, name, samples.median_s, samples.target_s, self._timing(samples.log_ratio))

    def rate(self, metric: str, handled: Handled, name: str = "") -> Measurement:
        """How many per second, of iterations that handle so many each, as a measurement of ``metric``."""
        samples, count = self.samples, handled.count
        rates = tuple(count / second for second in samples.target_s)
        timing = replace(self._timing(math.log(count) - samples.log_ratio), rate=True)
        one = self._measurement(metric, name, count / samples.median_s, rates, timing)
        return replace(one, metric=replace(one.metric, unit=handled.rate_unit))

    def of(self, samples: Samples) -> Timed:
        """Samples of a phase of the same iterations: in a pair, they have no turns of their own."""
        return replace(self, samples=samples, turn=None)

    def _timing(self, log_ratio: float) -> RelativeTime:
        samples = self.samples
        return RelativeTime(log_ratio, samples.reference_s, samples.best_reference_s, self.turn)

    def _measurement(
        self, metric: str, name: str, value: float, samples: tuple[float, ...], timing: RelativeTime
    ) -> Measurement:
        return Measurement.of(
            metric, value, self.case, name, timing=timing, samples=samples, comparability=self.comparability,
            quality=self.quality, figures=self.figures, breakdown=self.parts,
        )  # fmt: skip


def handled_by(model: BuiltModel, count: int | None = None, unit: str = "") -> Handled:
    """What one batch of ``model`` is: its samples, by what goes in, unless ``unit`` says of what there are how many."""
    if count is not None and not unit:
        raise UsageError(f"{model.case.id}: count={count!r} of what? Say it with unit=, as in unit='tokens'")
    batch_size = model.case.batch_size
    return Handled(batch_size if count is None else count, unit or model.arguments.samples(batch_size))


def handled_in(model: Measured, images: int | None, count: int | None, unit: str, test: str) -> Handled:
    """What one call of ``model`` handles, as `ModelBench.throughput` is told of it."""
    if images is not None:
        if count is not None or unit:
            raise UsageError(f"{test}: images={images!r} says of what how many; leave count= and unit= out")
        return Handled(images)
    if isinstance(model, BuiltModel):
        return handled_by(model, count, unit)
    if count is None or not unit:
        raise UsageError(
            f"{test}: throughput of a callable needs images=, how many one call handles, or count= and unit= of other "
            "things"
        )
    return Handled(count, unit)


def time_model(model: Measured, case: str, bench: Bench, reached: Reached) -> Timed:
    """Times of ``model`` on the session's device, which is left as it was found.

    Its first output is checked for values that are not finite.
    """
    if isinstance(model, BuiltModel):
        with model.as_found():
            output, reach = watched(model, lambda watch: model.forward(), BuiltModel.forward)
            model.check_output(output)
            figures = reached.figures(model, reach)
            with model.inference() as run:
                found = _timed_passes(run, model, bench)
                return replace(found, figures={**found.figures, **figures})
    if not callable(model) or isinstance(model, nn.Module):
        raise UsageError(not_built(model, f"{reached.test}: modelbench", or_callable=True))
    if not case:
        raise UsageError(f"{reached.test}: timing a callable needs case=, the name it is known by")
    return _timed_calls(model, NamedCase(case), bench)


def _timed_passes(run: Callable[[], object], model: BuiltModel, bench: Bench) -> Timed:
    """Times of passes of ``model``; by part, where that is what this process is for."""
    if bench.placing:
        from pytest_modelbench.bench.placing import part_times, tell_calls

        if (parts := part_times(model)) is not None:
            with parts:
                found = _timed_calls(lambda: parts.call(run), model.case, bench, model.renew)
            if found.turn is not None:
                tell_calls(model, found.turn, bench)
            return replace(found, parts=parts.breakdown())
    return _timed_calls(run, model.case, bench, model.renew)


def _timed_calls(
    run: Callable[[], object], case: AnyCase, bench: Bench, renew: Callable[[], object] | None = None
) -> Timed:
    target = Target(run, clock_for(bench.device))
    found = timed(bench, case, target.clock, lambda lead, on: sample(target, lead, conditions=on), renew)
    if bench.device.type == "cpu" or bench.turns is not None:
        return found
    if waits_by_itself(run, bench.device):
        return found
    spent_s = enqueue_s(run, target.clock)
    share = round(min(1.0, spent_s / found.samples.median_s), 3)
    return replace(found, figures={**found.figures, ENQUEUE: spent_s, ENQUEUE_SHARE: share})


#: Takes samples, led by the reference workload or by turns, under the conditions of this process.
Sampler = Callable[[Alone | InTurns, Conditions], Samples]


def timed(bench: Bench, case: AnyCase, clock: Clock, take: Sampler, renew: Callable[[], object] | None = None) -> Timed:
    """What ``take`` samples of ``case``: beside the reference workload, or in turns where there is another process.

    ``clock`` is what it is timed by; ``renew`` moves what the samples work on to other places in memory.
    """
    probe = probe_of(bench, clock)
    if bench.turns is not None:
        turns = InTurns(bench.turns, case.id)
        samples = take(turns, Conditions(probe.disturbed, renew))
        bench.check_environment(case.id)
        # What disturbed a pair is told block by block; see `workers.pairs`.
        return Timed(samples, case, Comparability(), Quality(blocks=len(samples.blocks)), turns.timing)
    reference = reference_workload(bench.device)

    def renew_both() -> None:
        reference.renew()
        if renew is not None:
            renew()

    boosts = bench.device.type != "cpu"
    lead = Alone(reference.run, bench.best_reference_s, enough=bench.enough, boosts=boosts)
    samples = take(lead, Conditions(probe.disturbed, renew_both, probe.cool_down))
    bench.check_environment(case.id)
    bench.best_reference_s = samples.best_reference_s
    health = probe.read()
    figures = health.gpu.figures if health.gpu else {}
    quality = quality_of(samples, health)
    return Timed(samples, case, Comparability(reference=reference.id), quality, figures=figures)


def probe_of(bench: Bench, clock: Clock) -> HealthProbe:
    """What watches the machine; the other process of a pair is no stranger."""
    # Looking for siblings reads all of /proc: only where a foreign process would be asked after.
    known = siblings() if bench.device.type == "cuda" else ()
    return health_probe(bench.device.type, device_uuid(bench.device), known, lambda: clock.left_out)


def quality_of(samples: Samples, health: Health) -> Quality:
    """How many blocks there are and were repeated, and what disturbed most of them."""
    blocks, disturbance = len(samples.blocks), ""
    if 2 * samples.disturbed > blocks:
        cause = health.unhealthy or "something kept the process from running"
        disturbance = f"{samples.disturbed} of {blocks} blocks were disturbed: {cause}"
    return Quality(disturbance, blocks, samples.repeated)
