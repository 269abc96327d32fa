"""How far fingerprints of outputs are apart, for tests that compare some."""

from __future__ import annotations

from pytest_modelbench.measure.numerics import Fingerprint


def largest_difference(one: Fingerprint, other: Fingerprint) -> float:
    """How far two fingerprints of as many values are apart at most, as a share of the larger ``rms``."""
    assert one.size == other.size
    scale = max(one.rms, other.rms)
    apart = max(abs(a - b) for a, b in zip(one.numbers, other.numbers, strict=True))
    return apart / scale if scale else 0.0
