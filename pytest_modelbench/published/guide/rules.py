"""The rules of the recommendations: what each looks at, what it takes, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_modelbench.published.guide.capacity import USABLE
from pytest_modelbench.published.guide.choice import Candidate, balanced, fastest, leanest, most_accurate, within
from pytest_modelbench.published.guide.pools import CLASSIFICATION, TRAINED_BATCH
from pytest_modelbench.report.scale import duration, number

#: Bytes of weights that an app may carry: a little more than the 21 MB of the guide's own choice for mobile apps.
MOBILE_BYTES = 24 * 2**20
#: Accuracy that a model must have before its memory counts: the guide calls the 80.3 % of its own choice good.
GOOD_ACCURACY = 0.80
#: Memory of the card that transfer learning is reckoned with: the guide's second smallest.
TRANSFER_BYTES = 8 * 2**30
#: Batch that must fit for a model to be recommended for a card: the guide's own code takes it.
LEAST_BATCH = TRAINED_BATCH
#: A training as in the guide's table of CIFAR-10: 50 epochs of its 50,000 images.
TRAINING_IMAGES = 50 * 50_000


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. ``needs`` are the figures that a candidate must have to be looked at.

    ``choose`` gets those who have them, and the limit of the row (bytes or seconds, infinite where there is none).
    ``sentence`` goes after the row's label; ``shows`` tells the figures of who was chosen.
    """

    sentence: str
    needs: tuple[str, ...]
    choose: Callable[[Sequence[Candidate], float], Candidate | None]
    shows: tuple[Callable[[Candidate, float], str], ...]

    def recommended(self, candidates: Sequence[Candidate], limit: float) -> str:
        """Who is recommended, with its figures; ``none`` if nobody will do, empty if nobody's figures are known."""
        known = self.known(candidates)
        if not known:
            return ""
        chosen = self.choose(known, limit)
        if chosen is None:
            return "none"
        return f"{chosen.name} ({', '.join(show(chosen, limit) for show in self.shows)})"

    def known(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those who have the figures that the rule looks at."""
        return [one for one in candidates if all(getattr(one, figure) is not None for figure in self.needs)]


def training_s(one: Candidate) -> float | None:
    """Seconds that `TRAINING_IMAGES` take in training."""
    return None if one.train_images_per_s is None else TRAINING_IMAGES / one.train_images_per_s


def _time(one: Candidate, _: float) -> str:
    return "" if one.latency_s is None else number(one.latency_s, "s")


def _accuracy(one: Candidate, _: float) -> str:
    return "" if one.accuracy is None else number(one.accuracy, "fraction") + ("†" if one.published else "")


def _size(one: Candidate, _: float) -> str:
    return "" if one.parameter_bytes is None else number(one.parameter_bytes, "bytes")


def _memory(one: Candidate, _: float) -> str:
    return "" if one.peak_train_bytes is None else number(one.peak_train_bytes, "bytes")


def _batch(one: Candidate, limit: float) -> str:
    return "" if one.memory is None else f"batch {one.memory.largest_batch(limit):,}"


def _training(one: Candidate, _: float) -> str:
    seconds = training_s(one)
    return "" if seconds is None else duration(seconds)


def _half_the_time(candidates: Sequence[Candidate], _: float) -> Candidate | None:
    best = most_accurate(candidates)
    limit_s = 0.0 if best is None or best.latency_s is None else best.latency_s / 2
    return most_accurate(within(candidates, lambda one: one.latency_s, most=limit_s))


def _good(candidates: Sequence[Candidate]) -> list[Candidate]:
    return [one for one in candidates if one.accuracy is not None and one.accuracy >= GOOD_ACCURACY]


def _fitting(candidates: Sequence[Candidate], limit: float) -> list[Candidate]:
    return [one for one in candidates if one.memory is not None and one.memory.largest_batch(limit) >= LEAST_BATCH]


RULES: Mapping[str, Rule] = {
    "fastest": Rule("the least time per image", ("latency_s",), lambda them, _: fastest(them), (_time,)),
    "most-accurate": Rule("the highest accuracy", ("accuracy",), lambda them, _: most_accurate(them), (_accuracy,)),
    "balanced": Rule(
        "of the Pareto front of time per image and accuracy, the one nearest to the fastest and the most accurate at "
        "once (distance with accuracy and the logarithm of time each scaled to 0 to 1 over the front)",
        ("latency_s", "accuracy"),
        lambda them, _: balanced(them),
        (_time, _accuracy),
    ),
    "accurate-front": Rule(
        "the highest accuracy at no more than half the time of the most accurate",
        ("latency_s", "accuracy"),
        _half_the_time,
        (_time, _accuracy),
    ),
    "most-accurate-within-size": Rule(
        f"the highest accuracy among those whose weights take at most {number(MOBILE_BYTES, 'bytes')}",
        ("accuracy", "parameter_bytes"),
        lambda them, _: most_accurate(within(them, lambda one: one.parameter_bytes, most=MOBILE_BYTES)),
        (_size, _accuracy),
    ),
    "leanest": Rule(
        f"the least memory for a batch of {TRAINED_BATCH} among those with an accuracy of "
        f"{number(GOOD_ACCURACY, 'fraction')} or more",
        ("peak_train_bytes", "accuracy"),
        lambda them, _: leanest(_good(them)),
        (_memory, _accuracy),
    ),
    "transfer": Rule(
        f"the highest accuracy among those that take at most {100 * USABLE:.0f} % of "
        f"{number(TRANSFER_BYTES, 'bytes')} for a batch of {TRAINED_BATCH}",
        ("peak_train_bytes", "accuracy"),
        lambda them, _: most_accurate(within(them, lambda one: one.peak_train_bytes, most=USABLE * TRANSFER_BYTES)),
        (_memory, _accuracy),
    ),
    "largest-batch": Rule(
        f"the highest accuracy among those that take at most {100 * USABLE:.0f} % of the memory for a batch of "
        f"{LEAST_BATCH} or more, and the largest batch of that one",
        ("memory", "accuracy"),
        lambda them, limit: most_accurate(_fitting(them, limit)),
        (_batch, _accuracy),
    ),
    "most-accurate-within-time": Rule(
        f"the highest accuracy among those that train {TRAINING_IMAGES:,} images (50 epochs of 50,000) within the "
        f"budget, at the throughput of training steps on images of {CLASSIFICATION.image_size[0]} pixels a side",
        ("train_images_per_s", "accuracy"),
        lambda them, limit: most_accurate(within(them, training_s, most=limit)),
        (_training, _accuracy),
    ),
}
