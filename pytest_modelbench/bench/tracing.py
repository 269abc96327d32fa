"""What torch.compile makes of a model: into how many graphs it is cut, where and why, and whether it compiles again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch._dynamo.utils

from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.errors import BuildError, hide_own_frames
from pytest_modelbench.core.measurement import Measurement
from pytest_modelbench.measure.calls import Key
from pytest_modelbench.models.built import BuiltModel
from pytest_modelbench.models.precision import forward_modes

__tracebackhide__ = hide_own_frames

#: Passes with the same inputs after the first, in which nothing should have to be compiled.
_LATER = 2
#: Of a reason, which some state at length.
_MOST_CHARACTERS = 60
#: What Dynamo says of a frame in which it gave up.
_SKIPPED = re.compile(r"frame skipped: (\w+) \((.*) line (\d+)\)")
#: In a guard that failed: which graph of which function it is of, parts of the model, and what owns an attribute.
_NUMBERED = re.compile(r"^\d+/\d+: ")
_PARTS = re.compile(r"\._modules\['([^']+)'\]")
_IDS = re.compile(r"\b(?:0x[0-9a-f]+|\d{6,})\b")  #: of objects, other ones in each process
_OWNER = re.compile(rf"\w+(?:{_PARTS.pattern})+")


@dataclass(frozen=True, slots=True)
class Graphs:
    """Of the first pass of a model, ``graphs``, and why it is not one; which more later passes made, and why."""

    graphs: int
    breaks: Breakdown
    recompilations: Breakdown


def graphs_of(model: BuiltModel) -> Graphs:
    """How torch.compile takes ``model`` apart, without code being made of it: on the meta device, else on the CPU.

    Dynamo forgets all that it has compiled in this process.
    """
    if not model.case.precision.startswith("amp"):  # the meta device knows no autocast
        with suppress(Exception):  # it needs values; what is wrong there as well is told by itself
            return _traced(model.on_meta(), model)
    try:
        return _traced(model.on_cpu(), model)
    except torch._dynamo.exc.TorchDynamoException as error:
        raise BuildError(f"{model.case.id} cannot be traced by torch.compile: {str(error).strip()}") from error


def _traced(bare: BuiltModel, model: BuiltModel) -> Graphs:
    given, made = bare.arguments, 0

    def backend(graph: Any, inputs: Sequence[Any]) -> Any:
        nonlocal made
        made += 1
        return graph.forward

    with _from_nothing(), torch.no_grad(), _modes(bare):
        explained = given.copies().call(torch._dynamo.explain(bare.module))
        frames = _SKIPPED.findall("\n".join(torch._dynamo.utils.counters["unimplemented"]))
    dynamic = (model.compile_options or {}).get("dynamic")
    failed: list[str] = []
    with _from_nothing(), torch.no_grad(), _modes(bare):
        # As torch.compile does it, but for who is told of what no longer holds.
        compiled = torch._dynamo.optimize(
            backend, dynamic=dynamic, guard_fail_fn=lambda one: failed.append(one.reason)
        )(bare.module)
        given.copies().call(compiled)
        first, again = made, Counter[Key]()
        for _ in range(_LATER):
            before = made
            failed.clear()
            given.copies().call(compiled)
            again += _why_again(made - before, failed)
    breaks: Counter[Key] = Counter(("", _told(reason)) for reason in explained.break_reasons)
    # A function that Python runs as a whole has no reason, and may have no graph either: that is the worst break.
    skipped = max(explained.graph_break_count - breaks.total(), len(frames), 0 if first else 1)
    for name, path, _ in frames[:skipped]:
        breaks["", f"left to Python: {name} of {Path(path).name}"] += 1
    if more := skipped - len(frames[:skipped]):
        breaks["", "left to Python: a function that torch.compile does not name"] += more
    return Graphs(first, Breakdown.of(breaks), Breakdown.of(again))


def _why_again(more: int, failed: Sequence[str]) -> Counter[Key]:
    """By part of the model, what no longer held when so many ``more`` graphs were made in one pass.

    Each graph that was there for a function says why it will not do: the last one that was made comes first.
    """
    found: Counter[Key] = Counter()
    of_function = {reason.partition("/")[0]: reason for reason in reversed(failed)}
    for reason in [*of_function.values()][:more]:
        guard = _NUMBERED.sub("", reason.partition("\n")[0]).partition("  #")[0].strip()
        told, equal, _ = _OWNER.sub("self", guard).partition(" == ")
        what = f"another {told}" if equal else f"no longer: {told.partition('. expected')[0]}"
        found[".".join(_PARTS.findall(guard)), _IDS.sub("...", what)[:_MOST_CHARACTERS]] += 1
    if unknown := more - found.total():
        found["", "for a reason that torch.compile does not tell"] += unknown
    return found


def _modes(bare: BuiltModel) -> AbstractContextManager[object]:
    """What a pass runs in; not on meta, where what stands in for a device's attention would be traced as well."""
    return nullcontext() if bare.device.type == "meta" else forward_modes(bare.case.precision, bare.device)


def _told(reason: Any) -> str:
    """Why a graph ends, and where: the innermost function of the model's own code. Lines move with every edit."""
    why = str(reason.reason).strip().partition("\n")[0][:_MOST_CHARACTERS]
    if not reason.user_stack:
        return why
    frame = reason.user_stack[-1]
    return f"{why} in {frame.name} of {Path(frame.filename).name}"


@contextmanager
def _from_nothing() -> Iterator[None]:
    torch.compiler.reset()
    torch._dynamo.utils.counters.clear()
    try:
        yield
    finally:
        torch.compiler.reset()


def graph_measurements(found: Graphs, model: BuiltModel, name: str) -> Iterator[Measurement]:
    """``found`` as measurements."""
    prefix = f"{name}_" if name else ""
    yield Measurement.of("graphs", found.graphs, model.case, prefix and f"{prefix}graphs")
    for metric, breakdown in {"graph_breaks": found.breaks, "recompilations": found.recompilations}.items():
        yield Measurement.of(metric, breakdown.total, model.case, prefix and f"{prefix}{metric}", breakdown=breakdown)
