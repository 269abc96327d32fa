"""Reasons in words: the one place where a kind and its figures become a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from pytest_modelbench.core import reasons as why
from pytest_modelbench.core.environment import named
from pytest_modelbench.core.reasons import Reason
from pytest_modelbench.report.scale import duration


def sentences(found: Iterable[Reason]) -> str:
    """All of them, joined as one line."""
    return "; ".join(map(sentence, found))


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
    return f"the machine itself runs {share} than when the baseline was recorded, too much to be left out"


def _assumed(one: why.AssumedSpread) -> str:
    if one.one_process:
        return "the baseline was recorded in one process, so how much it varies is assumed"
    return "the baseline was recorded in one session, so how much it varies from day to day is assumed"


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
        return "the code is the very same"
    return f"{_cleared(code)}, but both differ from the stored value"


def _samples(one: why.SamplesChanged) -> str:
    text = (
        f"{one.lost} of {one.samples} samples lost, {one.won} won: {100 * one.mean:+.1f} pp "
        f"(95 % sure: {100 * one.low:+.1f} to {100 * one.high:+.1f})"
    )
    if one.excused is None:
        return text
    return f"{text}; {_objection(one.objection) if one.objection else 'chance explains that'}"


def _objection(one: why.Objection) -> str:
    if one.limit is not None:
        return f"beyond {100 * one.limit:.1f} pp chance is no excuse"
    if one.unexplained is not None:
        return f"their mean does not explain {100 * one.unexplained:+.1f} pp"
    return "chance does not explain that"


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
    why.OutOfBudget: lambda one: f"the budget of {duration(one.budget_s)} was over",
    why.NotEverywhere: lambda one: "only some of the processes measured it",
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
        f"{_cleared(one.code)}, but whether both differ from the stored value cannot be told"
    ),
    why.EnvironmentMoved: lambda one: (
        f"the environment changed, not the code: {_not_to_blame(one.code)}; "
        f"since the baseline: {named(one.differences)}"
    ),
    why.MachineMoved: lambda one: f"the machine changed, not the code: {_not_to_blame(one.code)}, and no version did",
    why.Since: lambda one: f"since the baseline: {named(one.differences)}",
    why.Varies: lambda one: "it should be the same in every process, and is not: something draws at random",
    why.NumbersDiffer: lambda one: (
        f"numbers computed from the output moved by up to {one.most:.3g}"
        + (f", and {one.allowed:.3g} is tolerated" if one.allowed is not None else "")
    ),
    why.SamplesChanged: _samples,
}
