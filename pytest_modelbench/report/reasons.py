"""Reasons in words: the one place where a kind and its figures become a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pytest_modelbench.core import reasons as why
from pytest_modelbench.core.bands import Band
from pytest_modelbench.core.environment import Difference, named
from pytest_modelbench.core.reasons import Reason
from pytest_modelbench.report.items import item_lines, items_in_short, placed_in_short, placed_lines
from pytest_modelbench.report.scale import duration

#: Characters of what differs since a baseline: with its lead, a line of 80 columns.
_WIDEST = 56
#: So many samples of each kind are named; a results file names all.
_MOST_NAMED = 5


def sentences(found: Iterable[Reason]) -> str:
    """All of them, joined as one line."""
    return "; ".join(map(sentence, found))


def lines(found: Iterable[Reason]) -> list[str]:
    """Each of them on a line of its own below a headline; samples and parts of a model are named on several."""
    return [line for one in found for line in _lines(one)]


def _lines(reason: Reason) -> list[str]:
    if isinstance(reason, why.SamplesChanged):
        return _sample_lines(reason)
    if isinstance(reason, why.Placed):
        return placed_lines(reason)
    if isinstance(reason, why.Parted):
        return [f"where     {sentence(reason)}"]
    return item_lines(reason) if isinstance(reason, why.ItemsChanged) else [sentence(reason)]


def sentence(reason: Reason) -> str:
    """``reason`` for people, without a full stop."""
    return _SENTENCES[type(reason)](reason)


def _quoted(text: str) -> str:
    return repr(text) if text else "none"


def _may_be_away(one: why.MayBeAway) -> str:
    bound, end = ((ratio - 1) * 100 for ratio in (one.up_to, one.band_end))
    return f"the change may be as large as {bound:+.1f}%, and up to {end:+.1f}% is tolerated"


def _drifted(one: why.Drifted) -> str:
    how = "slower" if one.drift > 0 else "faster"
    share = f"{abs(math.expm1(one.drift)):.0%} {how}"
    return f"the machine itself runs {share} than when the baseline was recorded, too much to correct for"


def _parted(one: why.Parted) -> str:
    first = f"{one.module or 'the model itself'} is the first part to differ"
    if one.share is None:
        return f"{first}, and the baseline has nothing comparable there"
    percents = 100 * one.share
    return f"{first}, by {f'{percents:.2g}' if percents < 99.5 else f'{percents:,.0f}'}% of its rms"


def _assumed(one: why.AssumedSpread) -> str:
    if one.one_process:
        return "the baseline was recorded in one process, so how much it varies is assumed"
    return "the baseline was recorded in one session, so how much days differ is taken from other tests, or assumed"


def _upset(disturbed: int) -> str:
    return f"; the machine was disturbed in {disturbed} of them" if disturbed else ""


def _beside(one: why.Beside) -> str:
    text = f"measured side by side with {one.base} in {one.pairs} pairs of processes{_upset(one.disturbed)}"
    return f"{text}: {_may_be_away(one.open_)}" if one.open_ else text


def _cleared(one: why.Cleared) -> str:
    how = "faster than" if one.faster else "as fast as"
    beside = one.beside
    return f"the code is {how} that of {beside.base}, side by side in {beside.pairs} pairs{_upset(beside.disturbed)}"


def _not_to_blame(code: why.SameCode | why.Cleared) -> str:
    if isinstance(code, why.SameCode):
        return "the code is that of the baseline"
    return f"{_cleared(code)}, but both differ from the stored value"


def _machine_moved(one: why.MachineMoved) -> str:
    if one.files:
        whose = "the machine or files that git does not have changed, not the code that git has"
        return f"{whose}: {_not_to_blame(one.code)}, and no version changed"
    return f"the machine changed, not the code: {_not_to_blame(one.code)}, and no version changed"


def _since(one: why.Since) -> str:
    alike = ", but the same on both sides of the comparison" if one.alike else ""
    return f"since the baseline{alike}: {_some(one.differences)}"


def _some(found: Sequence[Difference]) -> str:
    """As many of ``found`` as fit on a line of 80 columns, two at least, and how many more there are."""
    fitting = [count for count in range(1, len(found) + 1) if len(named(found, count)) <= _WIDEST]
    return named(found, max(2, *fitting, 0))


def band_in_words(band: Band) -> str:
    """What ``band`` lets pass, before "is tolerated"."""
    return band.text.replace("sampling", "what chance explains") if band.sampling else band.text


def _samples(one: why.SamplesChanged) -> str:
    return "; ".join(_sample_lines(one))


def _sample_lines(one: why.SamplesChanged) -> list[str]:
    """How many samples changed, with the first of them by name, and what that comes to."""
    amount = f"on average {100 * one.mean:+.1f} pp (95 % sure: {100 * one.low:+.1f} to {100 * one.high:+.1f})"
    if one.excused is not None:
        amount += f"; {_objection(one.objection) if one.objection else 'that may be chance'}"
    if not (one.lost or one.won):
        return [f"none of {one.samples} samples changed", amount]
    lost, won = ("got worse", "got better") if one.graded else ("newly wrong", "newly right")
    told = [f"{one.lost} of {one.samples} samples {lost}{_named(one.lost_names)}"]
    return [*told, *([f"{one.won} {won}{_named(one.won_names)}"] if one.won else []), amount]


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    told = ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f": {told}" if told else ""


def _objection(one: why.Objection) -> str:
    if one.limit is not None:
        return f"a change of more than {100 * one.limit:.1f} pp is never taken for chance"
    if one.unexplained is not None:
        return f"the figure itself moved by {100 * one.unexplained:+.1f} pp, which these samples do not explain"
    return "that is more than chance explains"


#: A sentence for every kind; a test holds it to `core.reasons.Reason`.
_SENTENCES: dict[type[Any], Callable[[Any], str]] = {
    why.OtherKey: lambda one: f"the {one.what} changed from {_quoted(one.then)} to {_quoted(one.now)}",
    why.UnknownEnvironment: lambda one: "its file does not say in which environment it was recorded",
    why.OtherEnvironment: lambda one: f"it was recorded in another environment: {named(one.differences)}",
    why.BetweenLooks: lambda one: f"measured in {one.done} of {one.planned} processes",
    why.Disturbed: lambda one: f"the machine was disturbed in {one.processes} of {one.of} processes; {one.cause}",
    why.Drifted: _drifted,
    why.MayBeAway: _may_be_away,
    why.AssumedSpread: _assumed,
    why.NoPairs: lambda one: f"it was not measured side by side with the baseline's code: {one.why}",
    why.NotConfirmed: lambda one: f"it could not be measured side by side with {one.base}: {one.why}",
    why.OutOfBudget: lambda one: f"the time budget of {duration(one.budget_s)} was used up ({one.option})",
    why.NotEverywhere: lambda one: "only some of the processes measured it: let each process measure it",
    why.PairsSoFar: lambda one: (
        f"measured side by side with {one.base} in {one.done} of {one.planned} pairs{_upset(one.disturbed)}"
    ),
    why.Beside: _beside,
    why.SameCode: _not_to_blame,
    why.Cleared: _cleared,
    why.MeasuredAgain: lambda one: (
        f"{_cleared(one.code)}, but differed from the stored value; "
        f"measured again in {one.done} of {one.wanted} processes"
    ),
    why.UnknownWhetherAway: lambda one: (
        f"{_cleared(one.code)}, but noise hides whether both differ from the stored value"
    ),
    why.EnvironmentMoved: lambda one: (
        f"the environment changed, not the code: {_not_to_blame(one.code)}; "
        f"since the baseline: {_some(one.differences)}"
    ),
    why.MachineMoved: _machine_moved,
    why.Since: _since,
    why.DisturbedBaseline: lambda one: (
        f"the baseline was accepted on a disturbed machine ({one.disturbed} processes disturbed, spread "
        f"{one.spread:.1%}), so up to {100 * (one.band_end - 1):+.1f}% is tolerated"
    ),
    why.Varies: lambda one: "it should be the same in every process, but is not: something is drawn at random",
    why.NumbersDiffer: lambda one: (
        f"numbers computed from the output moved by up to {one.most:.3g}"
        + (f", and {one.allowed:.3g} is tolerated" if one.allowed is not None else "")
    ),
    why.SamplesChanged: _samples,
    why.ItemsChanged: items_in_short,
    why.Parted: _parted,
    why.Placed: placed_in_short,
}
