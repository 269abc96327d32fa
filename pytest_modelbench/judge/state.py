"""Where a check is on its way to a verdict, what moves it on, and what is to be measured next.

::

    open ──> stored comparison ──> paired ──> after pairing ──> settled
      │              │                │              │             ▲
      └──────────────┴────────────────┴──────────────┴─────────────┘

Everything that moves a check stands in `TRANSITIONS`; nothing else does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Where a check is."""

    OPEN = "open"  #: nothing of it has been judged
    STORED = "stored comparison"  #: rounds are held against what is stored, look by look
    PAIRED = "paired"  #: pairs beside the code that it is compared with decide
    AFTER = "after pairing"  #: pairs told what they could; further rounds decide
    SETTLED = "settled"  #: measuring more would not change the verdict


class Event(Enum):
    """What a judgement, or the lack of one, means for a check."""

    UNDECIDED = "undecided"  #: nothing is sure yet, and more of the same may tell
    ESCALATED = "escalated"  #: what is stored does not clear it, and its own code can be measured beside this one
    AWAY = "away"  #: pairs cleared the code, and it stands out all the same
    UNPAIRED = "unpaired"  #: pairs told nothing, or could not be had
    DECIDED = "decided"
    CONTRADICTED = "contradicted"  #: an exact value differs in a later process: its verdict gets worse, never better
    GIVEN_UP = "given up"  #: no more will be measured


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.OPEN, Event.UNDECIDED): State.STORED,
    (State.OPEN, Event.ESCALATED): State.PAIRED,
    (State.OPEN, Event.DECIDED): State.SETTLED,
    (State.OPEN, Event.GIVEN_UP): State.SETTLED,
    (State.STORED, Event.UNDECIDED): State.STORED,
    (State.STORED, Event.ESCALATED): State.PAIRED,
    (State.STORED, Event.DECIDED): State.SETTLED,
    (State.STORED, Event.GIVEN_UP): State.SETTLED,
    (State.PAIRED, Event.UNDECIDED): State.PAIRED,
    (State.PAIRED, Event.AWAY): State.AFTER,
    (State.PAIRED, Event.UNPAIRED): State.AFTER,
    (State.PAIRED, Event.DECIDED): State.SETTLED,
    (State.PAIRED, Event.GIVEN_UP): State.SETTLED,
    (State.AFTER, Event.UNDECIDED): State.AFTER,
    (State.AFTER, Event.AWAY): State.AFTER,
    (State.AFTER, Event.DECIDED): State.SETTLED,
    (State.AFTER, Event.GIVEN_UP): State.SETTLED,
    (State.SETTLED, Event.CONTRADICTED): State.SETTLED,
}


def advance(state: State, event: Event) -> State:
    """The state after ``event``; ValueError for one that cannot happen there: a verdict is never taken back."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ValueError(f"a check that is {state.value} cannot be {event.value}") from None


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing more has to be measured."""


@dataclass(frozen=True, slots=True)
class Round:
    """Another fresh process has to measure it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Another pair of processes has to measure it beside ``commit``; empty: beside what the session was told."""

    commit: str = ""


Next = Nothing | Round | Pair


def following(state: State, commit: str = "") -> Next:
    """What has to be measured next of a check whose baseline was recorded from ``commit``."""
    if state is State.SETTLED:
        return Nothing()
    return Pair(commit) if state is State.PAIRED else Round()
