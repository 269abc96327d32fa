"""A memory plan of a model: what its peak consists of, followed on the meta device, and what an allocator needs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import Any

import torch

from pytest_modelbench.bench.following import followed
from pytest_modelbench.bench.peak_parts import PeakParts, held_by
from pytest_modelbench.core.cards import Fit, Memory, memories
from pytest_modelbench.core.errors import ModelbenchError, hide_own_frames
from pytest_modelbench.core.memory_plan import Fitting, MemoryPlan, Moment, Verified
from pytest_modelbench.core.train_options import TrainOptions
from pytest_modelbench.measure.caching_allocator import simulate
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
    plan, where = followed(model, lambda bare: _of_pass(bare) if training is None else _of_step(bare, training))
    return MemoryPlan(model.case.id if training is None else training.case(model.case).id, where, **plan)


def verify(model: BuiltModel, training: TrainOptions | None = None) -> Verified:
    """What the pass or step of `memory_plan` takes on the CUDA device that ``model`` is built for."""
    if training is None:
        with model.as_found():
            peak = allocated_peak(model.forward, model.device, replayed=model.replayed)
    else:
        with TrainStep(model, training) as step:
            step()
            peak = allocated_peak(step, model.device)
    return Verified(
        torch.cuda.get_device_name(model.device),
        peak.requested_bytes,
        peak.allocated_bytes,
        peak.reserved_bytes,
        peak.workspace_bytes,
    )


def _of_pass(bare: BuiltModel) -> dict[str, Any]:
    packed = packed_weights(bare.module)
    held = chain(bare.tensors(), bare.kept_tensors(), packed)
    with Places(bare.module) as places, watched(Timeline(places.here), held) as timeline:
        parts = PeakParts(timeline, lambda: held_by(bare))
        with timeline:
            parts.follow(bare.forward)
        return _plan(timeline, parts)


def _of_step(bare: BuiltModel, training: TrainOptions) -> dict[str, Any]:
    with TrainStep(bare, training) as step:
        step()
        with Places(bare.module) as places, watched(Timeline(places.here), step.tensors()) as timeline:
            parts = PeakParts(timeline, lambda: held_by(bare, step))
            with timeline:
                parts.follow(lambda: step(places.next_phase))
            return _plan(timeline, parts)


def _plan(timeline: Timeline, parts: PeakParts) -> dict[str, Any]:
    """The fields of a plan."""
    at_peak = max(timeline.lives, key=lambda life: (life.born <= timeline.peak_change, life.born))
    simulated = simulate(timeline.steps())
    return {
        "peak_bytes": timeline.peak_bytes,
        "peak": Moment(timeline.peak_bytes, at_peak.place.phase, at_peak.place.module),
        "operator": at_peak.operator,
        "parts": tuple(sorted(parts.found, key=lambda part: -part.size_bytes)),
        "timeline": tuple(_moments(timeline)),
        "allocated_bytes": simulated.allocated_bytes,
        "reserved_bytes": simulated.reserved_bytes,
    }


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


def largest(fits: Callable[[int], bool], needs: Callable[[int], float], room: float) -> int:
    """The largest batch that ``fits``; 0 if not even one does.

    What a batch ``needs`` grows with it, nearly in proportion, so that the next one to look at is guessed by a line.
    """
    if not fits(1):
        return 0
    low, high = 1, 2
    while high < _LARGEST_BATCH and fits(high):
        slope = (needs(high) - needs(low)) / (high - low)
        guess = low + int((room - needs(low)) / slope) if slope > 0 else _LARGEST_BATCH
        low, high = high, min(max(2 * high, guess + 1), _LARGEST_BATCH)
    while high - low > 1:
        slope = (needs(high) - needs(low)) / (high - low)
        guess = low + int((room - needs(low)) / slope) if slope > 0 else low
        # A line may miss on one side for ever: every other look is in the middle of what is left.
        middle = min(max(guess, low + 1), high - 1)
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


def fitting(memory: Memory, plan_of: Callable[[int], MemoryPlan]) -> Fitting:
    """The largest batch that fits into ``memory``, and of which it is too close to call."""

    def fit(batch: int) -> Fit:
        plan = plan_of(batch)
        return memory.fit(plan.allocated_bytes, plan.reserved_bytes)

    fits = largest(lambda batch: fit(batch) is Fit.FITS, lambda batch: plan_of(batch).reserved_bytes, memory.size_bytes)
    perhaps = largest(
        lambda batch: fit(batch) is not Fit.NOT, lambda batch: plan_of(batch).allocated_bytes, memory.size_bytes
    )
    return Fitting(memory.name, memory.size_bytes, fits, max(fits, perhaps))


def main() -> None:
    """Print, as one line of JSON, the plan of what the first argument asks for, which is JSON as well; or why not."""
    asked = json.loads(sys.argv[1])
    sys.path.insert(0, asked["folder"])
    try:
        training = None if asked["training"] is None else TrainOptions.of(asked["training"])

        device = torch.device(resolve_device("cuda")) if asked["verify"] else None

        @cache
        def plan_of(batch: int) -> MemoryPlan:
            options = {**asked["options"], "batch_size": batch}
            return memory_plan(build(asked["model"], device=torch.device("cpu"), **options), training)

        plan = plan_of(asked["options"]["batch_size"])
        found = tuple(fitting(memory, plan_of) for memory in memories(asked["fit"])) if asked["fit"] else ()
        ran = verify(build(asked["model"], device=device, **asked["options"]), training) if device else None
        told: dict[str, Any] = {"plan": replace(plan, fitting=found, verified=ran).as_json()}
    except ModelbenchError as error:
        told = {"error": str(error)}
    print(json.dumps(told))
