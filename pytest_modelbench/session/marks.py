"""What ``@pytest.mark.modelbench(...)`` says of tests: checked at collection, so that nothing is measured in vain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_modelbench.core.bands import parse_band
from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.core.settings import check_bands
from pytest_modelbench.core.units import parse_duration_s

MARK = "modelbench"
ARGUMENTS = ("suite", "band", "timeout")


@dataclass(frozen=True, slots=True)
class Mark:
    """The marker's arguments on one test; the one nearest to the test wins, suites add up."""

    suites: frozenset[str] = frozenset()
    band: str | Mapping[str, str] | None = None
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """Marks by node id."""

    by_test: Mapping[str, Mark]

    def timeout_s(self, test: str | None, default_s: float) -> float:
        """How long ``test`` may take in one process; None: anything between tests."""
        own_s = self.by_test[test].timeout_s if test is not None and test in self.by_test else None
        return own_s if own_s is not None else default_s


def is_benchmark(item: pytest.Item) -> bool:
    """Whether ``item`` is a benchmark test: marked as one, or recording measurements."""
    return item.get_closest_marker(MARK) is not None or MARK in getattr(item, "fixturenames", ())


def read_mark(item: pytest.Item) -> Mark:
    """The checked arguments of all markers of ``item``; raises UsageError naming it."""
    suites: set[str] = set()
    band: Any = None
    timeout_s: float | None = None
    for mark in reversed(list(item.iter_markers(MARK))):  # farthest first
        where = f"{item.nodeid}: @pytest.mark.{MARK}"
        if mark.args:
            raise UsageError(f"{where} takes named arguments only: {', '.join(ARGUMENTS)}")
        for name in mark.kwargs:
            if name not in ARGUMENTS:
                raise UsageError(
                    f"{where} has no argument {name!r}.{did_you_mean(name, ARGUMENTS)} "
                    f"Known are: {', '.join(ARGUMENTS)}"
                )
        if "suite" in mark.kwargs:
            suites |= _suites(mark.kwargs["suite"], where)
        if "band" in mark.kwargs:
            band = _checked_band(mark.kwargs["band"], where)
        if "timeout" in mark.kwargs:
            value = mark.kwargs["timeout"]
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                raise UsageError(f"{where}: timeout={value!r} is not a duration; write for example 90s or 10m")
            timeout_s = parse_duration_s(value, f"{where}: timeout")
    return Mark(frozenset(suites), band, timeout_s)


def select(
    items: Sequence[pytest.Item], wanted: Sequence[str], deselected: Sequence[pytest.Item] = ()
) -> tuple[list[pytest.Item], Marks]:
    """Tests of the wanted suites, and their marks; ``deselected`` only tell which suites exist.

    Tests that name no suite belong to every one. Nothing wanted means ``quick``, if a test names it, else all; ``all``
    means all. Raises UsageError for a suite that no test names.
    """
    marks = {item.nodeid: read_mark(item) for item in items}
    known = {suite for mark in [*marks.values(), *map(read_mark, deselected)] for suite in mark.suites}
    wanted = tuple(wanted) or (("quick",) if "quick" in known else ("all",))
    for suite in wanted:
        if suite != "all" and suite not in known:
            listed = ", ".join(sorted(known)) or "none: no collected test names one"
            raise UsageError(
                f"--modelbench-suite: no test is in suite {suite!r}.{did_you_mean(suite, known)} Known are: {listed}"
            )
    everything = "all" in wanted
    chosen = []
    for item in items:
        suites = marks[item.nodeid].suites
        if everything or not suites or suites & set(wanted):
            chosen.append(item)
    return chosen, Marks({item.nodeid: marks[item.nodeid] for item in chosen})


def _suites(value: object, where: str) -> set[str]:
    names: Iterable[object] = (
        [value] if isinstance(value, str) else value if isinstance(value, (list, tuple, set)) else ()
    )
    texts = {name for name in names if isinstance(name, str) and name}
    if not texts or len(texts) != len(list(names)):
        raise UsageError(f"{where}: suite={value!r} is not a name or a list of names")
    return texts


def _checked_band(value: object, where: str) -> str | Mapping[str, str]:
    if isinstance(value, Mapping):
        return check_bands(value, f"{where}: band")
    parse_band(value, "s", f"{where}: band")
    assert isinstance(value, str)
    return value
