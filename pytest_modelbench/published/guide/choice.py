"""Which of several models to take: the rules behind the recommendations. Values in, a choice out.

Every rule passes over candidates that lack a figure it looks at. Ties go to the faster, the smaller, then the first by
name, so that the same figures always give the same recommendation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_modelbench.published.guide.capacity import MemoryLine


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of one model; None where nothing was measured.

    ``latency_s``: seconds per image. ``accuracy``: a fraction, of which ``published`` says that somebody else measured
    it. ``train_images_per_s``: images per second in training.
    """

    name: str
    latency_s: float | None = None
    accuracy: float | None = None
    published: bool = False
    parameter_bytes: float | None = None
    peak_train_bytes: float | None = None
    memory: MemoryLine | None = None
    train_images_per_s: float | None = None


Key = Callable[[Candidate], float | None]


def fastest(candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate with the least time per image."""
    return _first(candidates, lambda one: one.latency_s)


def most_accurate(candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate with the highest accuracy."""
    return _first(candidates, lambda one: None if one.accuracy is None else -one.accuracy)


def leanest(candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate that trains in the least memory."""
    return _first(candidates, lambda one: one.peak_train_bytes)


def front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The Pareto front of time per image and accuracy, fastest first: no other is both as fast and as accurate."""
    timed = [one for one in candidates if one.latency_s is not None and one.accuracy is not None]
    best: list[Candidate] = []
    for one in sorted(timed, key=lambda one: (_known(one.latency_s), -_known(one.accuracy), _order(one))):
        if not best or _known(one.accuracy) > _known(best[-1].accuracy):
            best.append(one)
    return best


def balanced(candidates: Sequence[Candidate]) -> Candidate | None:
    """The one on the front that is nearest to being both the fastest and the most accurate.

    Distance on axes that run from 0 to 1 over the front: the logarithm of the time, and the accuracy.
    """
    best = front(candidates)
    if len(best) < 2:
        return best[0] if best else None
    times = [math.log(_known(one.latency_s)) for one in best]
    scores = [_known(one.accuracy) for one in best]
    longest = times[-1] - times[0] or 1.0  # times that differ in their last digit may have one logarithm
    return min(
        zip(best, times, scores, strict=True),
        key=lambda item: math.hypot((item[1] - times[0]) / longest, (scores[-1] - item[2]) / (scores[-1] - scores[0])),
    )[0]


def within(candidates: Sequence[Candidate], figure: Key, *, most: float) -> list[Candidate]:
    """Those whose ``figure`` is known and at most ``most``."""
    return [one for one in candidates if (value := figure(one)) is not None and value <= most]


def _first(candidates: Sequence[Candidate], key: Key) -> Candidate | None:
    """The candidate with the least ``key`` of those that have one."""
    known = [one for one in candidates if key(one) is not None]
    return min(known, key=lambda one: (_known(key(one)), _order(one)), default=None)


def _order(one: Candidate) -> tuple[float, float, str]:
    return (
        math.inf if one.latency_s is None else one.latency_s,
        math.inf if one.parameter_bytes is None else one.parameter_bytes,
        one.name,
    )


def _known(value: float | None) -> float:
    assert value is not None
    return value
