"""Random numbers that are the same on every machine and in every version of every library."""

from __future__ import annotations

import hashlib


class Draws:
    """Whole numbers drawn one after the other; the name of the stream decides them all.

    They are SHAKE-256 (FIPS 202) of name and number of the call. The generators of torch and numpy promise their
    numbers for one version only, and `random` promises those of `random()` alone.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls = 0

    def octets(self, count: int) -> bytes:
        """``count`` bytes, each from 0 to 255."""
        self._calls += 1
        return hashlib.shake_256(f"{self._name}/{self._calls}".encode()).digest(count)

    def below(self, limit: int) -> int:
        """From 0 to ``limit - 1``, evenly to one part in 2**64 / limit."""
        return int.from_bytes(self.octets(8), "big") % limit

    def between(self, low: int, high: int) -> int:
        """From ``low`` to ``high``, both included."""
        return low + self.below(high - low + 1)

    def order(self, count: int) -> list[int]:
        """The numbers from 0 to ``count - 1``, shuffled."""
        octets = self.octets(8 * count)
        return sorted(range(count), key=lambda index: octets[8 * index : 8 * index + 8])
