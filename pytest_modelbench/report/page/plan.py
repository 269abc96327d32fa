"""The page of a memory plan: its course over the step, and what the peak consists of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from pytest_modelbench.core.branches import Branch
from pytest_modelbench.core.memory_plan import Fitting, MemoryPlan, Moment, by_module
from pytest_modelbench.report.memory_plan import MADE, PHASES, followed_on_cpu
from pytest_modelbench.report.page.rendering import fill
from pytest_modelbench.report.page.svg import COLOURS, Column, columns
from pytest_modelbench.report.scale import number

#: Parts below this share are in what the one above has itself.
_LEAST_SHARE = 0.01
_OTHERS = "others"


@dataclass(frozen=True, slots=True)
class _Shown:
    """A part in words: its memory, its share of all that is shown, its own."""

    name: str
    label: str
    share: float
    own: str
    below: tuple[_Shown, ...]


def render(plan: MemoryPlan) -> str:
    """The page, a file of its own."""
    made = by_module(plan.parts, MADE)
    colours = _colours(plan.timeline)
    return fill(
        "plan.html",
        plan=plan,
        peak=number(plan.peak_bytes, "bytes"),
        phase=PHASES[plan.peak.phase],
        allocated=number(plan.allocated_bytes, "bytes"),
        reserved=number(plan.reserved_bytes, "bytes"),
        why=followed_on_cpu(plan.why_not_on_meta),
        timeline=_timeline(plan, colours),
        legend=[(colour, name) for name, colour in colours.items()],
        kinds=[(kind.value, number(size, "bytes"), size / plan.peak_bytes) for kind, size in plan.of_kind().items()],
        fitting=[_fitting(one) for one in plan.fitting],
        branches=[_shown(one, made.amount) for one in made.below if one.amount >= _LEAST_SHARE * made.amount],
    )


def _fitting(one: Fitting) -> tuple[str, str, int | str, int | str]:
    perhaps = one.perhaps if one.perhaps > one.fits else ""
    return one.memory, number(one.size_bytes, "bytes"), one.fits or "none", perhaps


def _colours(timeline: tuple[Moment, ...]) -> dict[str, int]:
    """A colour for each part one step below the model that runs longest; the last is for all others."""
    runs = Counter(_part(one) for one in timeline)
    named = [name for name, _ in runs.most_common(COLOURS - 1)]
    # In the order in which they first run.
    found = {name: colour for colour, name in enumerate(name for name in runs if name in named)}
    return found if len(found) == len(runs) else {**found, _OTHERS: COLOURS - 1}


def _part(one: Moment) -> str:
    return one.module.partition(".")[0] or "(none of its parts)"


def _timeline(plan: MemoryPlan, colours: dict[str, int]) -> Markup:
    shown = [
        Column(one.live_bytes, colours.get(_part(one), COLOURS - 1), f"{_part(one)}, {PHASES[one.phase]}")
        for one in plan.timeline
    ]
    highest = max(range(len(shown)), key=lambda at: shown[at].height)
    words = f"Live memory over the step, {number(plan.peak_bytes, 'bytes')} at most"
    return columns(shown, highest, _phases(plan.timeline), words)


def _phases(timeline: tuple[Moment, ...]) -> Iterator[tuple[str, int]]:
    before = ""
    for at, one in enumerate(timeline):
        if one.phase != before:
            yield PHASES[one.phase], at
            before = one.phase


def _shown(branch: Branch, whole: float) -> _Shown:
    large = [one for one in branch.below if one.amount >= _LEAST_SHARE * whole]
    own = branch.amount - sum(one.amount for one in large)
    name = branch.name.rpartition(".")[2]
    told = number(own, "bytes") if own and large else ""
    below = tuple(_shown(one, whole) for one in large)
    return _Shown(name, number(branch.amount, "bytes"), branch.amount / whole, told, below)
