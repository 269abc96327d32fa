"""What earlier sessions measured of code that did not change: the teachers of how far days differ.

A cache, one file for an environment: it may be deleted at any time, and nothing that is decided rests on it alone. It
is no baseline, so that nobody has to commit it: an entry's anchor does not move by it, and accepting takes over what it
knows of that entry.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_modelbench.core.environment import Environment
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.store.atomic import locked, make_folder, write_atomically
from pytest_modelbench.store.documents import DocumentKind, read_document
from pytest_modelbench.store.schema import Checked, Facts, Name, Origin, Processes

NIGHTS = DocumentKind(
    "pytest-modelbench nights", 1, "It is a cache that later sessions fill again: delete it with `rm {file}`"
)
#: Sessions of a check that are kept: a spread is known to 10 % from 50 of them, and machines change.
MOST_NIGHTS = 50


class Seen(Checked):
    """What a session measured of one check.

    ``accepted``: the accepted session of whose very code that was, if any. ``away``: it was surely away from that, as
    the machine had moved, and is no measure of how far days differ.
    """

    processes: Processes
    accepted: str = ""
    away: bool = False


class Night(Checked):
    """One session: which code it ran on what, and what it measured, by test and check."""

    session: Name
    origin: Origin
    checks: dict[str, dict[str, Seen]]


class _File(Checked):
    environment: Facts
    nights: list[Night]


LogRatios = tuple[float, ...]


class Nights:
    """The nights of one environment, oldest first.

    Sessions of one date are one day, however many there are: they do not show how far days differ.
    """

    def __init__(self, nights: Iterable[Night] = ()) -> None:
        self.nights = tuple(nights)
        self._by_check: dict[CheckKey, list[tuple[Night, Seen]]] = {}
        for night in self.nights:
            for test, checks in night.checks.items():
                for name, seen in checks.items():
                    self._by_check.setdefault(CheckKey(test, name), []).append((night, seen))
        self._codes = {night.session: night.origin.model_dump_json() for night in self.nights}

    def of_baseline(self, key: CheckKey, accepted: str) -> dict[str, tuple[Origin, Processes]]:
        """Sessions of the very code of the baseline that the session ``accepted`` left of ``key``, by their names.

        The last one of each date.
        """
        days = {
            _date(night): (night, seen)
            for night, seen in self._by_check.get(key, ())
            if seen.accepted == accepted and not seen.away
        }
        return {night.session: (night.origin, seen.processes) for night, seen in days.values()}

    def away_in_a_row(self, key: CheckKey, accepted: str) -> int:
        """How many of the last sessions of that very code were surely away from it, one after the other."""
        known = [seen.away for _, seen in self._by_check.get(key, ()) if seen.accepted == accepted]
        return len(list(takewhile(bool, reversed(known))))

    def of_other_code(self, key: CheckKey, accepted: str) -> list[list[LogRatios]]:
        """Log ratios of all others of ``key``, date by date, those of one code together."""
        groups: dict[str, dict[str, LogRatios]] = {}
        for night, seen in self._by_check.get(key, ()):
            if not seen.away and (not seen.accepted or seen.accepted != accepted):
                days = groups.setdefault(seen.accepted or self._codes[night.session], {})
                days[_date(night)] = days.get(_date(night), ()) + tuple(seen.processes.log_ratios)
        return [list(days.values()) for days in groups.values()]


def _date(night: Night) -> str:
    """The date that a session's name begins with."""
    return night.session.partition("T")[0]


class NightsFile:
    """The nights of ``environment``, in a file of ``folder``."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self.path = folder / f"{environment.slug}.json"
        self._environment = environment

    def read(self) -> Nights:
        """What is there; nothing where there is no file. Raises BaselineError for one that cannot be used."""
        if not self.path.exists():
            return Nights()
        _, content = read_document(self.path, NIGHTS)
        try:
            file = _File.model_validate({key: content[key] for key in content if key not in {"format", "schema"}})
        except ValidationError as error:
            raise NIGHTS.invalid(self.path, error) from None
        # Also one that lacks a fact: nobody knows where it is from.
        if dict(file.environment) != dict(self._environment.identity):
            raise NIGHTS.fault(self.path, "is of another machine")
        return Nights(tuple(sorted(file.nights, key=lambda night: night.session)))

    def add(self, night: Night) -> None:
        """Keep ``night`` beside what is there, and as many before it as there is room for.

        What cannot be used makes room. Raises BaselineError or OSError if nothing can be written.
        """
        make_folder(self.path.parent)
        with locked(self.path.parent):
            known: Sequence[Night] = ()
            with suppress(BaselineError):
                known = self.read().nights
            nights = [*(one for one in known if one.session != night.session), night]
            write_atomically(self.path, _rendered(self._environment.identity, _last_of_each_check(nights)))


def _last_of_each_check(nights: Sequence[Night]) -> list[Night]:
    """``nights`` without what newer ones have of the same check often enough."""
    counts: Counter[CheckKey] = Counter()
    kept = []
    for night in reversed(nights):
        checks: dict[str, dict[str, Seen]] = {}
        for test, seen in night.checks.items():
            counts.update(CheckKey(test, name) for name in seen)
            left = {name: one for name, one in seen.items() if counts[CheckKey(test, name)] <= MOST_NIGHTS}
            if left:
                checks[test] = left
        if checks:
            kept.append(night.model_copy(update={"checks": checks}))
    return kept[::-1]


def _rendered(identity: Mapping[str, Any], nights: Sequence[Night]) -> str:
    frame = {"format": NIGHTS.format, "schema": NIGHTS.schema, "environment": dict(identity)}
    lines = ",\n".join(json.dumps(night.model_dump(exclude_defaults=True)) for night in nights)
    return f'{json.dumps(frame)[:-1]}, "nights": [\n{lines}\n]}}\n'
