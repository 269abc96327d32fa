"""The folder of baselines that a command works on: the argument, and where it is looked for without one."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.options import SETTINGS


def add_baselines(parser: argparse.ArgumentParser) -> None:
    """Add ``--baselines``."""
    option = SETTINGS["baselines"]
    parser.add_argument(
        "--baselines",
        metavar=option.value,
        type=Path,
        help=f"folder of baselines; default: that of [tool.modelbench] in pyproject.toml, or {option.default!r}",
    )


def baselines_of(arguments: argparse.Namespace, must_exist: bool = False) -> Path:
    """The folder of baselines: as given, or as the project's settings have it; BaselineError if it has to exist."""
    folder: Path = arguments.baselines if arguments.baselines is not None else _configured()
    if must_exist and not folder.is_dir():
        raise BaselineError(f"{folder}: there is no such folder of baselines; name it with --baselines DIR")
    return folder


def _configured() -> Path:
    """The folder that the project's settings name, seen from here."""
    from pytest_modelbench.store.project import nearest_settings

    folder, settings = nearest_settings(Path.cwd())
    return Path(os.path.relpath(folder / settings.baselines))
