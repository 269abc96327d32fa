"""What git is told of a folder of baselines: that a merge keeps the lines of both sides."""

from __future__ import annotations

from pathlib import Path

from pytest_modelbench.store.atomic import write_atomically

NAME = ".gitattributes"
_TEXT = """\
# A merge keeps the records that either side has; pytest-modelbench tells a stale one from one that contradicts.
*.json merge=union
"""


def written_note(path: str) -> str:
    """What is told of such a file at ``path`` once it is written."""
    return f"wrote {path}, by which git merges what two branches accepted; commit it with the baselines"


def write_attributes(folder: Path) -> Path | None:
    """The file that tells git how to merge ``folder``, if it is written now; None where there is one already."""
    path = folder / NAME
    if path.exists() or path.is_symlink():
        return None
    write_atomically(path, _TEXT)
    return path
