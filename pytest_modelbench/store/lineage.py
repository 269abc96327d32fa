"""Which of several entries of one check holds: a merge of two branches keeps the lines of both. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from pytest_modelbench.store.schema import Entry, Processes

#: The spread between days is known to sqrt(1/38), about 16 %, from 20 sessions; more would only make lines longer.
MOST_SESSIONS = 20
#: Sessions that an entry remembers to have replaced: as often can a branch accept one check before it is merged.
MOST_REPLACED = 20
#: What a value is, besides where it is from.
_MEANING = ("case", "value", "unit", "better", "data", "recipe", "reference", "observations")


def heads(entries: Sequence[Entry]) -> list[Entry]:
    """Those of ``entries``, all of one check, that no other one replaces, in their order: one, unless they contradict.

    Of two of one accepted session the sessions are joined, and a deterministic value that two sessions accepted alike
    is one. Entries that replace each other in a circle are all left: none of them is the stale one.
    """
    if len(entries) < 2:
        return list(entries)
    one_each: list[Entry] = []
    for entry in entries:
        _add(one_each, entry)
    replaced = {name for entry in one_each for name in entry.replaces if name != entry.accepted}
    left = [entry for entry in one_each if entry.accepted not in replaced] or one_each
    newest, *others = sorted(left, key=lambda one: one.accepted, reverse=True)
    if newest.noisy or any(meaning(one) != meaning(newest) for one in others):
        return left
    for other in others:
        newest = replacing(newest, other)
    return [newest]


def replacing(entry: Entry, former: Entry) -> Entry:
    """``entry`` in the place of ``former``, whose session it remembers to have replaced, and those before it."""
    names = {former.accepted, *former.replaces, *entry.replaces} - {entry.accepted}
    return entry.model_copy(update={"replaces": tuple(sorted(names, reverse=True)[:MOST_REPLACED])})


def joined(entry: Entry, sessions: Mapping[str, Processes]) -> Entry:
    """``entry`` with further ``sessions`` of its check: the accepted one and the newest others are kept."""
    every = {**sessions, **(entry.sessions or {})}
    newest = sorted((name for name in every if name != entry.accepted), reverse=True)[: MOST_SESSIONS - 1]
    return entry.model_copy(update={"sessions": {name: every[name] for name in (entry.accepted, *newest)}})


def meaning(entry: Entry) -> tuple[object, ...]:
    """What ``entry`` says, whoever accepted it."""
    return tuple(getattr(entry, name) for name in _MEANING)


def differing(entries: Sequence[Entry]) -> list[str]:
    """The fields, besides the value, in which ``entries`` do not say the same."""
    return [name for name in _MEANING if name != "value" and len({str(getattr(entry, name)) for entry in entries}) > 1]


def _add(entries: list[Entry], entry: Entry) -> None:
    """Add ``entry``, or what it knows besides to the one of the same session that says the same."""
    for place, other in enumerate(entries):
        if _same_anchor(other, entry):
            names = sorted({*chain(other.replaces, entry.replaces)}, reverse=True)
            both = other.model_copy(update={"replaces": tuple(names[:MOST_REPLACED])})
            entries[place] = joined(both, entry.sessions) if entry.sessions else both
            return
    entries.append(entry)


def _same_anchor(one: Entry, other: Entry) -> bool:
    if one.accepted != other.accepted or meaning(one) != meaning(other) or one.noisy != other.noisy:
        return False
    return not (one.sessions and other.sessions) or one.sessions[one.accepted] == other.sessions[other.accepted]
