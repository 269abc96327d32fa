"""Measurements as a test makes them: with the band that is nearest to them, and sent on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pytest_modelbench.bench.outcomes import Outcomes
from pytest_modelbench.bench.process import Bench
from pytest_modelbench.core.bands import Band, parse_band
from pytest_modelbench.core.case import NamedCase
from pytest_modelbench.core.errors import MeasureError, UsageError, hide_own_frames
from pytest_modelbench.core.measurement import Comparability, Measurement, RelativeTime
from pytest_modelbench.core.metrics import METRICS, Better, Metric, Scope
from pytest_modelbench.core.observations import hits
from pytest_modelbench.core.sample_names import SampleNames

__tracebackhide__ = hide_own_frames


class Record(Protocol):
    """Hands on one measurement: `Recorder.record`."""

    def __call__(self, measurement: Measurement, band: str | None = None, *, default: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Own:
    """A metric of one project's own, as `ModelBench.record` is told of it, in words.

    Unit and direction are by default count and lower, of a mean of outcomes sample by sample fraction and higher.
    """

    unit: str = ""
    better: str = ""
    scope: str = "portable"
    noisy: bool = False

    def metric(self, name: str, where: str) -> Metric:
        """The metric; UsageError, which names ``where``, for words that are none of ours."""
        default = METRICS["latency"].band if self.noisy else Band()
        better, scope = _choice(Better, self.better or "lower", where), _choice(Scope, self.scope, where)
        return Metric(name, self.unit or "count", better, scope, default, self.noisy)

    def metric_of_outcomes(self, name: str, where: str) -> Metric:
        """The metric that is a mean of outcomes, which chance may excuse as it does of top-1."""
        if self.noisy:
            raise UsageError(f"{where}: noisy=True goes with times; outcomes= are compared sample by sample")
        if self.unit not in ("", "fraction"):
            raise UsageError(f"{where}: unit={self.unit!r}: the mean of outcomes is a 'fraction'; leave the unit out")
        if self.better == "lower":
            raise UsageError(
                f"{where}: better='lower': outcomes= are True where a sample is right, so that more of them are better"
            )
        better, scope = _choice(Better, self.better or "higher", where), _choice(Scope, self.scope, where)
        return Metric(name, "fraction", better, scope, METRICS["top1"].band)


class Recorder:
    """Records the measurements of one test in this process."""

    def __init__(self, bench: Bench, test: str, band: str | Mapping[str, str] | None = None) -> None:
        bench.forget(test)
        self._bench = bench
        self._band = band
        self.test = test
        self.recorded = False  #: whether anything was

    def record(self, measurement: Measurement, band: str | None = None, *, default: str = "") -> None:
        """Send ``measurement`` on as one of this test; ``default``: a band that suits it better than its metric's."""
        metric = measurement.metric
        if default:
            metric = replace(metric, band=parse_band(default, metric.unit, metric.name))
        metric = self._with_band(metric, band)
        self._bench.record(replace(measurement, metric=metric, test=self.test, process=self._bench.process))
        self.recorded = True

    def record_own(
        self, name: str, value: float | Iterable[float] | None, own: Own, *, case: str = "", band: str | None = None
    ) -> None:
        """Record what `ModelBench.record` is given without outcomes."""
        where = self.where(name)
        if value is None:
            raise UsageError(f"{where}: there is neither a value nor outcomes=; pass one of them")
        samples = _numbers(value, where)
        metric = own.metric(name, where)
        typical = statistics.median(samples)
        if own.noisy and not typical > 0:
            raise MeasureError(f"{where}: {typical} is not positive, as a noisy measurement has to be")
        timing = RelativeTime(math.log(typical)) if own.noisy else None
        self.record(Measurement(name, metric, NamedCase(case or name), typical, timing, samples), band)

    def record_outcomes(
        self,
        name: str,
        value: float | Iterable[float] | None,
        given: Iterable[Any] | Mapping[Any, Any],
        own: Own,
        *,
        case: str = "",
        band: str | None = None,
    ) -> None:
        """Record what `ModelBench.record` is given with the outcomes ``given``; a ``value`` has to be their mean."""
        where = self.where(name)
        outcomes = Outcomes.of(given, where)
        for number in () if value is None else _numbers(value, where):
            outcomes.check(number, where)
        measurement = Measurement(
            name, own.metric_of_outcomes(name, where), NamedCase(case or name), outcomes.mean,
            comparability=Comparability(data=outcomes.data), observations=hits(outcomes.right),
            figures={"samples": len(outcomes.right)}, sample_names=SampleNames.of(outcomes.names),
        )  # fmt: skip
        self.record(measurement, band)

    def where(self, name: str) -> str:
        """How messages call the recording of ``name``; raises UsageError for a name that cannot be one's own."""
        where = f"{self.test}: record({name!r})"
        if name in METRICS:
            raise UsageError(f"{where}: {name!r} is a metric of this package; choose another name")
        if not name.isidentifier():
            raise UsageError(f"{where}: a name is letters, digits and underscores")
        return where

    def _with_band(self, metric: Metric, band: str | None) -> Metric:
        """The metric with the band nearest to the measurement: argument, marker, settings, default."""
        marked = self._band if isinstance(self._band, (str, type(None))) else self._band.get(metric.name)
        if isinstance(self._band, str) and not metric.noisy:
            marked = None  # a plain band= on the marker is about times
        text = band or marked or self._bench.settings.bands.get(metric.name)
        if text is None:
            return metric
        where = f"{self.test}: {metric.name}"
        parsed = parse_band(text, metric.unit, where)
        if metric.noisy and parsed.exact:
            raise UsageError(f"{where}: band {text!r} leaves a noisy measurement no room; write for example 5%")
        return replace(metric, band=parsed)


def _choice(kind: type[Better] | type[Scope], value: str, where: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(member.value for member in kind)
        raise UsageError(f"{where}: {kind.__name__.lower()}={value!r} is none of {known}") from None


def _numbers(value: float | Iterable[float], where: str) -> tuple[float, ...]:
    value = _plain(value, where)
    if isinstance(value, (str, bytes)):
        raise UsageError(f"{where}: {value!r} is not a number")
    values = tuple(value) if isinstance(value, Iterable) else (value,)
    if not values:
        raise MeasureError(f"{where}: no values")
    try:
        numbers = tuple(float(number) for number in values)
    except (TypeError, ValueError, RuntimeError):
        raise UsageError(f"{where}: {value!r} is not a number") from None
    if not all(map(math.isfinite, numbers)):
        raise MeasureError(f"{where}: {value!r} is not finite")
    return numbers


def _plain(value: Any, where: str) -> Any:
    """The number in a tensor or an array that holds one alone; UsageError for a tensor, or a table, of several."""
    shape = getattr(value, "shape", None)
    if shape is None:
        return value
    if math.prod(shape) == 1:
        if getattr(value, "is_meta", False):
            raise UsageError(f"{where}: a tensor on the meta device has no value")
        return value.item()
    # A list of samples in numpy's form is one, but what a model returns is hardly meant as samples.
    if len(shape) > 1 or hasattr(value, "requires_grad"):
        raise UsageError(
            f"{where}: a {type(value).__name__} of shape {tuple(shape)} is not a number; record what it comes to, such "
            "as value.mean(), or its numbers as samples, of which the median counts: value.flatten().tolist()"
        )
    return value
