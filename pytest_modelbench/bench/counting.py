"""What ``modelbench.cost`` and ``counters`` do: what a model and a pass of it come to, counted by part of the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pytest_modelbench.bench.following import followed
from pytest_modelbench.bench.launching import launches_of
from pytest_modelbench.bench.tracing import Graphs, graph_measurements, graphs_of
from pytest_modelbench.core.breakdown import Breakdown
from pytest_modelbench.core.errors import hide_own_frames
from pytest_modelbench.core.measurement import Comparability, Measurement
from pytest_modelbench.measure.calls import Calls
from pytest_modelbench.measure.cost import Cost, Products, products_one_by_one, static_cost
from pytest_modelbench.measure.places import Places
from pytest_modelbench.models.built import BuiltModel

__tracebackhide__ = hide_own_frames


@dataclass(frozen=True, slots=True)
class Counters:
    """What one pass asks for, each as what it is the sum of: ``total`` of one is the figure."""

    operators: Breakdown
    copied_bytes: Breakdown
    allocations: Breakdown
    synchronizations: Breakdown
    macs: Breakdown | None  #: None where there are more ways through the model, of which one alone counts
    followed_on: str = ""  #: meta or cpu
    graphs: Graphs | None = None  #: of a model that is compiled
    launches: Breakdown | None = None  #: of a forward pass on a CUDA device that does not wait for it


def count(model: BuiltModel, *, backward: bool = False) -> Counters:
    """Counters of one forward pass of ``model``; with ``backward`` of a forward and backward pass in training mode.

    On the meta device, and on the CPU where the model cannot run there; what is launched, on the model's own.
    """
    found, where = followed(model, lambda bare: _count(bare, backward))
    if backward:
        return replace(found, followed_on=where)
    traced = graphs_of(model) if model.compile_options is not None else None
    return replace(found, followed_on=where, graphs=traced, launches=launches_of(model))


def operators_on_meta(model: BuiltModel) -> Breakdown:
    """The operators of a forward pass of ``model`` on the meta device, and nowhere else; raises whatever is wrong."""
    return _count(model.on_meta(), backward=False).operators


def _count(bare: BuiltModel, backward: bool) -> Counters:
    run = bare.forward_backward if backward else bare.forward
    with products_one_by_one():
        run()  # what a first pass makes and keeps is no part of the others
        with Places(bare.module) as places, Products(places.here) as products, Calls(places) as calls:
            run()
    return Counters(
        operators=Breakdown.of(calls.operators),
        copied_bytes=Breakdown.of(calls.copied_bytes),
        allocations=Breakdown.of(calls.allocations),
        synchronizations=Breakdown.of(calls.synchronizations),
        macs=products.breakdown(),
    )


def cost_of(model: BuiltModel) -> tuple[Cost, str]:
    """What ``model`` and a forward pass of it cost, and where that was followed: ``meta`` or ``cpu``."""
    return followed(model, lambda bare: static_cost(bare.module, bare.forward))


def cost_measurements(cost: Cost, where: str, model: BuiltModel, name: str) -> Iterator[Measurement]:
    """``cost``, followed on ``where``, as measurements."""
    for metric in ("parameters", "parameter_bytes", "macs"):
        # What a model holds is the same wherever it runs.
        recipe = where if metric == "macs" and where != "meta" else ""
        yield Measurement.of(
            metric, getattr(cost, metric), model.case, name and f"{name}_{metric}",
            comparability=Comparability(recipe=recipe), breakdown=cost.breakdowns.get(metric),
        )  # fmt: skip


def measurements(found: Counters, model: BuiltModel, name: str, *, backward: bool) -> Iterator[Measurement]:
    """``found`` as measurements: ``backward`` ones have that in their names, so that a test may have both."""
    prefix = f"{name}_" if name else "backward_" if backward else ""
    case = replace(model.case, mode="backward") if backward else model.case
    recipe = "" if found.followed_on == "meta" else found.followed_on
    figures: dict[str, Breakdown | None] = {
        "operators": found.operators,
        "copied_bytes": found.copied_bytes,
        "allocations": found.allocations,
        "synchronizations": found.synchronizations,
        "macs": found.macs if backward else None,  # those of a forward pass are `cost`'s
        "launches": found.launches,
    }
    for metric, breakdown in figures.items():
        if breakdown is None:
            continue
        # That the host waits is why a model cannot run on meta: of how often, it says nothing else. What is launched is
        # counted where the model is, and never elsewhere.
        made = Comparability(recipe="" if metric in ("synchronizations", "launches") else recipe)
        named = prefix and f"{prefix}{metric}"
        yield Measurement.of(metric, breakdown.total, case, named, comparability=made, breakdown=breakdown)
    if found.graphs is not None:
        yield from graph_measurements(found.graphs, model, name)
