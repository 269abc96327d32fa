"""What pytest would take for its root directory and for the tests, found without pytest, for commands without one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from glob import glob
from pathlib import Path

from pytest_modelbench.store.tables import FILES, read_ini, read_toml


def pytest_root(start: Path, here: Path) -> Path:
    """The root directory of a pytest in the folder ``here`` that is given tests of the folder ``start``.

    That of the nearest file with pytest's settings; else of the nearest pyproject.toml, else of the nearest setup.py,
    else what holds ``start`` and ``here``.
    """
    above = (start, *start.parents)
    for folder in above:
        if pytest_settings(folder) is not None:
            return folder
    for name in ("pyproject.toml", "setup.py"):
        for folder in above:
            if (folder / name).is_file():
                return folder
    return next((folder for folder in above if here.is_relative_to(folder)), start)


def pytest_settings(folder: Path) -> Mapping[str, object] | None:
    """What pytest reads in ``folder``, from the first of its files that has anything for it; None if none has."""
    for name in FILES:
        if (folder / name).is_file() and (found := settings_in(folder / name)) is not None:
            return found
    return None


def settings_in(path: Path) -> Mapping[str, object] | None:
    """What pytest reads from the file at ``path``: None if it passes over it, nothing where there is nothing."""
    if path.suffix == ".toml":
        document = read_toml(path)
        tool = document.get("tool", {}).get("pytest", {})
        found = tool.get("ini_options") or {key: value for key, value in tool.items() if key != "ini_options"}
        if path.name == "pyproject.toml":
            return found or ({} if "ini_options" in tool else None)
        return document.get("pytest") or found
    named = "tool:pytest" if path.suffix == ".cfg" else "pytest"
    return read_ini(path).get(named, {} if path.name in ("pytest.ini", ".pytest.ini") else None)


def tests_of(here: Path, root: Path, settings: Mapping[str, object]) -> list[Path]:
    """Where a pytest started in ``here`` without arguments looks for tests: in its testpaths, if that is ``root``."""
    testpaths = settings.get("testpaths") if here == root else None
    names = shlex.split(testpaths) if isinstance(testpaths, str) else testpaths
    if not isinstance(names, list):
        return [here]
    return [Path(path) for name in names for path in sorted(glob(str(here / str(name))))] or [here]
