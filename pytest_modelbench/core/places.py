"""Paths and tests as whoever reads a message would type them, in the folder where they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.settings import Settings
from pytest_modelbench.options import OPTIONS, OptionType

#: Flags whose values are paths: ours, and those of pytest's that choose tests and settings.
PATH_FLAGS = frozenset(option.flag for option in OPTIONS if option.flag and option.kind is OptionType.PATH) | {
    "--config-file", "--rootdir", "--ignore", "--ignore-glob",
}  # fmt: skip
#: The folder of baselines where nobody says anything of it.
BASELINES = Settings().baselines


def told_path(path: str | Path, here: str | Path) -> str:
    """``path`` as it is typed in the folder ``here``: relative to it, unless that is longer than the whole."""
    whole = os.path.join(here, path)
    relative = os.path.relpath(whole, here)
    return relative if len(relative) <= len(whole) else whole


def start_of_ids(paths: Mapping[str, Path], root: Path) -> Path:
    """The folder that the ids of tests in files at ``paths``, by id, start from; ``root`` where they do not agree.

    That is pytest's root directory. Ids of tests outside of it, as with ``-c`` of a file elsewhere, start where pytest
    was told to look.
    """
    starts = set()
    for test, path in paths.items():
        named = Path(test.partition("::")[0]).parts
        agrees = bool(named) and path.parts[-len(named) :] == named
        starts.add(path.parents[len(named) - 1] if agrees else None)
    start = starts.pop() if len(starts) == 1 else None
    return start or root


@dataclass(frozen=True, slots=True)
class Here:
    """How commands name things in the folder where they are typed.

    ``baselines`` is the folder that ``pytest-modelbench`` takes there by itself, ``argument(test)`` what pytest takes
    there for a test: its ids start from the root directory.
    """

    baselines: str = BASELINES
    argument: Callable[[str], str] = str
