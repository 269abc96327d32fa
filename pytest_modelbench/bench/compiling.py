"""How long torch.compile takes for a model, from nothing: no code that was compiled before is used again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from pytest_modelbench.core.errors import MeasureError, UsageError, hide_own_frames
from pytest_modelbench.core.measurement import Measurement, RelativeTime
from pytest_modelbench.host.clock import Held
from pytest_modelbench.measure.clocks import clock_for
from pytest_modelbench.models.built import BuiltModel

__tracebackhide__ = hide_own_frames

#: What torch.compile takes where nothing else is said, and the one that keeps what it has compiled.
_INDUCTOR = "inductor"
#: Passes of a compiled model, of which the fastest counts.
_LATER = 3


@dataclass(frozen=True, slots=True)
class CompileTime:
    """Seconds until a model that was never compiled has its first output, and of a pass once it is."""

    first_s: float
    call_s: float

    @property
    def seconds(self) -> float:
        """What compiling takes of the first."""
        return self.first_s - self.call_s


def compile_time(model: BuiltModel) -> CompileTime:
    """How long ``model``, which was built with ``compile=``, takes to be compiled for its inputs.

    Dynamo forgets all that it has compiled in this process; Inductor gets a cache of its own, which goes afterwards.
    """
    options = model.compile_options
    if options is None:
        raise UsageError(f"{model.case.id} is not compiled: build it with compile=True, or torch.compile's arguments")
    backend = options.get("backend", _INDUCTOR)
    if backend == _INDUCTOR:
        # What it imports and starts, once in a process, is not the model's.
        with _from_nothing(backend):
            torch.compile(torch.neg)(torch.ones(2, device=model.device))
    with model.as_found(), _from_nothing(backend):
        with torch.compiler.set_stance("force_eager"):
            model.forward()  # it is built, and has made what it keeps
        # The second pass may record a graph.
        first_s, *later_s = (_seconds(model.forward, model.device) for _ in range(1 + _LATER))
    found = CompileTime(first_s, min(later_s))
    if found.seconds <= 0:
        raise MeasureError(
            f"{model.case.id}: its first pass took no longer than the next, so nothing was compiled; see TORCH_LOGS="
            "dynamo, or whether the environment sets TORCHDYNAMO_DISABLE"
        )
    return found


def compile_measurement(found: CompileTime, model: BuiltModel, name: str) -> Measurement:
    """``found`` as the metric ``compile_time``: like a training, it has no reference workload beside it."""
    figures = {"first_s": found.first_s, "call_s": found.call_s}
    timing = RelativeTime(math.log(found.seconds))
    return Measurement.of(
        "compile_time", found.seconds, model.case, name, timing=timing, samples=(found.seconds,), figures=figures
    )


@contextmanager
def _from_nothing(backend: object) -> Iterator[None]:
    torch.compiler.reset()
    if backend != _INDUCTOR:
        yield
        return
    from torch._inductor import utils

    # Renamed in torch 2.8.
    fresh = getattr(utils, "fresh_cache", None) or utils.fresh_inductor_cache
    with fresh():
        yield


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    clock = clock_for(device)
    clock.synchronize()
    start = Held.perf_counter()
    call()
    clock.synchronize()
    return Held.perf_counter() - start
