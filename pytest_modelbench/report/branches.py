"""Amounts by module as an indented tree, each with its share of the whole."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_modelbench.core.branches import Branch
from pytest_modelbench.report.scale import number

#: Parts below this share of what is shown are left to the one above.
_LEAST_SHARE = 0.02
#: Lines of the tree at most.
_MOST_LINES = 30


def branch_lines(whole: Branch, unit: str) -> Iterator[str]:
    """The parts that have most, each below what it is a part of; what is not shown is in the one above."""
    least = _LEAST_SHARE * whole.amount
    shown = [(depth, branch) for depth, branch in whole.walk() if depth and branch.amount >= least]
    for depth, branch in shown[:_MOST_LINES]:
        name = branch.name.rpartition(".")[2]
        yield f"  {_amount(branch.amount, whole, unit)}  {'  ' * (depth - 1)}{name}"
    if len(shown) > _MOST_LINES:
        yield f"  and {len(shown) - _MOST_LINES} more parts; --json has all"
    if whole.own:
        yield f"  {_amount(whole.own, whole, unit)}  (the model itself)"


def _amount(amount: float, whole: Branch, unit: str) -> str:
    return f"{number(amount, unit):>9}  {amount / whole.amount:6.1%}"
