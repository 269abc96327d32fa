"""Commands that messages tell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pytest_modelbench.core.places import BASELINES, Here
from pytest_modelbench.core.printable import printable

#: A reader who is in pytest's root directory.
_HERE = Here()
#: A commit, and the characters that are told of it.
_ID, _COMMIT = re.compile(r"[0-9a-f]{7,64}"), 10


class Way(NamedTuple):
    """A command that a message ends with, and what it is for."""

    label: str
    command: str
    repetitions: int = 0  #: where several checks would take it with another number each: the largest is enough


def ways_out(ways: Sequence[Way]) -> list[str]:
    """Each command once, one below the other."""
    found: dict[str, Way] = {}
    for way in ways:
        if not way.command or any(way.command == other.command for other in found.values()):
            continue
        if way.label not in found or way.repetitions > found[way.label].repetitions:
            found[way.label] = way
    width = max((len(label) for label in found), default=0)
    return [f"{way.label + ':':<{width + 1}}  {way.command}" for way in found.values()]


def short_commit(commit: str | None) -> str:
    """A commit as it is told and typed; empty for what is none."""
    return commit[:_COMMIT] if commit and _ID.fullmatch(commit) else ""


def bisection(good: str, bad: str, test: str) -> str:
    """The command that finds which commit after ``good``, up to ``bad``, changed ``test``, as that is typed."""
    return shlex.join(["pytest-modelbench", "bisect", f"{good}..{bad}", printable(test)])


def pytest_command(options: Mapping[str, str], arguments: Iterable[str] = ()) -> str:
    """``pytest --modelbench`` with ``options``, values by flag, and what chooses the tests."""
    given = [f"{flag}={value}" if value else flag for flag, value in options.items()]
    return shlex.join(["pytest", "--modelbench", *given, *arguments])


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
