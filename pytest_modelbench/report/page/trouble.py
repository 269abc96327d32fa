"""What regressed, in short: how much, since when, and where in the model, as a tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_modelbench.core.branches import Branch, tree
from pytest_modelbench.core.reasons import ItemsChanged, Placed
from pytest_modelbench.core.session import Check
from pytest_modelbench.report.page.rows import Row
from pytest_modelbench.report.reasons import sentences
from pytest_modelbench.report.scale import difference
from pytest_modelbench.report.summary import Standing

#: What a reader has to look at before anything else.
_TROUBLE = (Standing.REGRESSED, Standing.INCOMPARABLE, Standing.INCONCLUSIVE, Standing.MISSING)
_MOST = 25
#: Parts with less of that are noise, or not worth a line.
_LEAST_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a model by how much it changed, which is ``share`` of what all parts did; and what is in it.

    Of a part within another the bar is never the longer one but where others in it went the other way: at most 1.
    """

    name: str
    change: str
    share: float
    more: bool
    below: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A row, where it is, the parts of the model by what they have of the change, and the command for the commit.

    Of rows that one command is for, the first has it.
    """

    row: Row
    where: str
    parts: tuple[Part, ...]
    bisect: str


def troubles(rows: Sequence[Row]) -> tuple[list[Trouble], int]:
    """The first of ``rows`` that are not as they should be, and how many more there are."""
    found = [row for row in rows if row.line.standing in _TROUBLE]
    shown, told = [], {""}
    for row in found[:_MOST]:
        check, bisect = row.line.check, row.course.bisect if row.course else ""
        where = sentences(check.judgement.where)
        shown.append(Trouble(row, where, tuple(parts(check)), "" if bisect in told else bisect))
        told.add(bisect)
    return shown, len(found) - len(shown)


def parts(check: Check) -> Iterator[Part]:
    """The parts of the model that a check's change is in, the largest change first; none where nobody knows."""
    for reason in check.judgement.where:
        changed = reason.times if isinstance(reason, Placed) else reason
        if isinstance(changed, ItemsChanged):
            own: Counter[str] = Counter()
            for item in changed.items:
                own[item.module] += item.difference
            whole = tree(own)
            yield from _parts(whole, sum(abs(one.amount) for one in whole.below), changed.unit)


def _parts(above: Branch, whole: float, unit: str) -> Iterator[Part]:
    for branch in sorted(above.below, key=lambda one: -abs(one.amount)):
        if abs(branch.amount) >= _LEAST_SHARE * whole > 0:
            change = branch.amount
            told = difference(0, change / 1e9, "s") if unit == "ns" else difference(0, change, unit)
            below = tuple(_parts(branch, whole, unit))
            yield Part(branch.name.rpartition(".")[2], told, min(abs(change) / whole, 1.0), change > 0, below)
