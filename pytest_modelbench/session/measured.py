"""Baselines that are not stored but measured: by the base of each pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.measurement import CheckKey, Measurement, log_ratios
from pytest_modelbench.core.verdicts import BaselineView
from pytest_modelbench.workers.runs import PairRun


class MeasuredBaselines:
    """What the base measured in all pairs so far; ``pairs_of(test)`` are those of a test."""

    def __init__(self, pairs_of: Callable[[str], Sequence[PairRun]]) -> None:
        self._pairs_of = pairs_of

    def load(self, folder: str) -> None:
        """There is nothing to read."""

    def holds_any(self, folder: str) -> bool:
        """Whether there is anything: the base has measured something."""
        return True

    def find(self, folder: str, key: CheckKey) -> BaselineView | None:
        """What the base measured; None if it did not."""
        sides = [pair.base for pair in self._pairs_of(key.test) if pair.base]
        found = [one for side in sides for one in side.measurements if one.key == key]
        return view_of(found, sides[-1].environment) if found else None

    def keys(self, folder: str) -> list[CheckKey]:
        """What has to be there, which is nothing: an absent test of other code is not missed."""
        return []


def view_of(measurements: Sequence[Measurement], environment: Environment | None) -> BaselineView:
    """What was measured, as what is compared with: of times all processes, of exact values the last one."""
    last = measurements[-1]
    values = sorted(one.value for one in measurements)
    return BaselineView(
        case=last.case.id,
        unit=last.metric.unit,
        better=last.metric.better,
        value=values[len(values) // 2] if last.metric.noisy else last.value,
        comparability=last.comparability,
        anchor=tuple(log_ratios(measurements)),
        identity=environment.identity if environment else None,
        provenance=environment.provenance if environment else None,
        observations=last.observations,
        breakdown=last.breakdown,
        trail=last.trail,
    )
