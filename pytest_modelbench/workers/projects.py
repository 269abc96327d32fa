"""What of a repository can be installed and imported: its distributions, and its top-level packages and modules."""

from __future__ import annotations

import ast
import configparser
import importlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

_METADATA = ("pyproject.toml", "setup.cfg", "setup.py")
#: Copies of what others make: which of two distributions of that name is meant is told by where one was installed from.
_OF_OTHERS = frozenset(
    """
    vendor vendored _vendor third_party thirdparty third-party 3rdparty external externals extern deps
    test tests testdata fixtures templates docs
    """.split()  # noqa: SIM905 - a word list reads better than twenty quotes
)
#: Kinds of files that a module is, or is made from.
MODULES = frozenset((".py", ".pyc", ".pyx", ".so", ".pyd", ".c", ".cc", ".cpp", ".cxx", ".cu", ".rs"))
_NO_MODULES = frozenset(("__main__", "conftest", "setup", "noxfile"))
#: What Python keeps of modules is found beside them alone: nobody imports from there.
_CACHE = "__pycache__"


def normalized(name: str) -> str:
    """The name of a distribution as all its spellings have it."""
    return re.sub(r"[-_.]+", "-", name).strip().lower()


def packages(files: Iterable[str]) -> dict[str, list[str]]:
    """Top-level packages and modules among ``files`` of a repository, and the folders each could be imported from.

    In any layout: every folder that is no package itself may be one that Python imports from, and what lies in it,
    packages without an __init__.py included, has then its name as the first part of a dotted name.
    """
    paths = [PurePosixPath(file) for file in files]
    regular = {path.parent for path in paths if path.stem == "__init__"}
    found: dict[str, set[str]] = {}
    seen: set[PurePosixPath] = set()
    for path in paths:
        if path.suffix not in MODULES or path.stem in _NO_MODULES or path.parent.name == _CACHE:
            continue
        if path.parent not in regular:
            found.setdefault(path.name.partition(".")[0], set()).add(str(path.parent))
        for folder in path.parents:
            if folder in seen or folder == folder.parent:
                break
            seen.add(folder)
            if folder.parent not in regular:
                found.setdefault(folder.name, set()).add(str(folder.parent))
    return {name: sorted(folders) for name, folders in sorted(found.items()) if name.isidentifier()}


def distributions(top: Path, files: Iterable[str]) -> dict[str, list[str]]:
    """Folders of the repository at ``top`` that can be installed, and the names that their metadata give; maybe none.

    What others make and tests use is left out.
    """
    found: dict[str, set[str]] = {}
    for file in files:
        path = PurePosixPath(file)
        if path.name in _METADATA and not _OF_OTHERS & set(path.parent.parts):
            names = found.setdefault(str(path.parent), set())
            names.update(filter(None, map(normalized, _names(top / file))))
    for folder, names in found.items():
        # A name that a setup script makes up stands where it was built last.
        for pattern in ("*.egg-info/PKG-INFO", "*/*.egg-info/PKG-INFO"):
            for built in (top / folder).glob(pattern):
                if name := re.search(r"^Name: (.+)$", _text(built), re.MULTILINE):
                    names.add(normalized(name[1]))
    return {folder: sorted(names) for folder, names in sorted(found.items())}


def project_of(folder: str, projects: Mapping[str, Sequence[str]]) -> str | None:
    """The nearest of ``projects`` that ``folder`` lies in."""
    path = PurePosixPath(folder)
    return next((str(one) for one in (path, *path.parents) if str(one) in projects), None)


def _names(path: Path) -> list[str]:
    """Names of distributions that a file of metadata gives; none if it gives none, or cannot be read."""
    text = _text(path)
    try:
        if path.name == "setup.py":
            return _of_script(text)
        if path.name == "setup.cfg":
            parser = configparser.ConfigParser(interpolation=None)
            parser.read_string(text)
            return [parser.get("metadata", "name", fallback="")]
        # Python 3.10 has no tomllib; pytest depends on tomli there.
        tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
        table = tomllib.loads(text)
    except (ValueError, SyntaxError, RecursionError, configparser.Error):
        return []
    found = []
    for keys in (("project",), ("tool", "poetry"), ("tool", "flit", "metadata")):
        place: Any = table
        for key in keys:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict):
            found += [place.get(key) for key in ("name", "dist-name", "module")]
    return [name for name in found if isinstance(name, str)]


def _of_script(text: str) -> list[str]:
    return [
        keyword.value.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str)
        if "setup" in ast.unparse(node.func)
    ]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""
