"""Commands of ``pytest-modelbench`` that messages tell."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from pytest_modelbench.core.settings import Settings

#: The folder of baselines that a command means where it names none; a project's own settings may name another.
BASELINES = Settings().baselines


def prune_command(tests: Iterable[str], baselines: str = BASELINES, check: str = "") -> str:
    """The command that removes all baseline entries of ``tests``, or only those of the name ``check``."""
    where = [] if baselines == BASELINES else ["--baselines", baselines]
    named = [word for test in sorted(tests) for word in ("--test", test)]
    return shlex.join(["pytest-modelbench", "prune", *where, *named, *(["--check", check] if check else [])])
