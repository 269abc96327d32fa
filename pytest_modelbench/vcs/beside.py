"""What a session may read or run that no commit of its repository tells of, by fingerprints of what it holds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.vcs.git import entries, git
from pytest_modelbench.vcs.listing import files_below, top_of

#: Files that are read when a program starts, and that git is mostly told to ignore.
_SETTINGS = ".env*"
_DIGITS = 8


def ignored_by_git(root: Path, folders: Iterable[Path]) -> list[Path]:
    """Compiled extensions beside the code of ``root``'s repository, and ``.env`` files there and in ``folders``.

    Only those that git does not have: what it has belongs to a commit.
    """
    top = top_of(root)
    try:
        known = set(entries(git(top, "ls-files", "-z", doing=f"listing the files of {top}")))
    except UsageError:
        known = set()
    code = {(top / name).parent for name in files_below(top) if name.endswith((".py", ".pyx"))}
    found = [
        path for folder in sorted(code) for path in _in(folder, "*") if path.name.endswith(tuple(EXTENSION_SUFFIXES))
    ]
    for folder in sorted({top, *(folder.resolve() for folder in folders)}):
        found += _in(folder, _SETTINGS)
    return [path for path in dict.fromkeys(found) if os.path.relpath(path, top) not in known]


def fingerprint(paths: Sequence[Path], root: Path) -> str:
    """``3 files (1a2b3c4d)``, by names, seen from ``root``, and contents; empty for none of them."""
    if not paths:
        return ""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(os.path.relpath(path, root).encode("utf-8", "surrogateescape") + b"\0")
        with open(path, "rb") as file:
            digest.update(
                hashlib.file_digest(file, "sha256").digest() if hasattr(hashlib, "file_digest") else file.read()
            )
    return f"{len(paths)} file{'s' if len(paths) > 1 else ''} ({digest.hexdigest()[:_DIGITS]})"


def code_of(folder: Path) -> str:
    """A fingerprint of the code in ``folder``, a working tree or not: of its sources and compiled extensions."""
    top = folder.resolve()
    kinds = (".py", ".pyi", *EXTENSION_SUFFIXES)
    listed = {top / name for name in files_below(top) if name.endswith(kinds)}
    listed |= {
        path for place in {one.parent for one in listed} for path in _in(place, "*") if path.name.endswith(kinds)
    }
    return fingerprint(sorted(path for path in listed if path.is_file()), top)


def _in(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(path for path in folder.glob(pattern) if path.is_file())
    except OSError:
        return []
