"""What checks are called where other tools know them by one name, and where their processes lie."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator

from pytest_modelbench.core.measurement import CheckKey, counted
from pytest_modelbench.core.printable import printable
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.report.footnotes import behind

_DIGEST = 12


def named_tests(session: Session) -> Iterator[tuple[str, Check]]:
    """Each check with its test's name; where two environments measured the same, with that of the environment."""
    shared = Counter[CheckKey](check.key for check in session.checks)
    for check in session.checks:
        yield check.key.test if shared[check.key] == 1 else f"{check.key.test} ({check.environment})", check


def at_most(text: str, most: int) -> str:
    """``text``, printable; what is too long ends in a digest of the whole, so that two names stay two."""
    text = printable(text)
    if len(text) <= most:
        return text
    return f"{text[: most - _DIGEST - 1]} {digest(text)}"


def digest(text: str) -> str:
    """A dozen letters and digits that stand for ``text``."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:_DIGEST]


def spread(check: Check) -> tuple[float, float] | None:
    """The lowest and the highest process of a noisy check; None of one that does not vary, or has one process."""
    values = [one.value for one in counted(behind(check))]
    return (min(values), max(values)) if check.metric.noisy and len(values) > 1 else None
