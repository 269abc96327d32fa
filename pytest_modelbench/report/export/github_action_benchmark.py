"""A session for github-action-benchmark, which takes a file for what should be small and another for the rest."""

from __future__ import annotations

import json

from pytest_modelbench.core.metrics import Better
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.report.export.names import at_most, named_tests, spread

_MOST_OF_A_NAME = 1024


def render(session: Session, *, bigger: bool = False) -> str:
    """The entries of ``customSmallerIsBetter``, or of ``customBiggerIsBetter``: of the checks that are `of_direction`.

    Values are in seconds, bytes, counts and fractions.
    """
    entries = [_entry(test, check) for test, check in named_tests(session) if of_direction(check, bigger=bigger)]
    return json.dumps(entries, indent=1, allow_nan=False) + "\n"


def of_direction(check: Check, *, bigger: bool) -> bool:
    """Whether ``check`` belongs where bigger is better; what should stay as it is goes where smaller is."""
    return (check.metric.better is Better.HIGHER) is bigger


def _entry(test: str, check: Check) -> dict[str, str | float]:
    judgement = check.judgement
    entry: dict[str, str | float] = {
        "name": at_most(f"{test} {check.key.name}", _MOST_OF_A_NAME),
        "unit": check.metric.unit,
        "value": judgement.value,
        "extra": f"{judgement.verdict.value}, band {check.metric.band.text}\n{check.case.id}\n{check.environment}",
    }
    if ends := spread(check):
        entry["range"] = f"± {(ends[1] - ends[0]) / 2:.3g}"
    return entry
