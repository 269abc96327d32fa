"""Two versions of one baseline file as one, check by check. Pure: values in, values out."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pytest_modelbench.core.environment import differences, named
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.store.lineage import heads, replacing
from pytest_modelbench.store.records import Records
from pytest_modelbench.store.schema import BaselineFile, Entry


class Choice(Enum):
    """What becomes of entries that contradict."""

    OURS = "ours"
    THEIRS = "theirs"
    MEASURE = "measure"  #: neither: they go, and are measured again


@dataclass(frozen=True, slots=True)
class OfSession:
    """What this session accepted, whoever's it is."""

    session: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Entries of one check, by side, that each stand for themselves; none: the side removed what the other changed.

    ``unknown`` are those of which it is not known whose they are: then neither side has any.
    """

    key: CheckKey
    ours: tuple[Entry, ...] = ()
    theirs: tuple[Entry, ...] = ()
    unknown: tuple[Entry, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of them."""
        return (*self.ours, *self.theirs, *self.unknown)

    def chosen(self, choice: Choice | OfSession) -> tuple[Entry, ...] | None:
        """What ``choice`` leaves, one entry or none; None if that does not decide it."""
        if choice is Choice.MEASURE:
            return ()
        if isinstance(choice, OfSession):
            of_session = tuple(entry for entry in self.entries if entry.accepted == choice.session)
            return of_session if len(of_session) == 1 else None
        side = self.ours if choice is Choice.OURS else self.theirs
        return None if self.unknown or len(side) > 1 else side


@dataclass(frozen=True, slots=True)
class Merged:
    """What both sides come to, less what contradicts."""

    file: BaselineFile
    contradictions: tuple[Contradiction, ...]

    def settled(self, choice: Choice | OfSession) -> Merged:
        """The same once ``choice`` is made; what it does not decide is left."""
        left = []
        entries = {test: dict(found) for test, found in self.file.entries.items()}
        for one in self.contradictions:
            chosen = one.chosen(choice)
            if chosen is None:
                left.append(one)
            elif chosen:
                entries.setdefault(one.key.test, {})[one.key.name] = _over(chosen[0], one.entries)
        return Merged(BaselineFile(self.file.environment, self.file.sessions, entries), tuple(left))


def merge(path: Path, ours: Records, theirs: Records, base: Records | None = None) -> Merged:
    """What ``ours`` and ``theirs`` come to, of the file at ``path``.

    With their common ``base``, what one side did not change is as the other has it, removed entries too; without, what
    either side has is kept. BaselineError if they are about different environments.
    """
    environment = ours.environment if ours.environment is not None else theirs.environment
    if environment and theirs.environment and (moved := differences(environment, theirs.environment)):
        raise BaselineError(
            f"{path}: its sides hold baselines of two environments: {named(moved)}. Keep one with `git checkout --ours "
            f"-- {shlex.quote(str(path))}` or --theirs, and the other one in another folder of baselines"
        )
    file, contradictions = BaselineFile(environment, {**theirs.sessions, **ours.sessions}), []
    for key in sorted(ours.entries.keys() | theirs.entries.keys()):
        mine, other = (heads(side.entries.get(key, [])) for side in (ours, theirs))
        if base is not None:
            before = heads(base.entries.get(key, []))
            mine, other = (other, other) if mine == before else (mine, mine) if other == before else (mine, other)
        left = heads(_once([*mine, *other]))
        if len(left) > 1 or (base is not None and bool(mine) != bool(other)):
            of_ours = tuple(one for one in left if _is_of(one, mine, other))
            of_theirs = tuple(one for one in left if one not in of_ours)
            # Where both hold the same two, git kept the lines of both, in whatever order.
            sides = Contradiction(key, of_ours, of_theirs) if mine != other else Contradiction(key, unknown=tuple(left))
            contradictions.append(sides)
        elif left:
            file.entries.setdefault(key.test, {})[key.name] = left[0]
    return Merged(file, tuple(contradictions))


def sided(merged: Merged, ours: Records, theirs: Records) -> Merged:
    """``merged`` with the sides of what contradicts, as far as ``ours`` and ``theirs`` hold one of it each."""
    told = []
    for one in merged.contradictions:
        mine, other = ({entry.accepted for entry in heads(side.entries.get(one.key, []))} for side in (ours, theirs))
        of_ours = tuple(entry for entry in one.unknown if entry.accepted in mine - other)
        of_theirs = tuple(entry for entry in one.unknown if entry.accepted in other - mine)
        known = of_ours and of_theirs and len(of_ours) + len(of_theirs) == len(one.unknown)
        told.append(Contradiction(one.key, of_ours, of_theirs) if known else one)
    return Merged(merged.file, tuple(told))


def by_hand(path: Path, merged: Merged, now: Sequence[Records], known: Sequence[Records]) -> Merged:
    """``merged`` with what somebody settled already: both sides that are still marked, ``now``, hold but one of two.

    BaselineError for what is in none of the ``known`` versions: to write the file anew would lose it.
    """
    for key in {key for side in now for key in side.entries}:
        versions = [entry for version in known for entry in version.entries.get(key, [])]
        if any(entry not in versions for side in now for entry in side.entries.get(key, [])):
            raise BaselineError(
                f"{path}: holds a line of {key} that is in neither side. Settle the rest by hand, or bring the whole "
                f"conflict back with `git checkout --merge -- {shlex.quote(str(path))}`"
            )
    entries = {test: dict(found) for test, found in merged.file.entries.items()}
    left = []
    for one in merged.contradictions:
        chosen = [heads(side.entries.get(one.key, [])) for side in now]
        if len(chosen[0]) == 1 and all(other == chosen[0] for other in chosen):
            entries.setdefault(one.key.test, {})[one.key.name] = _over(chosen[0][0], one.entries)
        else:
            left.append(one)
    return Merged(BaselineFile(merged.file.environment, merged.file.sessions, entries), tuple(left))


def _is_of(entry: Entry, side: Sequence[Entry], other: Sequence[Entry]) -> bool:
    """Whether ``entry`` is of ``side``; sessions of another day may have joined it since."""
    return entry in side or (entry not in other and any(one.accepted == entry.accepted for one in side))


def _once(entries: Iterable[Entry]) -> list[Entry]:
    found: list[Entry] = []
    for entry in entries:
        if entry not in found:
            found.append(entry)
    return found


def _over(entry: Entry, others: Sequence[Entry]) -> Entry:
    """``entry``, chosen among ``others``, in their place: a later merge with one of them finds it the stale one."""
    for other in others:
        if other.accepted != entry.accepted:
            entry = replacing(entry, other)
    return entry
