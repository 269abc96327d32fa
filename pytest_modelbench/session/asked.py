"""What a session was asked to do: the table of settings that holds for its tests, and options on top."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.places import PATH_FLAGS, Here, start_of_ids, told_path
from pytest_modelbench.core.session import Asked
from pytest_modelbench.core.settings import Settings, default_of, resolved
from pytest_modelbench.options import OPTIONS, SETTINGS, Option, flag_of
from pytest_modelbench.session.commands import Commands
from pytest_modelbench.store.project import Project, nearest_table, project_here, project_of
from pytest_modelbench.store.rootdir import pytest_root
from pytest_modelbench.store.tables import Table

if TYPE_CHECKING:
    import pytest


#: Options of pytest that leave out paths, and where it keeps them.
_IGNORED = {"--ignore": "ignore", "--ignore-glob": "ignore_glob"}


def here_of(config: pytest.Config) -> Path:
    """The folder where the session was started: what is typed there starts from it, and so does what it prints."""
    return config.invocation_params.dir


def project_of_session(config: pytest.Config) -> Project:
    """The project of the tests that this session was given; UsageError for a file of it that cannot be read."""
    here, given = here_of(config), config.option.inifilename
    tests = [Path(resolved(argument.partition("::")[0], str(here))) for argument in config.args]
    return project_of(tests, config.rootpath, here, Path(resolved(given, str(here))) if given else None)


def settings_of(config: pytest.Config, project: Project | None = None) -> Settings:
    """Settings of this session: options over the table of its project over defaults."""
    given = {key: _given(config, option) for key, option in SETTINGS.items() if option.flag}
    options = {key: value for key, value in given.items() if value is not None}
    return (project or project_of_session(config)).settings(options, here_of(config))


def _given(config: pytest.Config, option: Option) -> str | None:
    """What the command line gives for ``option``; None if it says nothing of it."""
    value: str | list[str] | None = getattr(config.option, option.dest)
    return ",".join(value) if isinstance(value, list) else value


def _check_folder(flag: str, folder: Path, here: Path) -> None:
    """Raise UsageError where no file can be written into ``folder``."""
    if not folder.is_dir():
        raise UsageError(f"{flag}: there is no folder {told_path(folder, here)}; make it, or name another")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{flag}: {told_path(folder, here)} is not writable; make it so, or name another folder")


def check_paths(config: pytest.Config, settings: Settings) -> None:
    """Raise UsageError for a path of the command line that leads nowhere: what is given there is meant to be there."""
    here = here_of(config)
    for flag, given in (
        ("--modelbench-json", config.option.modelbench_json),
        ("--modelbench-html", config.option.modelbench_html),
    ):
        if given:
            _check_folder(flag, Path(resolved(given, str(here))).parent, here)
    if config.option.modelbench_drift in ("warn", "fail") and not settings.history:
        raise UsageError(
            "--modelbench-drift looks at a history, and there is none: name its folder with --modelbench-history DIR"
        )
    if config.option.modelbench_data and not Path(settings.data).exists():
        raise UsageError(
            f"--modelbench-data: there is no {told_path(settings.data, here)}; {_from_here(config, 'data')}"
        )
    if config.option.modelbench_baselines and not config.option.update_baselines:
        folder = Path(settings.baselines)
        if not (folder.is_dir() or folder.is_symlink()):
            raise UsageError(
                f"--modelbench-baselines: there is no folder {told_path(folder, here)}; "
                f"{_from_here(config, 'baselines')}, or make it: --update-baselines"
            )


def _from_here(config: pytest.Config, setting: str) -> str:
    """What the path of an option starts from, and the one that may be meant."""
    given, flag = getattr(config.option, SETTINGS[setting].dest), flag_of(setting)
    if any(flag in argument for argument in config.getini("addopts")):
        return f"in addopts, too, it starts from the current folder: write the setting {setting} in [tool.modelbench]"
    meant = config.rootpath / given
    if meant.exists():
        return f"it starts from the current folder: write {told_path(meant, here_of(config))}"
    return "it starts from the current folder: correct it"


def commands_of(config: pytest.Config, project: Project, settings: Settings, paths: Mapping[str, Path]) -> Commands:
    """What this session was told, for the commands in its messages; ``paths`` of its tests are known later."""
    here = here_of(config)
    given = {option.flag: _given(config, option) for option in OPTIONS if option.flag and option.repeated}

    def argument(test: str) -> str:
        path, *inside = test.split("::", 1)
        return "::".join([told_path(paths.get(test, config.rootpath / path), here), *inside])

    @cache
    def moves_root(folder: Path) -> bool:
        """Whether pytest has another root directory where it is given a test of ``folder``."""
        try:
            return pytest_root(folder, here) != config.rootpath
        except UsageError:
            return True  # a file there that this session had no need to read

    def root() -> Mapping[str, str]:
        moved = any(moves_root(folder) for folder in {path.parent for path in paths.values()})
        return _root_options(config, project, start_of_ids(paths, config.rootpath), moved=moved)

    commands = Commands(
        {flag: value for flag, value in given.items() if value is not None},
        _selection(config),
        told_path(settings.baselines, here),
        settings.rounds,
        settings.pairs,
        Here(_own_baselines(here), argument),
        root,
        tuple(config.args) if config.args_source is config.ArgsSource.ARGS else (),
    )
    return replace(commands, asked=lambda: _asked(config, commands))


def _selection(config: pytest.Config) -> tuple[str, ...]:
    """The options that chose the tests, beside files, folders and ids."""
    option = config.option
    chosen = ((flag_of(name), _given(config, SETTINGS[name])) for name in ("models", "batch-size", "precision"))
    models = [(flag, [value]) for flag, value in chosen if value and config.option.modelbench_model]
    given = [*models, ("-k", [option.keyword]), ("-m", [option.markexpr]), ("--deselect", option.deselect or [])]
    given += [(flag, getattr(option, dest) or []) for flag, dest in _IGNORED.items()]
    return tuple(word for flag, values in given for value in values if value for word in (flag, value))


def _asked(config: pytest.Config, commands: Commands) -> Asked:
    """What this session was told, seen from its root directory: whoever reads its results is elsewhere."""

    def seen(typed: str) -> str:
        path, *inside = typed.split("::", 1)
        return "::".join([told_path(resolved(path, str(here_of(config))), config.rootpath), *inside])

    def placed(flag: str, value: str) -> str:
        return seen(value) if flag in PATH_FLAGS else value

    options = {**commands.options, **commands.root()}
    words = commands.selection
    tests = commands.tests
    if config.args_source is config.ArgsSource.INVOCATION_DIR and here_of(config) != config.rootpath:
        tests = (".",)
    return Asked(
        {flag: placed(flag, value) for flag, value in options.items()},
        tuple(placed(words[at - 1], word) if at % 2 else word for at, word in enumerate(words)),
        tuple(map(seen, tests)),
    )


def _own_baselines(here: Path) -> str:
    """The folder of baselines that the command ``pytest-modelbench`` takes here; empty if it finds no way to one."""
    try:
        return told_path(project_here(here).settings({}, here).baselines, here)
    except UsageError:
        return ""


def _root_options(config: pytest.Config, project: Project, start: Path, *, moved: bool) -> Mapping[str, str]:
    """Options by which a command that names some of the tests has the session's own file, and calls them alike.

    Their ids start from ``start``; ``moved``: by itself, pytest would take another root directory.
    """
    here, option = here_of(config), config.option
    found = {"--config-file": option.inifilename, "--rootdir": option.rootdir}
    if moved and not any(found.values()):
        # What pytest is given decides about its root directory, and that about the ids that baselines go by.
        found["--rootdir"] = told_path(config.rootpath, here)
        if config.inipath and project.kept_with(config.inipath):
            found["--config-file"] = told_path(config.inipath, here)
    if start != config.rootpath:
        found["--rootdir"] = told_path(start, here)
    return {flag: str(value) for flag, value in found.items() if value}


# --- what is told of the settings


def header(config: pytest.Config, project: Project) -> list[str]:
    """A line that names the file whose settings hold, if there is one."""
    return [f"modelbench: settings from {_told(project.table, here_of(config))}"] if project.table else []


def not_used(config: pytest.Config, project: Project, settings: Settings) -> list[str]:
    """Lines on what is there and does not hold, with the way out: told also where there is no header, with ``-q``."""
    here, default = here_of(config), default_of("baselines")
    lines = [_unused(other, project, here) for other in project.unused]
    folder, former = Path(settings.baselines), project.root / default
    if folder == project.base / default != former and not folder.exists() and former.is_dir():
        lines.append(
            f"modelbench: not used: the folder {told_path(former, here)}; move it to {told_path(folder, here)}, beside "
            "the settings, or name it there: baselines = ..."
        )
    return lines


def check_tables(config: pytest.Config, project: Project, paths: Iterable[Path]) -> list[str]:
    """Lines on tables that tests at ``paths`` have nearer than the session's, where that was chosen with ``-c``.

    UsageError where it was not: a session has one table, and what is written nearer to a test is meant for it.
    """
    here, own = here_of(config), project.table.path if project.table else None
    nearest = {folder: nearest_table(folder) for folder in {path.parent for path in paths}}
    nearer = {table.path: table for table in nearest.values() if table and table.path != own}
    if project.given or not nearer:
        told = {table.path for table in project.unused}
        return [_unused(table, project, here) for path, table in nearer.items() if path not in told]
    held = _told(project.table, here) if project.table else "there is none"
    folders = [told_path(path.parent, here) for path in sorted(nearer)]
    ways = [shlex.join(["pytest", "--modelbench", folder]) for folder in folders]
    if any(table is None or table.path == own for table in nearest.values()):
        ways.append(f"and what is left with {shlex.join(f'--ignore={folder}' for folder in folders)}")
    raise UsageError(
        f"a session has one table of settings, the nearest above all its tests: {held}. Some of these tests "
        f"have a nearer one: {', '.join(_told(nearer[path], here) for path in sorted(nearer))}. Run them by "
        f"themselves: {'; '.join(ways)}"
    )


def _told(table: Table, here: Path) -> str:
    return f"[{table.section}] of {told_path(table.path, here)}"


def _unused(table: Table, project: Project, here: Path) -> str:
    """The line on a table that does not hold."""
    if project.table is None:
        why = "its folder is not above the given tests; move the settings above them"
    else:
        how = (
            "was given with -c"
            if project.given
            else "comes first"
            if _beside(table, project)
            else "is nearer to the tests"
        )
        why = f"{told_path(project.table.path, here)} {how}; move the settings there"
    return f"modelbench: not used: {_told(table, here)}; {why}"


def _beside(table: Table, project: Project) -> bool:
    return table.path.parent == project.base
