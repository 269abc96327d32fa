"""Amounts by module as a tree: each part with what is below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: Modules within modules; what is below counts as the last one's own. No model is so deep, and names come from files.
_DEEPEST = 60


@dataclass(frozen=True, slots=True)
class Branch:
    """A module with all that is below it, and its own share, in the unit of what was asked: bytes, seconds."""

    name: str
    amount: float
    own: float
    below: tuple[Branch, ...] = ()

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Branch]]:
        """This and all below, each with its depth; the largest first."""
        yield depth, self
        for branch in self.below:
            yield from branch.walk(depth + 1)


def tree(own: Mapping[str, float]) -> Branch:
    """What each module has of its ``own``, by its name; amounts add up from below. The root has no name."""
    amounts: dict[str, float] = {}
    for name, amount in own.items():
        name = ".".join(name.split(".")[:_DEEPEST])
        amounts[name] = amounts.get(name, 0) + amount
    children: dict[str, set[str]] = {}
    for name in amounts:
        while name:
            above = name.rpartition(".")[0]
            children.setdefault(above, set()).add(name)
            name = above

    def branch(name: str) -> Branch:
        below = sorted(map(branch, children.get(name, ())), key=lambda one: (-one.amount, one.name))
        itself = amounts.get(name, 0)
        return Branch(name, itself + sum(one.amount for one in below), itself, tuple(below))

    return branch("")
