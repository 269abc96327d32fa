"""The history of a project: a location to which each session adds a file, and in which none is ever changed.

Many machines write at once without a lock, copies merge by putting their files together, and the same session kept
twice is one. What cannot be read is named and left out.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from pathlib import Path

from pydantic import ValidationError

from pytest_modelbench.core.errors import BaselineError, UnreadableError
from pytest_modelbench.core.series import Night, Series
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store import night_files
from pytest_modelbench.store.documents import first_flaw, shown
from pytest_modelbench.store.locations.folder import Folder
from pytest_modelbench.store.locations.location import Location
from pytest_modelbench.store.night_files import (
    FOLDED_SUFFIX,
    SUFFIX,
    Found,
    file_of,
    hash_of,
    measured,
    nights_of,
    read_file,
)

_VERDICTS = {one.value: one for one in Verdict}
_BY_TIME = attrgetter("started", "session")


@dataclass(frozen=True, slots=True)
class History:
    """What a location holds: series by check, and why each file that cannot be used cannot."""

    series: tuple[Series, ...]
    damaged: tuple[str, ...] = ()
    sessions: int = 0  #: that are kept there, each in one environment
    unread: tuple[str, ...] = ()  #: of the damaged ones, those that nobody could look at


def keep(where: Location | Path, session: Session) -> list[str]:
    """Add ``session`` to the history in ``where``, a file for each environment; names of the files that hold it now.

    Raises a ModelbenchError or OSError where that cannot be written.
    """
    try:
        files = dict(file_of(night) for night in nights_of(session, map(measured, session.checks)))
    except ValidationError as error:
        place, what = first_flaw(error)
        raise BaselineError(f"the session cannot be kept: {' > '.join(map(str, place))}: {what}") from None
    if files:
        _location(where).add(files)
    return list(files)


def keepable(session: Session) -> tuple[Session, tuple[str, ...]]:
    """``session`` without the checks that no file can hold, and why each of those cannot be held."""
    with contextlib.suppress(ValidationError):
        nights_of(session, map(measured, session.checks))
        return session, ()
    flaws = [(one, _flaw(session, one)) for one in session.checks]
    left = tuple(f"{shown(one.key.test)} {shown(one.key.name)}: {flaw}" for one, flaw in flaws if flaw)
    return replace(session, checks=tuple(one for one, flaw in flaws if not flaw)), left


def _flaw(session: Session, check: Check) -> str:
    """Why no file can hold ``check``; empty where one can."""
    try:
        nights_of(session, [measured(check)])
    except ValidationError as error:
        return first_flaw(error)[1]
    return ""


def read_history(where: Location | Path, own: Session | None = None) -> History:
    """What is kept in ``where``, which may hold files of others; BaselineError if there is no such place.

    With ``own``, a session that just ended, as it was then: with that session, also where it could not be kept, and
    without later ones. Those of more than a day later are named: a clock is wrong.
    """
    owned = _found_of(own) if own else []
    told = {one.key: one.hash for one in owned}  #: the hash of what each session says
    damaged, unread, gathered, kept = list[str](), list[str](), _Gathered(), set[tuple[str, str]]()
    with _uncollected():
        for one in owned:
            gathered.add(one.night)
        for _, place, found in read_nights(_location(where)):
            if isinstance(found, BaselineError):
                damaged.append(str(found))
                if isinstance(found, UnreadableError):
                    unread.append(str(found))
                continue
            kept.add(found.key)
            if own and found.night.started > own.stamp.started:
                if found.night.started > _a_day_after(own.stamp.started):
                    damaged.append(f"{place}: is of {found.night.started[:30]}, which is to come: a clock is wrong")
            elif found.key not in told:
                told[found.key] = found.hash
                gathered.add(found.night)
            elif told[found.key] != found.hash:  # and not the same in another copy of the folder
                damaged.append(str(contradicting(place, found)))
        series = tuple(gathered.series())
    return History(series, tuple(damaged), len(kept), tuple(unread))


def _found_of(session: Session) -> list[Found]:
    found = []
    for night in nights_of(session, map(measured, session.checks)):
        _, line = file_of(night)
        found.append(Found(night, line, hash_of(line)))
    return found


def _a_day_after(started: str) -> str:
    moment = datetime.fromisoformat(started.replace("Z", "+00:00")) + timedelta(days=1)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_nights(location: Location) -> Iterator[tuple[str, str, Found | BaselineError]]:
    """Each night of ``location``, or why it cannot be used: the file's name, how that is told, and the night.

    Folded ones come first.
    """
    way_out = "It is left out of the history; nothing else needs it"
    way_out += f": {location.removal}" if location.removal else ""
    names, seen = location.names(), set[str]()
    while names:
        seen.update(names)
        failed: dict[str, tuple[str, BaselineError]] = {}
        for suffix in (FOLDED_SUFFIX, SUFFIX):
            for name, data in location.read([name for name in names if name.endswith(suffix)]):
                place = location.told(name)
                if isinstance(data, BaselineError):
                    failed[name] = place, data
                else:
                    yield from ((name, place, found) for found in read_file(place, name, data, way_out))
        if not failed:
            return
        there = set(location.names())  # what went was folded meanwhile, mostly: into a file that is new
        yield from ((name, *why) for name, why in failed.items() if name in there)
        names = sorted(there - seen)


def contradicting(place: str, found: Found) -> BaselineError:
    """The error for a night that another one contradicts."""
    return BaselineError(
        f"{place}: another file tells otherwise of the session {found.night.session}; remove one of them"
    )


def _location(where: Location | Path) -> Location:
    return Folder(where) if isinstance(where, Path) else where


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's collector of cycles: it would look at hundreds of thousands of points, over and over."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Gathered:
    """Points of nights by check and unit, as they are read: a night itself is forgotten."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str, str], _Points] = {}

    def add(self, night: night_files.Night) -> None:
        """Add a night; one beside other code is in no series."""
        if night.against:
            return
        facts, started = {**night.identity, **night.provenance}, night.started
        about = night.session, started, night.commit
        for (test, name), row in zip(night.checks, night.rows(), strict=True):
            folder, case, unit, better, value, verdict, processes, *ratios, accepted = row
            key = folder, test, name, unit
            points = self._found.get(key)
            if points is None:
                points = self._found[key] = _Points()
            if started >= points.newest:
                points.newest, points.case, points.better = started, case, better
            log_ratio, spread, ratio, low, high, allowed = ratios
            one = Night(
                *about, value, _VERDICTS[verdict], log_ratio, spread, processes, ratio, low, high, allowed,
                sys.intern(accepted), facts, night.environment, bool(night.imported),
            )  # fmt: skip
            points.nights.append(one)

    def series(self) -> Iterator[Series]:
        """Of each check, by the folder that it is compared in."""
        by_check: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
        for (folder, test, name, unit), points in self._found.items():
            by_check.setdefault((folder, test, name), []).append((points.newest, unit))
        for (folder, test, name), units in sorted(by_check.items()):
            # Figures in another unit are of another thing.
            _, unit = max(units)
            points = self._found[folder, test, name, unit]
            points.nights.sort(key=_BY_TIME)
            yield Series(folder, test, name, points.case, unit, points.better, tuple(points.nights))


@dataclass(slots=True)
class _Points:
    """What was measured of a check in one unit; what it is of is told by its newest night."""

    newest: str = ""
    case: str = ""
    better: str = ""
    nights: list[Night] = field(default_factory=list)
