"""What accepting measurements does to baselines."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pytest_modelbench.core.measurement import CheckKey


class ChangeKind(str, Enum):
    """What became of an entry."""

    NEW = "new"
    REANCHORED = "replaced"  #: another value is compared with from now on
    SESSION_ADDED = "kept (session added)"  #: more is known of how far days differ; the value compared with stays
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """What accepting a check did to its entry; ``old`` and ``new`` are the accepted value before and after."""

    key: CheckKey
    folder: str
    file: str  #: path as given, with its folder
    kind: ChangeKind
    old: float | None
    new: float
    unit: str
