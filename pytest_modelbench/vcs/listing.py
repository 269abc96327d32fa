"""Which files a working tree holds: those that git knows, or would know if they were added."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.git import entries, git, repository

#: Folders that hold what was built or installed, where git does not say what it ignores.
_DERIVED = frozenset(("build", "dist", "site-packages", "dist-packages", "node_modules", "__pycache__"))
#: Listing takes as long as reading every folder that git does not ignore, data included.
LISTING_S = 120.0


def top_of(root: Path) -> Path:
    """The top of the repository that ``root`` lies in; ``root`` itself if git knows none."""
    try:
        return repository(root).toplevel.resolve()
    except UsageError:
        return root.resolve()


def tracked_below(folder: Path) -> list[str]:
    """Files that git has below ``folder``, which need not be there; empty where git knows nothing."""
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    pattern = f":(literal){folder.absolute()}"
    try:
        known = git(there, "ls-files", "-z", "--", pattern, doing=f"listing the files of {folder}")
    except UsageError:
        return []
    return sorted(entries(known))


def files_below(top: Path) -> list[str]:
    """Files of the working tree at ``top``, relative to it and sorted, with those of submodules."""
    doing = f"listing the files of {top}"
    try:
        known = git(top, "ls-files", "-z", "--stage", doing=doing, timeout_s=LISTING_S)
        others = git(top, "ls-files", "-z", "--others", "--exclude-standard", doing=doing, timeout_s=LISTING_S)
    except UsageError:
        return sorted(_walked(top, ""))
    # A name that ends in a slash is a repository of its own, which git does not look into; nor into submodules.
    found = {name for name in entries(others) if not name.endswith("/")}
    within = [name.rstrip("/") for name in entries(others) if name.endswith("/")]
    for entry in entries(known):
        state, _, name = entry.partition("\t")
        if state.startswith("160000 "):
            within.append(name)
        else:
            found.add(name)
    for name in within:
        found.update(_walked(top, name))
    return sorted(found)


def _walked(top: Path, below: str) -> Iterator[str]:
    for folder, folders, names in os.walk(top / below):
        if "pyvenv.cfg" in names:
            folders.clear()
            continue
        folders[:] = [name for name in folders if name not in _DERIVED and not name.startswith(".")]
        relative = os.path.relpath(folder, top)
        yield from (os.path.normpath(os.path.join(relative, name)) for name in names)
