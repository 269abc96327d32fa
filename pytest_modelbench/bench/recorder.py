"""Records as a test makes them: named, with the band that is nearest to the measurement, and sent on."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from pytest_modelbench.bench.process import Bench
from pytest_modelbench.core.bands import Band, parse_band
from pytest_modelbench.core.errors import MeasureError, UsageError, hide_own_frames
from pytest_modelbench.core.metrics import METRICS, Better, Metric, Scope
from pytest_modelbench.core.records import Record

__tracebackhide__ = hide_own_frames


class RecordMetric(Protocol):
    """Hands on one value of a metric: `Recorder.metric`."""

    def __call__(
        self,
        metric: str,
        value: float,
        case: str,
        name: str = "",
        band: str | None = None,
        level: float | None = None,
        basis: str = "",
        samples: tuple[float, ...] = (),
        details: Mapping[str, Any] | None = None,
        evidence: str = "",
    ) -> None: ...


class Recorder:
    """Makes the records of one test in this process."""

    def __init__(self, bench: Bench, test: str, band: str | Mapping[str, str] | None = None) -> None:
        bench.forget(test)
        self._bench = bench
        self._band = band
        self.test = test

    def metric(
        self, metric: str, value: float, case: str, name: str = "", band: str | None = None,
        level: float | None = None, basis: str = "", samples: tuple[float, ...] = (),
        details: Mapping[str, Any] | None = None, evidence: str = "", default: str = "",
    ) -> None:  # fmt: skip
        """Record one of `core.metrics.METRICS`; ``default``: a band that suits this value better than its."""
        known = METRICS[metric]
        if default:
            known = replace(known, band=parse_band(default, known.unit, metric))
        self._send(
            Record(
                self.test, name or metric, self._with_band(known, band), case, value, level, basis, samples,
                self._bench.process, details or {}, evidence,
            )
        )  # fmt: skip

    def anything(
        self, name: str, value: float | Iterable[float], *, unit: str, better: str, band: str | None, scope: str,
        noisy: bool, case: str,
    ) -> None:  # fmt: skip
        """Record what `ModelBench.record` is given."""
        where = f"{self.test}: record({name!r})"
        if name in METRICS:
            raise UsageError(f"{where}: {name!r} is a metric of this package; choose another name")
        if not name.isidentifier():
            raise UsageError(f"{where}: a name is letters, digits and underscores")
        samples = _numbers(value, where)
        default = METRICS["latency"].band if noisy else Band()
        metric = Metric(name, unit, _choice(Better, better, where), _choice(Scope, scope, where), default, noisy)
        typical = statistics.median(samples)
        if noisy and not typical > 0:
            raise MeasureError(f"{where}: {typical} is not positive, as a noisy measurement has to be")
        self._send(
            Record(
                self.test, name, self._with_band(metric, band), case or name, typical,
                level=math.log(typical) if noisy else None, samples=samples, process=self._bench.process,
            )
        )  # fmt: skip

    def _send(self, record: Record) -> None:
        self._bench.record(record)

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
    values = tuple(value) if isinstance(value, Iterable) else (value,)
    if not values:
        raise MeasureError(f"{where}: no values")
    try:
        numbers = tuple(float(number) for number in values)
    except (TypeError, ValueError):
        raise UsageError(f"{where}: {value!r} is not a number") from None
    if not all(map(math.isfinite, numbers)):
        raise MeasureError(f"{where}: {value!r} is not finite")
    return numbers
