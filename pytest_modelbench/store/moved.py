"""Checks that pairs of processes have told from their baselines: accepting them replaces the entry, whatever is stored.

Stored values may be too far apart to show what pairs show. A cache, beside that of `store.nights`: without it, what
agrees with the stored value stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.session import Check, Session
from pytest_modelbench.core.verdicts import Verdict
from pytest_modelbench.store.atomic import make_folder, write_atomically

_TOLD = {Verdict.REGRESSED, Verdict.IMPROVED}


class Moved(NamedTuple):
    """A check by its folder, test and name, and when the entry was accepted that it was told from."""

    folder: str
    test: str
    name: str
    accepted: str


def read_moved(path: Path) -> frozenset[Moved]:
    """What `note_moved` left at ``path``; nothing if that is not there, or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return frozenset(Moved(*map(str, one)) for one in found)
    except (OSError, ValueError, TypeError):
        return frozenset()


def note_moved(path: Path, session: Session) -> None:
    """Leave at ``path`` what pairs of ``session`` told from its baselines; of what it did not judge, what was known.

    Nothing happens where it cannot be written, nor by sessions that accept: an entry that is replaced is another one.
    """
    if session.updating or session.against or session.interrupted:
        return
    judged = {(check.folder, *check.key) for check in session.checks}
    before = read_moved(path)
    found = {_moved(check) for check in session.checks if check.judgement.pairs and check.judgement.verdict in _TOLD}
    kept = {one for one in before if one[:3] not in judged} | found
    if kept == before:
        return
    with suppress(OSError, BaselineError):
        make_folder(path.parent)
        write_atomically(path, json.dumps(sorted(kept), indent=1) + "\n")


def as_told(check: Check, moved: Collection[Moved]) -> Check:
    """``check``, with the verdict that it moved if pairs have told it from the very entry that it is compared with."""
    if check.baseline is None or _moved(check) not in moved:
        return check
    return replace(check, judgement=replace(check.judgement, verdict=Verdict.REGRESSED))


def _moved(check: Check) -> Moved:
    return Moved(check.folder, *check.key, check.baseline.accepted if check.baseline else "")
