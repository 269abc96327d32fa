"""What a location is: files by name, to which many add at once, and of which none is ever written anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from pytest_modelbench.core.errors import BaselineError


class Location(Protocol):
    """Where a history is kept. Every method raises a ModelbenchError that names it where it cannot be reached."""

    @property
    def name(self) -> str:
        """It, as people give it to ``--modelbench-history``."""

    @property
    def removal(self) -> str:
        """The command that removes a file, with ``{file}`` in place of its name; empty where that takes more."""

    def told(self, name: str) -> str:
        """The file ``name`` of it, as messages name it."""

    def names(self) -> list[str]:
        """The names of all its files, sorted; BaselineError where it is not there."""

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | BaselineError]]:
        """What is in each of these files, or why that cannot be read, in their order."""

    def add(self, files: Mapping[str, bytes]) -> None:
        """Add files, each of them whole or not at all; BaselineError where one is there and holds something else."""

    def remove(self, names: Collection[str]) -> None:
        """Take away those of these files that are there."""


def otherwise(told: str) -> BaselineError:
    """The error for a file that was to be added and is there with something else in it."""
    return BaselineError(
        f"{told}: is there and holds something else than it should; move it away, then do the same again"
    )
