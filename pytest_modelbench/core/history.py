"""How files came from one commit to what they are, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit in short."""

    id: str
    subject: str


@dataclass(frozen=True, slots=True)
class History:
    """How ``files``, as seen from the top of their repository, came from ``commit`` to what they are.

    ``touched`` are those that differ by ``commits``, the newest first, and ``uncommitted`` those with changes that are
    in no commit yet. ``same``: the working tree is at ``commit`` itself.
    """

    commit: str
    files: tuple[str, ...]
    touched: tuple[str, ...] = ()
    commits: tuple[Commit, ...] = ()
    uncommitted: tuple[str, ...] = ()
    same: bool = False
