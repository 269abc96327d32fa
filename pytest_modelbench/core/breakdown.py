"""What a count or a size is the sum of: how much of it is of which part of a model, and of what kind.

Baselines keep it beside the value, packed as one short line of text, so that it can be told where a change is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pytest_modelbench.core.lines import line_schema, packed, unpacked

#: Characters of an unpacked one at most: a hundred thousand items.
_MOST_CHARACTERS = 2**24


class Item(NamedTuple):
    """So much of one kind (an operator's name, what memory is used for) in one part of a model, by its name in it.

    No name: in the model itself, or in none of its parts.
    """

    module: str
    what: str
    amount: int


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An item before and after; 0 where there was none, or is none any more."""

    module: str
    what: str
    then: int
    now: int

    @property
    def difference(self) -> int:
        """How much more it is."""
        return self.now - self.then


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Items that add up to a value, in the order in which they were met."""

    items: tuple[Item, ...]

    def __post_init__(self) -> None:
        if len({(item.module, item.what) for item in self.items}) != len(self.items):
            raise ValueError("an item stands there twice")
        if any(item.amount <= 0 for item in self.items):
            raise ValueError("an item is nothing, or less")

    @classmethod
    def of(cls, amounts: Mapping[tuple[str, str], int]) -> Breakdown:
        """``amounts`` by module and kind, less those that are 0."""
        return cls(tuple(Item(*key, amount) for key, amount in amounts.items() if amount))

    @property
    def total(self) -> int:
        """What all items add up to."""
        return sum(item.amount for item in self.items)

    def by_kind(self) -> Counter[str]:
        """Amounts of each kind, wherever they are."""
        amounts: Counter[str] = Counter()
        for item in self.items:
            amounts[item.what] += item.amount
        return amounts

    def changes(self, later: Breakdown) -> tuple[ItemChange, ...]:
        """What differs in a ``later`` one; in its order, and what is gone at the place where it was."""
        then = {(item.module, item.what): item.amount for item in self.items}
        now = {(item.module, item.what): item.amount for item in later.items}
        return tuple(
            ItemChange(*key, then.get(key, 0), now.get(key, 0))
            for key in _merged([*then], [*now])
            if then.get(key) != now.get(key)
        )

    def text(self) -> str:
        """One line that `read` takes."""
        return packed(self.items)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """How files and events are checked: as the line that `text` writes."""
        return line_schema(read)


def read(text: str) -> Breakdown:
    """The breakdown that ``text`` holds; ValueError if it holds none."""
    rows = unpacked(text, "breakdown", _MOST_CHARACTERS)
    if not isinstance(rows, list) or not all(map(_is_item, rows)):
        raise ValueError("a breakdown is a list of a module, a kind and a whole number each")
    return Breakdown(tuple(Item(*row) for row in rows))


def _is_item(row: object) -> bool:
    return isinstance(row, list) and [type(cell) for cell in row] == [str, str, int]


def _merged(then: list[tuple[str, str]], now: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The keys of ``now`` in order; those that only ``then`` has behind the key that they stood behind."""
    known = set(now)
    behind: dict[tuple[str, str] | None, list[tuple[str, str]]] = {}
    last: tuple[str, str] | None = None
    for key in then:
        if key in known:
            last = key
        else:
            behind.setdefault(last, []).append(key)
    yield from behind.get(None, [])
    for key in now:
        yield key
        yield from behind.get(key, [])
