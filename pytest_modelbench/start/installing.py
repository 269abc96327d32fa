"""How a project is installed on a fresh machine, with which Python, and where its modules are then found."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet  # pytest depends on it

from pytest_modelbench.store.tables import read_toml

OURS = "pytest-modelbench"
#: In the order of preference: what most of what torch needs is built for comes first.
_PYTHONS = ("3.12", "3.13", "3.11", "3.10", "3.14")


@dataclass(frozen=True, slots=True)
class Installation:
    """What pip is given to install the project and this package, and with which Python.

    ``editable``: the project itself is installed, so that its modules are found from anywhere.
    """

    arguments: tuple[str, ...]
    python: str
    editable: bool

    @property
    def command(self) -> str:
        """The whole command."""
        return shlex.join(["python", "-m", "pip", "install", *self.arguments])


def installation(folder: Path) -> Installation:
    """The installation of the project in ``folder``; UsageError for a pyproject.toml that cannot be read."""
    document = read_toml(folder / "pyproject.toml")
    project = _table(document, "project")
    editable = bool(project or document.get("build-system")) or (folder / "setup.py").is_file()
    extra = _bringing(_table(project, "optional-dependencies"))
    group = _bringing(_table(document, "dependency-groups"))
    arguments: list[str] = []
    if editable:
        arguments += ["-e", f".[{extra}]" if extra else "."]
    elif (folder / "requirements.txt").is_file():
        arguments += ["-r", "requirements.txt"]
    if group and not extra:
        arguments += ["--group", group]
    if not (extra or group or _names_us(project.get("dependencies")) or project.get("name") == OURS):
        arguments.append(OURS)
    return Installation(tuple(arguments), _python(project.get("requires-python")), editable)


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = table.get(key)
    return found if isinstance(found, Mapping) else {}


def _bringing(groups: Mapping[str, Any]) -> str:
    """The first of ``groups`` of dependencies with this package among them; empty if none has it."""
    return next((name for name, needs in groups.items() if _names_us(needs)), "")


def _names_us(needs: object) -> bool:
    listed: Iterable[object] = needs if isinstance(needs, Sequence) and not isinstance(needs, str) else ()
    return any(isinstance(one, str) and re.match(r"pytest[-_.]+modelbench\b(?![-_.])", one, re.I) for one in listed)


def _python(required: object) -> str:
    """The version of Python to take, of those that ``required`` allows."""
    try:
        allowed = SpecifierSet(required if isinstance(required, str) else "")
    except InvalidSpecifier:
        return _PYTHONS[0]
    # 3.12 as such is older than >=3.12.4 asks for.
    return next((one for one in _PYTHONS if allowed.contains(one) or allowed.contains(f"{one}.99")), _PYTHONS[0])
