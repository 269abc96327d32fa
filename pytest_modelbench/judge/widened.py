"""Baselines that were accepted from a disturbed machine: how far off they may be, and the edges that allow for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import stdev

from pytest_modelbench.core.bands import Band
from pytest_modelbench.core.measurement import Measurement, disturbance
from pytest_modelbench.core.reasons import DisturbedBaseline
from pytest_modelbench.core.verdicts import BaselineView
from pytest_modelbench.judge.estimate import PAIR_FLOOR, Edges
from pytest_modelbench.judge.ruling import bounded_ratio
from pytest_modelbench.judge.student import t_quantile

#: Beyond, in log, a band would hold nothing that anybody would call held: it is the widest that `doctor` tries, 30 %.
MOST_ALLOWANCE = math.log(1.3)
#: One process in twenty of a session is farther from its mean than the allowance.
_BEYOND = 0.05


def allowance(log_ratios: Sequence[float]) -> float:
    """How far off, in log, the mean of a disturbed session may be; infinite where its processes do not tell.

    As far as nearly all of its single processes are: what disturbed them may have done so to all of them alike, so that
    their mean is no better than each of them, however many there are.
    """
    n = len(log_ratios)
    if n < 2:
        return math.inf
    return t_quantile(1 - _BEYOND, n - 1) * max(stdev(log_ratios), PAIR_FLOOR)


def edges_to_stored(band: Band, baseline: BaselineView, measurements: Sequence[Measurement]) -> Edges:
    """The edges of a change from what is stored: those of the band, both farther out if that was disturbed.

    Where the machine is disturbed tonight as well, that comes on top, by as much as it did then: by tonight's own
    spread, the noisier a session, the more would be called ok.
    """
    edges = Edges.of_band(band.ratio(baseline.value))
    if not baseline.disturbed:
        return edges
    more = allowance(baseline.anchor) * (math.sqrt(2) if disturbance(measurements) else 1.0)
    return Edges(edges.fail_above + more, edges.ignore_below + more)


def disturbed_baseline(band: Band, baseline: BaselineView, measurements: Sequence[Measurement]) -> DisturbedBaseline:
    """What is to be said of a baseline that was disturbed."""
    edges = edges_to_stored(band, baseline, measurements)
    return DisturbedBaseline(baseline.disturbed, stdev(baseline.anchor), bounded_ratio(edges.fail_above))
