"""Files that git does not know, for a process that measures older code in a checkout of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """Where the user's files are: the session was started in ``folder``.

    ``checkout`` is the top of the repository that holds this process's code, ``working_tree`` that of the user's own,
    as seen from ``folder``.
    """

    folder: str
    checkout: str
    working_tree: str = "."

    def found(self, path: str | Path) -> Path:
        """``path``, and if nothing is there what it is called where the user has it.

        A relative path starts from where the session was started, and one in the checkout has its like in the working
        tree: weights and data beside the tests are in neither's commit.
        """
        path = Path(path)
        if path.exists():
            return path
        if not path.is_absolute():
            return Path(self.folder, path)
        below = os.path.relpath(path, self.checkout)
        if below == os.pardir or below.startswith(os.pardir + os.sep):
            return path
        return Path(os.path.normpath(os.path.join(self.folder, self.working_tree, below)))

    def left_behind(self, path: object) -> str:
        """What to do about ``path``, which a test did not find here, if the user has it; else an empty string."""
        if not isinstance(path, (str, Path)) or Path(path).exists() or not (there := self.found(path)).exists():
            return ""
        return (
            f"{there} is not in the checkout of the code compared with, which holds what git knows of it; pass the "
            "path to a measure or as checkpoint=, which look for it there, or name the folder by --modelbench-data, "
            "which is modelbench.data on both sides"
        )
