"""The versions of a file that git could not merge, as its index keeps them until somebody has."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.git import ask, entries


class Stage(IntEnum):
    """Which version one is, by git's number. In a rebase, ours is that of the branch which commits are put onto."""

    BASE = 1
    OURS = 2
    THEIRS = 3


def stages(path: Path) -> Mapping[Stage, str]:
    """The texts of the file at ``path`` in git's index, by stage; empty where it is not to be merged, or no git is."""
    try:
        listed = ask(path.parent, "ls-files", "--unmerged", "-z", "--", path.name)
        if listed.status != 0:
            return {}
        found = {}
        for entry in entries(listed.output):
            _, blob, stage = entry.partition("\t")[0].split(" ")
            found[Stage(int(stage))] = ask(path.parent, "cat-file", "blob", blob).output
        return found
    except UsageError:
        return {}
