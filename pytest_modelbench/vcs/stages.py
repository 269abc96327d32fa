"""The versions of a file that git could not merge, as its index keeps them until somebody has."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.git import ask, entries

#: Both sides of a merge: of one that is under way, else of the one that the newest commit is.
_SIDES = (("HEAD", "MERGE_HEAD"), ("HEAD^1", "HEAD^2"))


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


def sides(path: Path) -> Mapping[Stage, str]:
    """The texts of the file at ``path`` that a merge has brought together without a conflict; empty if none has."""
    try:
        for ours, theirs in _SIDES:
            base = ask(path.parent, "merge-base", ours, theirs)
            if base.status == 0:
                revisions = {Stage.BASE: base.output.strip(), Stage.OURS: ours, Stage.THEIRS: theirs}
                found = {stage: ask(path.parent, "show", f"{one}:./{path.name}") for stage, one in revisions.items()}
                return {stage: answer.output for stage, answer in found.items() if answer.status == 0}
    except UsageError:
        pass
    return {}
