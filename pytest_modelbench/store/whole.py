"""Damage that looks like nothing: baselines that are there, or were, and that are not read."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pytest_modelbench.core.environment import Environment, Fact
from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.store.folders import BaselineFolder
from pytest_modelbench.store.names import is_folder_name

#: Names of the files below a folder that git has.
Tracked = Callable[[Path], Sequence[str]]


def check_whole(root: Path, name: str, contents: BaselineFolder, tracked: Tracked) -> None:
    """Raise BaselineError if the folder ``name`` of the baselines in ``root`` is not as it was written.

    ``contents`` is what was read of it. A folder that is not there, and that git does not know either, is none yet.
    """
    folder = root / name
    if misplaced := next(_misplaced(root, name), None):
        raise BaselineError(misplaced)
    for path, file in contents.files.items():
        if not file.entries:
            raise BaselineError(f"{path}: holds no entry, and none is written so; {_back(path)}")
    if contents.files:
        return
    if known := tracked(folder):
        raise BaselineError(
            f"{folder}: git has {len(known)} file{'s' if len(known) > 1 else ''} of baselines there, and they are "
            f"gone; {_back(folder)}. If they are meant to go: git rm -r --cached -- {shlex.quote(str(folder))}"
        )
    if folder.is_dir():
        raise BaselineError(f"{folder}: is there, and holds no baselines; {_back(folder)}, or remove it")


def check_own_name(root: Path, environment: Environment, identities: Mapping[str, Mapping[str, Fact]]) -> None:
    """Raise BaselineError if a folder holds baselines of this very environment under another name than its own.

    ``identities`` are the environments of the folders in ``root``. Names follow from them.
    """
    for name, identity in identities.items():
        if name != environment.slug and identity == environment.identity:
            raise BaselineError(
                f"{root / name}: holds baselines of this very environment, which are read under the name "
                f"{environment.slug} only; rename it"
            )


def _misplaced(root: Path, name: str) -> Iterator[str]:
    """What is wrong with names and places below ``root``, in words."""
    folder = root / name
    for path in _visible(root):
        if path.is_file() and _looks_like_one(path):
            yield f"{path}: lies beside the folders of baselines, where nothing is read; move it into its own"
        if path.name != name and path.name.casefold() == name.casefold() and not folder.exists():
            yield f"{path}: is read under the name {name} only; rename it"
        elif not is_folder_name(path.name) and not folder.exists() and any(map(_looks_like_one, _visible(path))):
            yield f"{path}: holds baselines, which are read under no such name; rename it, or move it away"
    if folder.is_symlink() and not folder.exists():
        yield f"{folder}: is a link that leads nowhere; make it lead to the baselines, or remove it"
    for path in _visible(folder):
        if path.is_dir():
            yield from (
                f"{file}: lies in a folder below {folder}, where nothing is read; move it up"
                for file in sorted(path.rglob("*"))
                if _looks_like_one(file)
            )
        elif _looks_like_one(path) and path.suffix != ".json" and not _beside_its_original(path):
            yield f"{path}: is not read, as its name does not end in .json; rename it, or remove it"


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _looks_like_one(path: Path) -> bool:
    return ".json" in path.name.lower()


def _beside_its_original(path: Path) -> bool:
    """Whether it is a copy that an editor or a merge made, of a file that is there."""
    end = path.name.lower().index(".json") + len(".json")
    return path.with_name(path.name[:end]).is_file() and path.name[:end] != path.name


def _back(path: Path) -> str:
    return f"take it back with `git checkout -- {shlex.quote(str(path))}`"
