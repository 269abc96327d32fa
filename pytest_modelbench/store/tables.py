"""Where the settings of a project are written: ``[tool.modelbench]`` of a pyproject.toml, or pytest's own file."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import iniconfig  # pytest reads its own files with it, and depends on it

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.ini_values import values_of_ini

#: Files of a folder that may hold settings, in pytest's order: of several that do, the first counts.
FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
#: Sections of an ini file that are settings: as pytest's own are called there and in setup.cfg, and as in TOML.
_SECTIONS = ("modelbench", "tool:modelbench", "tool.modelbench")


@dataclass(frozen=True, slots=True)
class Table:
    """Settings as a file has them: ``values`` is what stands in ``[section]`` of the file at ``path``."""

    path: Path
    section: str
    values: object


def tables_of(folder: Path) -> list[Table]:
    """The tables of settings in files of ``folder``, the one that counts first; UsageError for one of them unread."""
    return [table for name in FILES if (table := table_in(folder / name))]


def table_in(path: Path) -> Table | None:
    """The table of settings in the file at ``path``; None if there is no such file, or none in it.

    UsageError for a file that cannot be read, and for one with two such tables.
    """
    # Not every such file that lies on the way is pytest's, or can be read as pytest reads its own.
    if path.suffix not in (".toml", ".ini", ".cfg") or "modelbench" not in _text(path):
        return None
    tables = _toml(path) if path.suffix == ".toml" else _ini(path)
    if len(tables) > 1:
        named = " and ".join(f"[{table.section}]" for table in tables)
        raise UsageError(f"{path}: has the settings twice, as {named}; keep one of them")
    return tables[0] if tables else None


def _toml(path: Path) -> list[Table]:
    document = read_toml(path)
    tool = document.get("tool")
    found = [("tool.modelbench", tool.get("modelbench") if isinstance(tool, Mapping) else None)]
    if path.name != "pyproject.toml":  # whose tables at the top are standards' own
        found.append(("modelbench", document.get("modelbench")))
    return [Table(path, section, values) for section, values in found if values is not None]


def _ini(path: Path) -> list[Table]:
    sections = read_ini(path)
    return [
        Table(path, name, values_of_ini(sections[name], f"{path}: [{name}]")) for name in _SECTIONS if name in sections
    ]


def read_toml(path: Path) -> Mapping[str, Any]:
    """The document at ``path``, empty if there is none; UsageError if it cannot be read."""
    # Python 3.10 has no tomllib; pytest depends on tomli there.
    tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document: Mapping[str, Any] = tomllib.loads(_text(path))
    except ValueError as error:
        raise UsageError(f"{path}: cannot be read: {error}; mend it") from error
    return document


def read_ini(path: Path) -> Mapping[str, Mapping[str, str]]:
    """The sections of the file at ``path``, none if there is no such file; UsageError if it cannot be read."""
    try:
        return iniconfig.IniConfig(str(path), data=_text(path)).sections
    except iniconfig.ParseError as error:
        raise UsageError(f"{path}: cannot be read: line {error.lineno + 1}: {error.msg}; mend it") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}; mend it") from error
