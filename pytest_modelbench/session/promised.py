"""What baselines promise of the tests that a session was given, and which of it nothing measures."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modelbench.core.measurement import CheckKey
from pytest_modelbench.core.session import Absence, Absent

if TYPE_CHECKING:
    import pytest


@dataclass(slots=True)
class Found:
    """What collection came upon."""

    tests: set[str] = field(default_factory=set)  #: ids of all that were collected, before any hook
    benchmarks: set[str] = field(default_factory=set)  #: of benchmark tests, selected or told as deselected
    others: set[str] = field(default_factory=set)  #: of tests that measure nothing
    modules: set[str] = field(default_factory=set)  #: whatever was collected without an error: also modules


def absent(
    promised: Iterable[CheckKey], found: Found, scope: Scope, skipped_modules: Collection[str] = ()
) -> list[Absent]:
    """Entries of ``promised`` that were asked for and that nothing measures, in the order of their tests.

    Modules that were skipped as a whole are told by themselves.
    """
    told = []
    for key in sorted(set(promised)):
        module = key.test.partition("::")[0]
        if key.test in found.benchmarks or module in skipped_modules or not scope.covers(key.test):
            continue
        if key.test in found.others:
            why = Absence.NO_BENCHMARK
        elif key.test in found.tests:
            why = Absence.DROPPED
        elif module in found.modules or not scope.exists(module):
            why = Absence.GONE
        else:
            why = Absence.NOT_COLLECTED
        told.append(Absent(key, why))
    return told


class Scope:
    """What a session was given to look for tests in, with ids that start from the folder ``start``."""

    def __init__(self, config: pytest.Config, start: Path, found: Found) -> None:
        self._option = config.option
        self._start = start
        self._found = found
        here = config.invocation_params.dir
        # Without arguments in the root directory, all that there is was asked for, whatever `testpaths` says.
        self._everything = config.args_source is config.ArgsSource.TESTPATHS
        self._given = [_given(argument, here) for argument in config.args]
        self._ignored = [Path(os.path.abspath(here / path)) for path in config.option.ignore or ()]
        self._patterns = [os.path.abspath(here / pattern) for pattern in config.option.ignore_glob or ()]

    def covers(self, test: str) -> bool:
        """Whether the test of this id was asked for, if there is one."""
        # Whole files that hold nothing of what failed last are passed over, and tests of others.
        if getattr(self._option, "lf", False):
            return False
        module, _, inside = test.partition("::")
        path = self._start / module
        if any(path.is_relative_to(ignored) for ignored in self._ignored):
            return False
        if any(fnmatch.fnmatch(str(one), pattern) for pattern in self._patterns for one in (path, *path.parents)):
            return False
        if self._everything:
            return True
        for given, node in self._given:
            if not given.exists():  # a module's name, as with --pyargs: what it led to alone is known
                asked = module in self._found.modules
            else:
                asked = path.is_relative_to(given)
            if asked and (not node or inside == node or inside.startswith((f"{node}::", f"{node}["))):
                return True
        return False

    def exists(self, module: str) -> bool:
        """Whether the file of this module is there."""
        return os.path.exists(self._start / module)  # False for a name that no file system takes


def _given(argument: str, here: Path) -> tuple[Path, str]:
    path, _, node = argument.partition("::")
    return Path(os.path.abspath(here / path)), node
