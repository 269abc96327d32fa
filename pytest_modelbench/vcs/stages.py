"""The versions of a file that git could not merge, as its index keeps them until somebody has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
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


def merges(path: Path) -> Iterator[Mapping[Stage, str]]:
    """The texts of the file at ``path`` that merges brought together without a conflict, of the newest merge first.

    The one that is under way, and the last one that was committed in which the file is that of neither side.
    """
    with contextlib.suppress(UsageError):
        commit = ask(path.parent, "rev-list", "--merges", "-n", "1", "HEAD", "--", path.name).output.strip()
        for ours, theirs in (("HEAD", "MERGE_HEAD"), *([(f"{commit}^1", f"{commit}^2")] if commit else [])):
            base = ask(path.parent, "merge-base", ours, theirs)
            if base.status == 0:
                revisions = {Stage.BASE: base.output.strip(), Stage.OURS: ours, Stage.THEIRS: theirs}
                found = {stage: ask(path.parent, "show", f"{one}:./{path.name}") for stage, one in revisions.items()}
                texts = {stage: answer.output for stage, answer in found.items() if answer.status == 0}
                if {Stage.OURS, Stage.THEIRS} <= texts.keys():
                    yield texts
