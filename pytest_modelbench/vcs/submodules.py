"""Submodules of a revision, filled from the user's own clones of them, without any network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.git import ask, git

#: Large trees and slow disks: as for the checkout itself.
FILL_S = 600.0
#: Objects that a partial clone lacks are not fetched (git 2.45 and newer; older ones may try).
_OFFLINE = {"GIT_NO_LAZY_FETCH": "1"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a revision of one repository comes from: its git folder, and the user's working tree of it."""

    git_dir: Path
    working_tree: Path
    commit: str

    def git(self, tree: Path, *arguments: str) -> tuple[str, ...]:
        """Arguments for git that concern this repository, with ``tree`` as its working tree.

        Without one, git would look for the one it is configured for, which need not exist any more.
        """
        return (f"--git-dir={self.git_dir}", f"--work-tree={tree}", *arguments)

    def complete(self, tree: Path) -> bool:
        """Whether the commit is there."""
        asked = self.git(tree, "cat-file", "-e", f"{self.commit}^{{commit}}")
        return ask(tree, *asked, environment=_OFFLINE).status == 0


def fill(source: Source, tree: Path, scratch: Path) -> None:
    """Fill each submodule of ``source``, checked out at ``tree``, with the commit recorded for it.

    One that the user's own checkout leaves empty stays empty. UsageError if the user has a submodule, but not that
    commit of it. ``scratch`` is a folder for temporary files.
    """
    for path, commit in _recorded(source, tree).items():
        inner = _own(source, path, commit) or _kept(source, path, commit, tree)
        if inner is None:
            continue
        if not inner.complete(tree):
            raise UsageError(
                f"commit {source.commit[:10]} needs its submodule {path} at {commit}, which the clone of it in "
                f"{inner.working_tree} does not have: git -C {inner.working_tree} fetch origin {commit}; for clones "
                "that were never completed: git submodule update --init --recursive"
            )
        place = tree / path
        place.mkdir(parents=True, exist_ok=True)
        _export(inner, place, scratch)
        fill(inner, place, scratch)


def _recorded(source: Source, tree: Path) -> dict[str, str]:
    """The submodules of a revision by path, with their commits."""
    doing = f"listing the submodules of commit {source.commit[:10]}"
    listed = git(
        tree, *source.git(tree, "ls-tree", "-r", "-z", "--full-tree", source.commit), doing=doing, timeout_s=FILL_S
    )
    found = {}
    for line in listed.split("\0"):
        entry, _, path = line.partition("\t")
        if entry.startswith("160000 "):
            found[path] = entry.split()[2]
    return found


def _own(source: Source, path: str, commit: str) -> Source | None:
    """The user's own clone of the submodule at ``path``, or None if there is none."""
    own = source.working_tree / path
    if not (own / ".git").exists():
        return None
    doing = f"looking for the git folder of the submodule {path}"
    git_dir = git(own, "rev-parse", "--absolute-git-dir", doing=doing).removesuffix("\n")
    return Source(Path(git_dir), own, commit)


def _kept(source: Source, path: str, commit: str, tree: Path) -> Source | None:
    """The clone of a submodule that has moved or gone since, if git still has it with its commit; else None.

    Git keeps clones by the names that .gitmodules gives them.
    """
    modules = f"--blob={source.commit}:.gitmodules"
    listed = ask(tree, *source.git(tree, "config", modules, "-z", "--get-regexp", r"^submodule\..*\.path$"))
    for entry in listed.output.split("\0") if listed.status == 0 else ():
        key, _, value = entry.partition("\n")
        git_dir = source.git_dir / "modules" / key.removeprefix("submodule.").removesuffix(".path")
        kept = Source(git_dir, source.working_tree / path, commit)
        if value == path and (git_dir / "HEAD").exists() and kept.complete(tree):
            return kept
    return None


def _export(source: Source, place: Path, scratch: Path) -> None:
    """Write the files of ``source`` to ``place``: all of them, where `git archive` leaves out export-ignore."""
    index = scratch / "submodule-index"
    try:
        git(
            place,
            # A split index would leave its shared part in the user's repository.
            *("-c", "core.splitIndex=false"),
            *source.git(place, "read-tree", "--reset", "-u", "--no-recurse-submodules", source.commit),
            doing=f"checking out the submodule {source.working_tree} at {source.commit[:10]} into {place}",
            timeout_s=FILL_S,
            environment={**_OFFLINE, "GIT_INDEX_FILE": os.fspath(index)},
        )
    finally:
        index.unlink(missing_ok=True)
