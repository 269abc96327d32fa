"""The folder of baselines that a command works on: the argument, and where it is looked for without one."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.core.places import PATH_FLAGS, Here, told_path
from pytest_modelbench.options import SETTINGS, flag_of

if TYPE_CHECKING:
    from pytest_modelbench.core.session import Asked
    from pytest_modelbench.core.settings import Settings
    from pytest_modelbench.store.project import Project

#: Options by which a session compares with other code; nothing is stored then.
AGAINST = flag_of("against"), flag_of("against-python")


def add_baselines(parser: argparse.ArgumentParser) -> None:
    """Add ``--baselines``."""
    option = SETTINGS["baselines"]
    parser.add_argument(
        "--baselines",
        metavar=option.value,
        type=Path,
        help=f"folder of baselines; default: that of [tool.modelbench] as pytest finds it here, else {option.default}",
    )
    add_config_file(parser)


def add_config_file(parser: argparse.ArgumentParser) -> None:
    """Add ``-c``, for whoever gives it to pytest."""
    parser.add_argument("-c", "--config-file", metavar="FILE", type=Path, help="take settings as `pytest -c FILE` does")


def baselines_of(arguments: argparse.Namespace, must_exist: bool = False) -> Path:
    """The folder of baselines: as given, or as the project's settings have it; BaselineError if it has to exist."""
    if arguments.baselines is not None:
        folder, source = arguments.baselines, ""
    else:
        folder, source = _configured(arguments)
    if must_exist and not folder.is_dir():
        raise BaselineError(f"{folder}: there is no such folder of baselines; name it with --baselines DIR{source}")
    return Path(folder)


def _configured(arguments: argparse.Namespace) -> tuple[Path, str]:
    """The folder that the project's settings name, seen from here, and which file they are from."""
    here, project = Path.cwd(), _project(arguments)
    source = f" (settings from {told_path(project.table.path, here)})" if project.table else ""
    return Path(told_path(project.settings({}, here).baselines, here)), source


def settings_here(arguments: argparse.Namespace) -> Settings:
    """The settings that a pytest started in this folder would have."""
    return _project(arguments).settings({}, Path.cwd())


def _project(arguments: argparse.Namespace) -> Project:
    from pytest_modelbench.store.project import project_here

    return project_here(Path.cwd(), arguments.config_file)


@dataclass(frozen=True, slots=True)
class Hints:
    """What the messages of a report name: the command that accepts, what gives it all of the tests, and the folder."""

    accept: str
    selection: str
    baselines: str
    here: Here


def here_of(arguments: argparse.Namespace) -> Here:
    """How commands name things in this folder."""
    here, project = Path.cwd(), _project(arguments)

    def argument(test: str) -> str:
        path, *inside = test.split("::", 1)
        return "::".join([told_path(project.root / path, here), *inside])

    return Here(told_path(project.settings({}, here).baselines, here), argument)


def hints_here(arguments: argparse.Namespace, asked: Asked, baselines: str = "") -> Hints:
    """What the messages on a session that was ``asked`` something name, as it is typed in this folder.

    ``baselines`` is the folder that is meant in place of the session's.
    """
    from pytest_modelbench.report.commands import pytest_command

    here = here_of(arguments)
    flag = flag_of("baselines")

    def placed(flag: str, value: str) -> str:
        return here.argument(value) if flag in PATH_FLAGS else value

    options = {flag: placed(flag, value) for flag, value in asked.options.items()}
    chosen = [placed(asked.selection[at - 1], word) if at % 2 else word for at, word in enumerate(asked.selection)]
    # A pytest that is given nothing sees what lies in its folder, and in the root directory all of it.
    tests = [here.argument(test) for test in asked.tests] or [here.argument(".")]
    if baselines and baselines != options.get(flag, here.baselines):
        options[flag] = baselines
    return Hints(
        "" if any(one in options for one in AGAINST) else pytest_command({**options, "--update-baselines": ""}),
        shlex.join([*chosen, *(tests if tests != ["."] else [])]),
        options.get(flag, here.baselines),
        here,
    )
