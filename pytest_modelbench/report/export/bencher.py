"""A session in the Bencher Metric Format: https://bencher.dev/docs/reference/bencher-metric-format"""

from __future__ import annotations

import json

from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.report.export.names import at_most, named_tests, spread

_MOST_OF_A_BENCHMARK, _MOST_OF_A_MEASURE = 1024, 64
#: Bencher's own measure ``latency`` is in nanoseconds; whatever else it is told has the unit that one gives it there.
_NS_OF_A_SECOND = 1e9


def render(session: Session) -> str:
    """A benchmark for each test, a measure for each of its checks, with the lowest and the highest process."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for test, check in named_tests(session):
        measures = found.setdefault(at_most(test, _MOST_OF_A_BENCHMARK), {})
        measures[at_most(check.key.name, _MOST_OF_A_MEASURE)] = _metric(check)
    return json.dumps(found, indent=1, allow_nan=False) + "\n"


def _metric(check: Check) -> dict[str, float]:
    scale = _NS_OF_A_SECOND if check.key.name == "latency" and check.metric.unit == "s" else 1
    found = {"value": check.judgement.value * scale}
    if ends := spread(check):
        found |= {"lower_value": ends[0] * scale, "upper_value": ends[1] * scale}
    return found
