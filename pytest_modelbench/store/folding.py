"""Old nights of a history, folded into one file: nothing is lost, and at no moment is any of them nowhere."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.store.history import contradicting, read_nights
from pytest_modelbench.store.locations.location import Location
from pytest_modelbench.store.night_files import FOLDED_SUFFIX, Folding, Found, read_file


@dataclass(frozen=True, slots=True)
class Folded:
    """What came of folding: the new file, if any, what is in it, how many files went, and what stays unread."""

    name: str = ""
    nights: int = 0
    removed: int = 0
    size_before: int = 0  #: of the nights' own files
    size: int = 0
    left: tuple[str, ...] = ()  #: what cannot be used, and stays where it is


def fold(location: Location, before: str) -> Folded:
    """Fold the nights that started ``before`` that time, as ISO 8601 in UTC, into one file of ``location``.

    Their files go once the new one was read back. A night that a folded file has already goes without a new one. Raises
    BaselineError where the new one does not hold what it should: nothing is removed then.
    """
    hashes: dict[tuple[str, str], str] = {}  #: of each night that is, or will be, in a folded file
    folding, new_hashes, size = Folding(), list[str](), 0
    goes, left = [], []
    for name, place, found in read_nights(location):
        if isinstance(found, BaselineError):
            left.append(str(found))
        elif name.endswith(FOLDED_SUFFIX):
            hashes.setdefault(found.key, found.hash)
        elif found.night.started < before:
            if found.key not in hashes:
                folding.add(found)
                new_hashes.append(found.hash)
                size += len(found.line)
                hashes[found.key] = found.hash
            if hashes[found.key] == found.hash:
                goes.append(name)
            else:
                left.append(str(contradicting(place, found)))
    new, data = folding.file() if new_hashes else ("", b"")
    if new:
        location.add({new: data})
        _check(location, new, new_hashes)
    if goes:
        location.remove(goes)
    return Folded(new, len(new_hashes), len(goes), size, len(data), tuple(left))


def _check(location: Location, name: str, hashes: list[str]) -> None:
    """Raise BaselineError unless the file ``name`` holds exactly the nights with these ``hashes``."""
    ((_, data),) = location.read([name])
    if isinstance(data, BaselineError):
        raise data
    found = [one.hash if isinstance(one, Found) else str(one) for one in read_file(location.told(name), name, data, "")]
    if found != hashes:
        raise BaselineError(
            f"{location.told(name)}: does not hold what was written to it, so that no night was removed; remove this "
            "file, and do the same again where there is room"
        )
