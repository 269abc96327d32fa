"""Where a side of a pair looks for what it imports: the path of the working tree, led into the side's own tree."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

_INSTALLED = frozenset(("site-packages", "dist-packages"))
#: Asking for these runs code of setuptools, which puts its own in their place.
_ASK_NOT = frozenset(("distutils", "pip", "setuptools"))


def project_path(top: Path, path: Sequence[str]) -> list[str]:
    """The entries of ``path`` that lie in the repository: what another interpreter has to be told."""
    return [entry for entry in path if Path(entry).is_relative_to(top) and not is_installed(top, Path(entry))]


def import_path(
    top: Path, packages: Mapping[str, Sequence[str]], path_of: Callable[[Path], Path | None], path: Sequence[str]
) -> list[str]:
    """``path`` of the working tree at ``top`` as it is for the code that ``path_of`` maps to.

    An editable installation may import ``packages`` by a hook of its own, which no path shows. Such hooks are asked
    after the path; so the folders that they import from come last on it, before them and after all else.
    """
    mapped = [
        str(path_of(Path(entry)) or entry) if entry and not is_installed(top, Path(entry)) else entry for entry in path
    ]
    places = [path_of(folder) for folder in imported_folders(top, packages)]
    last = [str(place) for place in places if place is not None and str(place) not in mapped]
    return [*mapped, *dict.fromkeys(last)]


def is_installed(top: Path, path: Path) -> bool:
    """Whether ``path`` is of an environment, or of what was installed, where that lies below the project as .venv does.

    None of it is in a commit.
    """
    if not path.is_relative_to(top):
        return bool(_INSTALLED & set(path.parts))
    if _INSTALLED & set(path.relative_to(top).parts):
        return True
    environments = {Path(prefix) for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)}
    if any(path.is_relative_to(one) and one.is_relative_to(top) and one != top for one in environments):
        return True
    return next(path.glob("*.dist-info"), None) is not None


def imported_folders(top: Path, packages: Mapping[str, Sequence[str]]) -> list[Path]:
    """Folders of the working tree at ``top`` that importing ``packages`` here takes them from."""
    found = {}
    for name, folders in packages.items():
        if name not in sys.stdlib_module_names and name not in _ASK_NOT:
            for folder in _taken_from(name):
                if any(os.path.normpath(top / one) == str(folder) for one in folders):
                    found[folder] = name
    return list(found)


def _taken_from(name: str) -> list[Path]:
    """The folders that importing ``name``, of the top level, would take it from; nothing is imported."""
    spec = _spec(name)
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        places = [Path(os.path.realpath(place)) for place in spec.submodule_search_locations]
        if spec.origin and spec.has_location and os.path.islink(spec.origin):
            # An editable installation may be a folder of links to the files themselves.
            places = [Path(os.path.realpath(spec.origin)).parent]
        return [place.parent for place in places if place.name == name]
    if spec.origin and spec.has_location:
        place = Path(os.path.realpath(spec.origin))
        return [place.parent] if place.name.partition(".")[0] == name else []
    return []


def _spec(name: str) -> ModuleSpec | None:
    # Not importlib.util.find_spec: what was imported already, under pytest's rules for tests, it does not look for.
    for finder in list(sys.meta_path):
        try:
            spec = finder.find_spec(name, None)
        except Exception:
            continue
        if spec is not None:
            return spec
    return None
