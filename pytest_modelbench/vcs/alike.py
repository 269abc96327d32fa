"""Changes that change nothing of what code does: of prose, and of comments and layout in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pytest_modelbench.vcs.git import ask

#: Files that people read, wherever they lie; and a folder that only a service reads.
_PROSE, _OF_A_SERVICE = frozenset({".md", ".rst"}), ".github"
#: Of more changed files nobody would expect that none matters, and each costs two calls of git.
_MOST_FILES = 100
#: Comments that something reads: the encoding, Cython, the builder of extensions.
_ACTING = re.compile(r"#.*?(?:coding[:=]|cython:|distutils:).*")
_PLAIN_FILES = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class Held:
    """A file as a commit or a working tree holds it: git's mode, and its text."""

    mode: str
    text: str


def is_prose(name: str) -> bool:
    """Whether nothing that is measured would read the file ``name``, seen from the top of its repository."""
    path = PurePosixPath(name)
    return path.suffix.lower() in _PROSE or path.parts[:1] == (_OF_A_SERVICE,)


def alike(name: str, before: Held | None, after: Held | None) -> bool:
    """Whether the file ``name`` does the same before and after; None: it is not there, or no plain file.

    Python does where its syntax trees are equal: comments, line breaks and quotes differ, docstrings do not, nor the
    comments that something reads.
    """
    if is_prose(name):
        return True
    if before is None or after is None or before.mode != after.mode:
        return False
    return before.text == after.text or (name.endswith(".py") and _tree(before.text) == _tree(after.text) != ("", []))


def alike_in_commits(toplevel: Path, one: str, other: str, names: Sequence[str]) -> bool:
    """Whether all files ``names``, by their names from ``toplevel``, do the same in both commits."""
    return len(names) <= _MOST_FILES and all(
        is_prose(name) or alike(name, committed(toplevel, one, name), committed(toplevel, other, name))
        for name in names
    )


def alike_to_head(toplevel: Path) -> Callable[[str], bool]:
    """Whether a file of the working tree, by its name from ``toplevel``, does the same as in the commit it is at."""
    looked_at: list[str] = []

    def asked(name: str) -> bool:
        if is_prose(name):
            return True
        looked_at.append(name)
        if len(looked_at) > _MOST_FILES:
            return False
        return alike(name, committed(toplevel, "HEAD", name), _on_disk(toplevel / name))

    return asked


def committed(toplevel: Path, commit: str, name: str) -> Held | None:
    """The plain file ``name`` of ``commit``; None if there is none."""
    listed = ask(toplevel, "ls-tree", "-z", "--full-tree", commit, "--", name).output
    mode = listed.partition(" ")[0]
    if mode not in _PLAIN_FILES:
        return None
    found = ask(toplevel, "cat-file", "blob", f"{commit}:{name}")
    return Held(mode, found.output) if found.status == 0 else None


def _on_disk(path: Path) -> Held | None:
    try:
        if path.is_symlink() or not path.is_file():
            return None
        mode = _PLAIN_FILES[bool(path.stat().st_mode & 0o100)]
        return Held(mode, path.read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError:
        return None


def _tree(text: str) -> tuple[str, list[str]]:
    """What ``text`` says as Python, without where, with the comments that do something; empty if it is none."""
    try:
        # Comments on types are TorchScript's, but for those that silence a linter, which have their lines in them.
        tree = ast.parse(text, type_comments=True)
        tree.type_ignores = []
        return ast.dump(tree), _ACTING.findall(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "", []
