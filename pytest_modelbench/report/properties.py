"""Checks as the properties of a test, for JUnit's file and whoever else writes down how tests ended."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.session import Check

#: What the names of all of them begin with.
PREFIX = "modelbench."


def properties(checks: Sequence[Check]) -> list[tuple[str, str]]:
    """Names and values for the ``checks`` of one test: ``modelbench.latency.value``, its unit, verdict, ...

    What is not known is left out. A check that was made in two environments has the environment in its names.
    """
    shared = Counter(check.key.name for check in checks)
    return [
        (f"{PREFIX}{_name(check, shared)}.{what}", printable(value))
        for check in checks
        for what, value in _of_one(check)
    ]


def _name(check: Check, shared: Counter[str]) -> str:
    name = check.key.name if shared[check.key.name] == 1 else f"{check.key.name}.{check.environment}"
    # Readers split lists of properties at all kinds of signs, and XML cannot hold every character.
    return re.sub(r"[^\w.-]+", "_", name)


def _of_one(check: Check) -> Iterator[tuple[str, str]]:
    judgement = check.judgement
    yield "value", _told(judgement.value)
    yield "unit", check.metric.unit
    yield "verdict", judgement.verdict.value
    for what, number in (
        ("baseline", judgement.baseline),
        ("ratio", judgement.ratio),
        ("low_ratio", judgement.low_ratio),
        ("high_ratio", judgement.high_ratio),
    ):
        if number is not None:
            yield what, _told(number)
    yield "band", check.metric.band.text
    yield "environment", check.environment


def _told(number: float) -> str:
    """All digits of ``number``, and no others: whether a count was kept as a float says nothing."""
    return str(int(number)) if float(number).is_integer() else repr(float(number))
