"""Commands of ``pytest-modelbench`` that messages tell."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from pytest_modelbench.core.places import BASELINES, Here

#: A reader who is in pytest's root directory.
_HERE = Here()


def prune_command(tests: Iterable[str], baselines: str = BASELINES, check: str = "", here: Here = _HERE) -> str:
    """The command that removes all baseline entries of ``tests``, or only those of the name ``check``."""
    where = where_options(baselines, here)
    named = [word for test in sorted(tests) for word in ("--test", test)]
    return shlex.join(["pytest-modelbench", "prune", *where, *named, *(["--check", check] if check else [])])


def rename_command(old: str, new: str, baselines: str = BASELINES, here: Here = _HERE) -> str:
    """The command that keeps the baselines of what is called ``old`` once it is called ``new``."""
    return shlex.join(["pytest-modelbench", "rename", *where_options(baselines, here), old, new])


def where_options(baselines: str, here: Here) -> list[str]:
    """The words that make a command work on the folder ``baselines``: none where it takes that one by itself."""
    return [] if baselines == here.baselines else ["--baselines", baselines]
