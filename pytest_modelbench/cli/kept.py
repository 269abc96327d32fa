"""The history that a command works on: the argument, and where it is kept without one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modelbench.cli.folder import add_config_file, settings_here
from pytest_modelbench.core.errors import ModelbenchError, UsageError
from pytest_modelbench.core.locations import is_folder
from pytest_modelbench.core.places import told_path
from pytest_modelbench.core.settings import read_value
from pytest_modelbench.options import SETTINGS

if TYPE_CHECKING:
    from pytest_modelbench.core.series import Series
    from pytest_modelbench.store.locations.location import Location


def add_history(parser: argparse.ArgumentParser) -> None:
    """Add ``--history``."""
    told = "where the history is kept; default: that of [tool.modelbench]"
    parser.add_argument("--history", metavar=SETTINGS["history"].value, help=told)
    add_config_file(parser)


def history_here(arguments: argparse.Namespace) -> Location:
    """Where the history is kept: as given, or as the project's settings have it."""
    from pytest_modelbench.store.locations import location_of

    here = Path.cwd()
    if arguments.history is not None:
        return location_of(read_value(SETTINGS["history"], arguments.history, "--history"), here)
    if where := settings_here(arguments).history:
        return location_of(told_path(where, here) if is_folder(where) else where, here)
    raise UsageError(
        "which history? Name where it is kept with --history DIR, or in pyproject.toml: "
        "[tool.modelbench] history = 'DIR'"
    )


def known_here(arguments: argparse.Namespace) -> tuple[tuple[Series, ...], list[str]]:
    """What the history knows for a report, which goes without where it cannot be read; and what there is to say."""
    from pytest_modelbench.store.history import read_history
    from pytest_modelbench.vcs.git import GitError

    try:
        kept = read_history(history_here(arguments))
    except (ModelbenchError, OSError) as error:
        if isinstance(error, UsageError) and not isinstance(error, GitError):
            raise
        return (), [f"history not read: {error}"]
    return kept.series, [f"left out: {one}" for one in kept.damaged]
