"""Where a history is kept: a folder, a branch of git, or a URL, which all do the same."""

from __future__ import annotations

from pathlib import Path

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.locations import BRANCH, is_branch, is_url
from pytest_modelbench.store.locations.folder import Folder
from pytest_modelbench.store.locations.location import Location


def location_of(text: str | Path, root: Path) -> Location:
    """What people mean by ``text``; a branch is one of the repository that ``root`` lies in.

    Raises a ModelbenchError for a URL that nothing here can reach.
    """
    if isinstance(text, Path):
        return Folder(text)
    if is_branch(text):
        from pytest_modelbench.store.locations.branch import BranchLocation
        from pytest_modelbench.store.night_files import FOLDED_SUFFIX, SUFFIX
        from pytest_modelbench.vcs.branch import Branch

        return BranchLocation(Branch(root, text.removeprefix(BRANCH), (SUFFIX, FOLDED_SUFFIX)))
    if text.startswith("file://"):  # what is written there in one piece
        path = Path(text.removeprefix("file://"))
        if not path.is_absolute():
            raise BaselineError(f"{text}: is no URL of a folder; write file:///the/whole/path")
        return Folder(path)
    if is_url(text):
        from pytest_modelbench.store.locations.url import UrlLocation

        return UrlLocation(text)
    return Folder(Path(text))
