"""Where levels changed over the nights, in words: how far, between which commits, beside what else; and what crept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_modelbench.core.environment import named
from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.session import told_session
from pytest_modelbench.judge.levels import LevelChange, Levels
from pytest_modelbench.report.commands import bisection, short_commit
from pytest_modelbench.report.scale import difference, percent, plural

#: Groups of changes that are told; checks that are told of each, and other things that changed with them.
_MOST_GROUPS, _MOST_CHECKS, _MOST_CAUSES = 8, 5, 4

#: A change, and whose it is.
_Told = tuple[Levels, LevelChange]


def how_far(levels: Levels, change: LevelChange) -> str:
    """``+3.1%``, or the difference in the unit where that says more."""
    unit = levels.series.unit
    apart = difference(change.last.value, change.first.value, unit)
    if change.ratio is None or unit == "fraction":
        return apart
    text = percent(change.ratio)
    return apart if text == "0.0%" and not levels.series.noisy else text


def change_lines(found: Iterable[Levels], *, drifted: bool = False) -> list[str]:
    """Changes of level, the newest first, with what else changed; ``drifted``: of those alone that a gate looks at.

    What changed between the same two nights is told together.
    """
    groups: dict[tuple[str, str], list[_Told]] = {}
    for one in found:
        for change in one.drifted if drifted else one.changes:
            groups.setdefault((change.first.started, change.last.started), []).append((one, change))
    ordered = [groups[key] for key in sorted(groups, reverse=True)]
    lines = [line for group in ordered[:_MOST_GROUPS] for line in _group(group)]
    if (left := len(ordered) - _MOST_GROUPS) > 0:
        lines.append(f"and in {plural(left, 'night')} before")
    return lines


def _group(group: Sequence[_Told]) -> Iterator[str]:
    first, change = group[0]
    told = f": {_cause(change)}" if change.causes or _same_commit(change) else ""
    yield f"{change.first.started[:10]}{_commits(change)}{told}"
    for levels, one in group[:_MOST_CHECKS]:
        yield f"    {_name(levels)} {how_far(levels, one)} ({printable(levels.series.folder)})"
    if len(group) > _MOST_CHECKS:
        yield f"    and {plural(len(group) - _MOST_CHECKS, 'other check')}"
    if not change.causes and (command := bisect_command(first.series.test, change)):
        yield f"    {command}"


def _name(levels: Levels) -> str:
    return printable(f"{levels.series.case} {levels.series.name}")


def _commits(change: LevelChange) -> str:
    """Between which commits, where both are known."""
    then, now = (short_commit(one.commit) for one in (change.since, change.until))
    if not then or not now:
        return ""
    return f", at {then}" if _same_commit(change) else f", {then}..{now}"


def _same_commit(change: LevelChange) -> bool:
    return change.since.commit is not None and change.since.commit == change.until.commit


def _cause(change: LevelChange) -> str:
    """What is likely to blame."""
    if causes := change.causes:
        return printable(named(causes, _MOST_CAUSES))
    return "no known fact changed, so it may be the machine"


def bisect_command(test: str, change: LevelChange) -> str:
    """The command that finds the commit; empty where only one is in question, or none is known."""
    then, now = (short_commit(one.commit) for one in (change.since, change.until))
    if not then or not now or _same_commit(change):
        return ""
    return bisection(then, now, test)


def creep_lines(found: Iterable[Levels], *, beyond: bool = True) -> list[str]:
    """How far checks are from the first of their baselines: those ``beyond`` their band, or all, the farthest first."""
    told = [(one, creep) for one in found if (creep := one.creep) and (creep.beyond or not beyond)]
    return [
        f"{_name(one)} {percent(creep.ratio)} since the baseline of "
        f"{printable(told_session(creep.first))}, {plural(creep.acceptances, 'acceptance')} ago; its band is "
        f"{100 * creep.allowed:.3g}% ({printable(one.series.folder)})"
        for one, creep in sorted(told, key=lambda both: -abs(both[1].ratio - 1) / both[1].allowed)
    ]
