"""A memory plan of a model: what its peak consists of, followed on the meta device, and what an allocator needs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, zip_longest
from typing import Any, Protocol

import torch

from pytest_modelbench.bench.following import followed, why_not_on_meta
from pytest_modelbench.bench.peak_parts import PeakParts, held_by
from pytest_modelbench.core.cards import Fit, Memory, memories
from pytest_modelbench.core.errors import BuildError, ModelbenchError, hide_own_frames
from pytest_modelbench.core.memory_plan import Fitting, MemoryPlan, Moment, Verified
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.measure.caching_allocator import Simulated, Step, simulate
from pytest_modelbench.measure.devices import resolve_device
from pytest_modelbench.measure.held import packed_weights
from pytest_modelbench.measure.memory import allocated_peak, watched
from pytest_modelbench.measure.places import Places
from pytest_modelbench.measure.timeline import Life, Timeline, live_bytes
from pytest_modelbench.models.build import build
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.training import TrainStep

__tracebackhide__ = hide_own_frames

#: Moments that a plan keeps of a step at most: what a picture shows.
_MOMENTS = 400


def memory_plan(model: BuiltModel, training: TrainOptions | None = None) -> MemoryPlan:
    """The plan of a forward pass of ``model``; with ``training`` of its second training step.

    The peak is that of `modelbench.peak_memory`, or of `modelbench.train_step`, byte for byte.
    """
    return followed_plan(model, training).plan


@dataclass(frozen=True, slots=True)
class FollowedPlan:
    """A plan, and what an allocator was asked for in its course."""

    plan: MemoryPlan
    steps: tuple[Step, ...]


def followed_plan(model: BuiltModel, training: TrainOptions | None = None) -> FollowedPlan:
    """`memory_plan`, with its course."""
    (plan, steps), where = followed(
        model, lambda bare: _of_pass(bare) if training is None else _of_step(bare, training)
    )
    case = model.case.id if training is None else training.case(model.case).id
    return FollowedPlan(MemoryPlan(case, where, **plan, why_not_on_meta=why_not_on_meta(model)), steps)


def verify(model: BuiltModel, training: TrainOptions | None = None) -> Verified:
    """What the pass or step of `memory_plan` takes on the CUDA device that ``model`` is built for."""
    try:
        if training is None:
            with model.as_found():
                peak = allocated_peak(model.forward, model.device, replayed=model.replayed)
        else:
            with TrainStep(model, training) as step:
                step()
                peak = allocated_peak(step, model.device)
    except torch.OutOfMemoryError as error:
        told = str(error).partition("\n")[0]
        raise BuildError(f"{model.case.id} does not fit: {told}") from error
    return Verified(
        torch.cuda.get_device_name(model.device),
        peak.requested_bytes,
        peak.allocated_bytes,
        peak.reserved_bytes,
        peak.workspace_bytes,
    )


def _of_pass(bare: BuiltModel) -> tuple[dict[str, Any], tuple[Step, ...]]:
    packed = packed_weights(bare.module)
    held = chain(bare.tensors(), bare.kept_tensors(), packed)
    with Places(bare.module) as places, watched(Timeline(places.here), held) as timeline:
        parts = PeakParts(timeline, lambda: held_by(bare))
        with timeline:
            parts.follow(bare.forward)
        return _plan(timeline, parts)


def _of_step(bare: BuiltModel, training: TrainOptions) -> tuple[dict[str, Any], tuple[Step, ...]]:
    with TrainStep(bare, training) as step:
        step()
        with Places(bare.module) as places, watched(Timeline(places.here), step.tensors()) as timeline:
            parts = PeakParts(timeline, lambda: held_by(bare, step))
            with timeline:
                parts.follow(lambda: step(places.next_phase))
            return _plan(timeline, parts)


def _plan(timeline: Timeline, parts: PeakParts) -> tuple[dict[str, Any], tuple[Step, ...]]:
    """The fields of a plan, and what an allocator was asked for."""
    at_peak = max(timeline.lives, key=lambda life: (life.born <= timeline.peak_change, life.born))
    steps = tuple(timeline.steps())
    simulated = simulate(steps)
    fields = {
        "peak_bytes": timeline.peak_bytes,
        "peak": Moment(timeline.peak_bytes, at_peak.place.phase, at_peak.place.module),
        "operator": at_peak.operator,
        "parts": tuple(sorted(parts.found, key=lambda part: -part.size_bytes)),
        "timeline": tuple(_moments(timeline)),
        "allocated_bytes": simulated.allocated_bytes,
        "reserved_bytes": simulated.reserved_bytes,
    }
    return fields, steps


def _moments(timeline: Timeline) -> Iterator[Moment]:
    """The highest of each span of the step, so many that a picture shows them all."""
    alive = live_bytes(timeline.lives, timeline.changes)
    places = _places(timeline.lives, timeline.changes)
    span = max(1, -(-len(alive) // _MOMENTS))
    for start in range(0, len(alive), span):
        at = max(range(start, min(start + span, len(alive))), key=alive.__getitem__)
        yield Moment(alive[at], places[at].phase, places[at].module)


def _places(lives: list[Life], changes: int) -> list[Any]:
    """Where the step was after each of so many changes: where the last storage was made."""
    made = {life.born: life.place for life in lives}
    last, found = lives[0].place, []
    for change in range(changes + 1):
        last = made.get(change, last)
        found.append(last)
    return found


#: Batches that are looked at: nobody trains on more of anything.
_LARGEST_BATCH = 2**20
#: From what is asked for at these, what others ask for is worked out.
_SCALED_FROM = (2, 64)


def largest(fits: Callable[[int], bool], needs: Callable[[int], float], room: float, guess: int | None = None) -> int:
    """The largest batch that ``fits``; 0 if not even one does. ``guess`` is looked at first.

    What a batch ``needs`` grows with it, nearly in proportion, so that the next one to look at is guessed by a line.
    """
    if guess and fits(guess) and not fits(guess + 1):
        return guess
    if not fits(1):
        return 0
    low, high = 1, 2
    while high < _LARGEST_BATCH and fits(high):
        slope = (needs(high) - needs(low)) / (high - low)
        guessed = low + int((room - needs(low)) / slope) if slope > 0 else _LARGEST_BATCH
        low, high = high, min(max(2 * high, guessed + 1), _LARGEST_BATCH)
    while high - low > 1:
        slope = (needs(high) - needs(low)) / (high - low)
        guessed = low + int((room - needs(low)) / slope) if slope > 0 else low
        # A line may miss on one side for ever: every other look is in the middle of what is left.
        middle = min(max(guessed, low + 1), high - 1)
        if fits(middle):
            low = middle
            if middle + 1 < high and not fits(middle + 1):
                return middle
        else:
            high = middle
            if middle - 1 > low and fits(middle - 1):
                return middle - 1
        if high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
    return low


class Asked(Protocol):
    """What an allocator makes of a batch: a plan, or a simulation."""

    @property
    def allocated_bytes(self) -> int:
        """In use at most."""

    @property
    def reserved_bytes(self) -> int:
        """Taken from the driver at most."""


def fitting(memory: Memory, plan_of: Callable[[int], Asked], scaled: Callable[[int], Asked] | None = None) -> Fitting:
    """The largest batch that fits into ``memory``, and of which it is too close to call.

    ``scaled`` knows about what `plan_of` will say, and is asked first: it takes a hundredth of the time.
    """
    guess = fitting(memory, scaled) if scaled else None

    def fit(batch: int) -> Fit:
        asked = plan_of(batch)
        return memory.fit(asked.allocated_bytes, asked.reserved_bytes)

    fits = largest(
        lambda batch: fit(batch) is Fit.FITS, lambda batch: plan_of(batch).reserved_bytes, memory.size_bytes,
        guess.fits if guess else None,
    )  # fmt: skip
    perhaps = largest(
        lambda batch: fit(batch) is not Fit.NOT, lambda batch: plan_of(batch).allocated_bytes, memory.size_bytes,
        guess.perhaps if guess else None,
    )  # fmt: skip
    return Fitting(memory.name, memory.size_bytes, fits, max(fits, perhaps))


def scaled_from(steps_of: Callable[[int], Sequence[Step]]) -> Callable[[int], Simulated] | None:
    """What an allocator would make of any batch, if all sizes grow in proportion as between two of them.

    None of a model that asks for other things with another batch.
    """
    few, many = _SCALED_FROM
    line: list[tuple[Step, float]] = []  #: what is asked for, and how much more for each further sample
    for one, other in zip_longest(steps_of(few), steps_of(many)):
        if one is None or other is None or (one.key, one.ends) != (other.key, other.ends):
            return None
        line.append((one, ((other.size_bytes or 0) - (one.size_bytes or 0)) / (many - few)))

    @cache
    def scaled(batch: int) -> Simulated:
        return simulate(
            one if one.size_bytes is None else Step(one.key, max(1, round(one.size_bytes + (batch - few) * more)))
            for one, more in line
        )

    return scaled


def main() -> None:
    """Print, as one line of JSON, the plan of what the first argument asks for, which is JSON as well; or why not."""
    asked = json.loads(sys.argv[1])
    sys.path.insert(0, asked["folder"])
    try:
        training = None if asked["training"] is None else TrainOptions.of(asked["training"])

        device = torch.device(resolve_device("cuda")) if asked["verify"] else None

        @cache
        def of(batch: int) -> FollowedPlan:
            options = {**asked["options"], "batch_size": batch}
            return followed_plan(build(asked["model"], device=torch.device("cpu"), **options), training)

        plan = of(asked["options"]["batch_size"]).plan
        found: tuple[Fitting, ...] = ()
        if asked["fit"]:
            # On the CPU a batch is as large as it says.
            scaled = scaled_from(lambda batch: of(batch).steps) if plan.followed_on == "meta" else None
            found = tuple(fitting(memory, lambda batch: of(batch).plan, scaled) for memory in memories(asked["fit"]))
        ran, unverified = None, ""
        try:
            ran = verify(build(asked["model"], device=device, **asked["options"]), training) if device else None
        except ModelbenchError as error:
            unverified = str(error)  # the plan stands all the same
        told: dict[str, Any] = {"plan": replace(plan, fitting=found, verified=ran, unverified=unverified).as_json()}
    except ModelbenchError as error:
        told = {"error": str(error)}
    print(json.dumps(told))
