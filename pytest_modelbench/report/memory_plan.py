"""A memory plan as text: when the peak is reached, what it consists of, and which parts of the model have it."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_modelbench.core.memory_plan import Kind, MemoryPlan, Verified, by_module
from pytest_modelbench.report.branches import branch_lines
from pytest_modelbench.report.scale import number

#: What is made in a step, and belongs to one part of a model or another.
MADE = frozenset({Kind.ACTIVATIONS, Kind.TEMPORARY})
_BAR = 20


def render_plan(plan: MemoryPlan) -> str:
    """The whole plan, at most 80 columns wide but for names of modules."""
    peak = plan.peak
    where = f" of {peak.module}" if peak.module else ""
    operator = f" ({plan.operator})" if plan.operator else ""
    lines = [
        f"{plan.case}: {number(plan.peak_bytes, 'bytes')} at most",
        f"  reached in the {PHASES[peak.phase]}{where}{operator}",
        f"  CUDA's allocator would hold {number(plan.allocated_bytes, 'bytes')} in use and take "
        f"{number(plan.reserved_bytes, 'bytes')} from the driver,",
        "  besides what libraries take for themselves",
        *([f"  {followed_on_cpu(plan.why_not_on_meta)}"] if plan.why_not_on_meta else []),
        *(_verified(plan, plan.verified) if plan.verified else []),
        *([f"  NOT VERIFIED: {plan.unverified}"] if plan.unverified else []),
        "",
    ]
    kinds = plan.of_kind()
    width = max(len(kind.value) for kind in kinds)
    for kind, size in kinds.items():
        share = size / plan.peak_bytes
        bar = "#" * round(_BAR * share)
        lines.append(f"  {kind.value:<{width}}  {number(size, 'bytes'):>9}  {share:6.1%}  {bar}".rstrip())
    if plan.fitting:
        lines += ["", "  largest batch", *_fitting(plan)]
    made = by_module(plan.parts, MADE)
    if made.below:
        lines += ["", "  activations and temporary memory, by module", *branch_lines(made, "bytes")]
    return "\n".join(lines)


#: What a phase of a step is called.
PHASES = {"forward": "forward pass", "backward": "backward pass", "optimizer": "step of the optimizer"}


def followed_on_cpu(why: str) -> str:
    """That what is told is of the CPU, since the model cannot run without values, and where it cannot."""
    return f"followed on the CPU, as the CPU computes it: it cannot run on the meta device ({why})"


def _verified(plan: MemoryPlan, ran: Verified) -> Iterator[str]:
    """What it took in fact, beside what was said that it would."""
    yield f"  on {ran.device} it took"
    for what, took, planned in (
        ("asked for", ran.requested_bytes, plan.peak_bytes),
        ("in use", ran.allocated_bytes - ran.workspace_bytes, plan.allocated_bytes),
        ("from the driver", ran.reserved_bytes - ran.workspace_bytes, plan.reserved_bytes),
    ):
        share = f"{took / planned - 1:+.1%}" if planned else "nothing was planned"
        yield f"    {what:<15}  {number(took, 'bytes'):>9}  {share}"
    yield f"    and libraries   {number(ran.workspace_bytes, 'bytes'):>9}"


def _fitting(plan: MemoryPlan) -> Iterator[str]:
    width = max(len(one.memory) for one in plan.fitting)
    for one in plan.fitting:
        told = f"{one.fits:,}" if one.fits else "none"
        close = f"; up to {one.perhaps:,} it is too close to call" if one.perhaps > one.fits else ""
        yield f"  {one.memory:<{width}}  {number(one.size_bytes, 'bytes'):>9}  {told}{close}"
