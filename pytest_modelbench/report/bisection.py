"""A bisection in words: a line for each revision that was told, and what it came to."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pytest_modelbench.core.bisection import Answer, Bisection, Ended, Found, Shift, Side, Step
from pytest_modelbench.core.printable import printable
from pytest_modelbench.judge.exact_bisection import ROUNDED
from pytest_modelbench.report.reasons import lines as reason_lines
from pytest_modelbench.report.reasons import sentences
from pytest_modelbench.report.scale import duration, pair, percent, plural

_SIDES = {Side.BEFORE: "as before", Side.AFTER: "changed"}
#: Of the lines of commits' messages, and of revisions that were left out, so much is shown.
_MESSAGE, _MOST_PASSED, _MOST_ALIKE = 60, 5, 4
#: Where less of the whole change lies, it is not worth a search.
_LEAST_PART = 0.05


@dataclass(frozen=True, slots=True)
class Placed:
    """One revision for one check: on which side it is, and how far from the first one; ``why`` it was passed over."""

    step: Step
    name: str
    side: Side | None
    shift: Shift | None
    why: str = ""


def told_step(placed: Placed, answer: Answer) -> str:
    """What is known of a revision, and how many of them are left."""
    if placed.why:
        what = f"left out, {printable(placed.why.partition(chr(10))[0])}"
    else:
        changed = f"{placed.name} {_shifted(placed.shift)}" if placed.shift else placed.name
        what = f"{changed}: {_SIDES[placed.side] if placed.side else 'undecided'}"
    told = f"{_named(placed.step)}: {what}"
    if answer.ended in (Ended.ALIKE, Ended.OPEN):
        return told
    return f"{told}; {answer.bad - answer.good - 1 or 'none'} left"


def render(one: Bisection) -> str:
    """What it came to: for each check that changed its revision, and what is left open."""
    first, last = one.steps[0], one.steps[-1]
    of = f"versions of {one.package}" if one.package else "commits"
    told = [found for found in one.found if found.answer.ended is not Ended.ALIKE]
    parts = ["\n".join(_found(found, one)) for found in sorted(told, key=_order)]
    if alike := [f"{printable(found.case)} {found.name}" for found in one.found if found not in told]:
        parts.append(_alike(alike, one, nothing_else=not told))
    parts += [f"{printable(test)}: not searched for, {printable(why)}" for test, why in one.missed]
    if not one.found and not one.missed:
        parts.append("nothing was measured at both ends")
    cost = (
        f"{first.name}..{last.name}: {one.measured} of {len(one.steps) - 1} {of} measured in "
        f"{plural(one.runs, 'run')}, {duration(one.duration_s)}"
    )
    if one.error_rate and not one.interrupted:
        cost += f"; the search takes a wrong turn with a probability of at most {one.error_rate:.0%}"
    parts.append("\n".join([cost, *one.notes]))
    if one.interrupted:
        parts.append("the search is not complete; run the same command again to go on from here (without --fresh)")
    return "\n\n".join(parts)


def to_json(one: Bisection) -> dict[str, Any]:
    """Plain values; revisions by their ids, and changes as ratios."""
    return {
        "format": "pytest-modelbench bisection",
        "schema": 1,
        "first": one.steps[0].id,
        "last": one.steps[-1].id,
        "package": one.package,
        "checks": [_plain(found, one.steps) for found in one.found],
        "missed": dict(one.missed),
        "revisions": len(one.steps) - 1,
        "measured": one.measured,
        "runs": one.runs,
        "duration_s": one.duration_s,
        "error_rate": one.error_rate,
        "interrupted": one.interrupted,
    }


def _plain(found: Found, steps: Sequence[Step]) -> dict[str, Any]:
    answer = found.answer
    changed = answer.ended in (Ended.FOUND, Ended.BETWEEN)
    return {
        "test": found.test,
        "check": found.name,
        "case": found.case,
        "ended": answer.ended.value,
        "then": found.then,
        "now": found.now,
        "whole": _ratios(answer.whole),
        "own": _ratios(answer.own),
        "last_before": steps[answer.good].id if changed else None,
        "first_after": asdict(steps[answer.bad]) if changed else None,
        "several": answer.several,
        "left_out": {step.id: why for step, why in found.passed},
        "where": sentences(found.reasons),
    }


def _ratios(shift: Shift | None) -> dict[str, float | None] | None:
    if shift is None:
        return None
    logs = {"ratio": shift.log, "low_ratio": shift.low, "high_ratio": shift.high}
    return {name: None if log is None else math.exp(log) for name, log in logs.items()}


def _order(found: Found) -> tuple[int, str, str]:
    return list(Ended).index(found.answer.ended), found.test, found.name


def _found(found: Found, one: Bisection) -> Iterator[str]:
    answer, steps = found.answer, one.steps
    lead = f"{printable(found.case)} {found.name}"
    then, now = pair(found.then, found.now, found.unit)
    whole = f"{lead}: {_shifted(answer.whole)}, {then} -> {now}" if answer.whole and not found.noisy else lead
    if found.noisy and answer.whole:
        whole = f"{lead}: {_shifted(answer.whole)}"
    yield f"{whole}  ({printable(found.test)})"
    if answer.ended is Ended.OPEN:
        yield "  whether it changed is unknown: the machine is too noisy for so small a change"
        return
    if answer.ended is Ended.FOUND:
        yield from _one(steps[answer.bad], found)
    else:
        between = steps[answer.good + 1 : answer.bad + 1]
        part = f", with {_shifted(answer.own)} of it" if answer.own and answer.good + 1 < answer.bad else ""
        yield f"  among these {len(between)}{part}: {_named(between[0])} to {_named(between[-1])}"
        if answer.ended is Ended.UNFINISHED:
            yield "  which of them is not known yet"
        else:
            yield "  those in between could not be measured, or are too noisy to tell on which side they are"
    if answer.several:
        yield from _rest(found, one)
    if found.brought:
        yield f"  it is a merge; to search what it brought:\n    {_command(found.brought, found, one)}"
    for step, why in found.passed[:_MOST_PASSED]:
        yield f"  left out {_named(step)}: {printable(why.partition(chr(10))[0])}"
    if len(found.passed) > _MOST_PASSED:
        yield f"  left out {len(found.passed) - _MOST_PASSED} more"


def _one(step: Step, found: Found) -> Iterator[str]:
    date = f", {step.date}" if step.date else ""
    own = f": {_shifted(found.answer.own)}" if found.answer.own else ""
    yield f"  first in {_named(step)}{date}{own}"
    for line in reason_lines(found.reasons):
        yield f"    {line}"


def _rest(found: Found, one: Bisection) -> Iterator[str]:
    yield "  this is not the whole change; to find the rest:"
    least_part = _LEAST_PART if found.noisy else ROUNDED
    for good, bad in _elsewhere(found.answer, len(one.steps) - 1, least_part):
        yield f"    {_command(f'{one.steps[good].name}..{one.steps[bad].name}', found, one)}"


def _command(range_: str, found: Found, one: Bisection) -> str:
    """What searches another range for the same test, as it is typed."""
    return printable(shlex.join([*one.again, range_, found.typed or found.test]))


def _alike(checks: Sequence[str], one: Bisection, *, nothing_else: bool) -> str:
    """What does the same at both ends; where that is all, what it then comes from."""
    more = f" and {len(checks) - _MOST_ALIKE} more" if len(checks) > _MOST_ALIKE else ""
    told = f"the same at both ends, measured side by side: {', '.join(checks[:_MOST_ALIKE])}{more}"
    return f"{told}\nwhat changed is {_not_this(one)}" if nothing_else else told


def _elsewhere(answer: Answer, last: int, least_part: float) -> Iterator[tuple[int, int]]:
    """On which sides of the revision the rest of the change lies, parts of it below ``least_part`` aside."""
    parts = [one.log if one else None for one in (answer.whole, answer.before, answer.own)]
    whole, before, own = parts[0], parts[1] if answer.good else 0.0, parts[2]
    known = whole is not None and before is not None and own is not None
    after = whole - before - own if whole is not None and before is not None and own is not None else 0.0
    for part, (good, bad) in ((before, (0, answer.good)), (after, (answer.bad, last))):
        if bad > good and not (known and abs(part or 0.0) < least_part * abs(whole or 0.0)):
            yield good, bad


def _not_this(one: Bisection) -> str:
    if one.package:
        return f"not {one.package}, but the code, another package or the machine"
    return "not the code, but installed packages, the driver or the machine"


def _named(step: Step) -> str:
    message = printable(step.told)
    message = message if len(message) <= _MESSAGE else f"{message[: _MESSAGE - 3]}..."
    return f'{step.name} "{message}"' if message else step.name


def _shifted(shift: Shift | None) -> str:
    if shift is None or shift.log is None:
        return "another value"
    told = percent(math.exp(shift.log))
    if shift.low is None or shift.high is None or shift.low == shift.high:
        return told
    return f"{told} ({percent(math.exp(shift.low))} to {percent(math.exp(shift.high))})"
