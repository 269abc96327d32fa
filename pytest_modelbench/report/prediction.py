"""What is foretold of a forward pass as text: each device with its error, and where the first one spends its time."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_modelbench.core.branches import tree
from pytest_modelbench.core.prediction import Here, Predicted, Prediction
from pytest_modelbench.report.branches import branch_lines
from pytest_modelbench.report.memory_plan import followed_on_cpu
from pytest_modelbench.report.scale import number

#: Kinds of operators below this share of a pass are left out.
_LEAST_SHARE = 0.02


def render_prediction(found: Prediction) -> str:
    """The whole prediction, at most 80 columns wide but for names of modules."""
    lines = [f"{found.case}: a forward pass, batch {found.batch_size}"]
    if found.devices:
        lines += ["", *_table(found), *_remarks(found)]
    if found.here is not None:
        lines += ["", *_here(found.here)]
    if found.devices:
        first = found.devices[0]
        lines += ["", f"  on {first.device}, by kind of operator", *_kinds(first)]
        lines += ["", f"  on {first.device}, by module", *branch_lines(tree(first.by_part), "s")]
    return "\n".join(lines)


def _table(found: Prediction) -> Iterator[str]:
    width = max(len(one.device) for one in found.devices)
    yield f"  {'':<{width}}  {'a pass':>9}  {'images/s':>9}  error of half, of 9 in 10  limited by"
    for one in found.devices:
        rate = f"{found.batch_size / one.seconds:,.0f}"
        error = f"{one.error.median:.1%}, {one.error.within_90:.0%}"
        if not one.known:
            error = "not known"
        yield f"  {one.device:<{width}}  {number(one.seconds, 's'):>9}  {rate:>9}  {error:<25}  {_ceiling(one)}"


def _ceiling(one: Predicted) -> str:
    if one.launch_bound:
        return one.held_up_by
    return f"{one.held_up_by}, {max(one.memory_share, 1 - one.memory_share):.0%}"


def _remarks(found: Prediction) -> Iterator[str]:
    """What the figures are of, each once."""
    setups: dict[str, list[str]] = {}
    for one in found.devices:
        setups.setdefault(f"{one.precision}{', compiled' if one.compiled else ''}", []).append(one.device)
    yield from (f"  in {setup}: {', '.join(names)}" for setup, names in setups.items())
    for one in found.devices:
        if one.scaled_from:
            yield f"  {one.device}: no published timings; scaled from {one.scaled_from} by what the vendor says of both"
    if any(not one.known for one in found.devices):
        yield "  the published timings are of batches of 64 and more on GPUs, of single images on CPUs"
    if found.why_not_on_meta:
        yield f"  {followed_on_cpu(found.why_not_on_meta)}"


def _here(here: Here) -> Iterator[str]:
    took, least = number(here.measured_s, "s"), number(here.floor_s, "s")
    share = f"{here.floor_s / here.measured_s:.0%}"
    yield f"  here ({here.device}, {here.precision}): {took}, of which this device needs at least {least} ({share})"


def _kinds(first: Predicted) -> Iterator[str]:
    whole = sum(first.by_kind.values())
    for kind, seconds in sorted(first.by_kind.items(), key=lambda item: -item[1]):
        if seconds >= _LEAST_SHARE * whole:
            yield f"  {number(seconds, 's'):>9}  {seconds / whole:6.1%}  {kind}"
