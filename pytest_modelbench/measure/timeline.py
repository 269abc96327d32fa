"""Every storage of a run, from its birth to its death: who made it, when, and what is alive at any moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch

from pytest_modelbench.measure.caching_allocator import Step
from pytest_modelbench.measure.places import Place
from pytest_modelbench.measure.storages import LiveStorages, storages


@dataclass(slots=True, eq=False)
class Life:
    """A storage of so many bytes, in whole blocks, alive from one change to another."""

    size_bytes: int
    place: Place
    operator: str  #: that made it; empty of what was there before
    born: int
    died: int | None = None

    def alive(self, change: int) -> bool:
        """Whether it was, after so many changes."""
        return self.born <= change and (self.died is None or change < self.died)


class Timeline(LiveStorages):  # type: ignore[no-untyped-call]
    """Keeps the life of each storage that it counts. ``here`` says where one is made."""

    def __init__(self, here: Callable[[], Place]) -> None:
        super().__init__()
        self._here = here
        self._alive: dict[int, Life] = {}
        self.lives: list[Life] = []

    def life_of(self, tensor: torch.Tensor) -> Life | None:
        """Of the first storage behind ``tensor``, which is alive and counted."""
        return next((self._alive[id(one)] for one in storages(tensor) if id(one) in self._alive), None)

    def at_peak(self) -> list[Life]:
        """What was alive as most was, for the first time."""
        return [life for life in self.lives if life.alive(self.peak_change)]

    def steps(self) -> Iterator[Step]:
        """Births and deaths, one after the other, as an allocator is asked."""
        ends = {life.died: life for life in self.lives if life.died is not None}
        begins = {life.born: life for life in self.lives}
        keys = {id(life): key for key, life in enumerate(self.lives)}
        for change in range(1, self.changes + 1):
            if (life := ends.get(change)) is not None:
                yield Step(keys[id(life)])
            if (life := begins.get(change)) is not None:
                yield Step(keys[id(life)], life.size_bytes)

    def _change(self, key: int, before: int, now: int) -> None:
        super()._change(key, before, now)
        if before:
            self._alive.pop(key).died = self.changes
        if now:
            operator = "" if self.operator is None else str(getattr(self.operator, "name", self.operator.__str__)())
            life = Life(now, self._here(), operator, self.changes)
            self._alive[key] = life
            self.lives.append(life)


def live_bytes(lives: Iterable[Life], changes: int) -> list[int]:
    """Bytes alive after each of so many changes, from none on."""
    steps = [0] * (changes + 1)
    for life in lives:
        steps[life.born] += life.size_bytes
        if life.died is not None:
            steps[life.died] -= life.size_bytes
    total, found = 0, []
    for step in steps:
        total += step
        found.append(total)
    return found
