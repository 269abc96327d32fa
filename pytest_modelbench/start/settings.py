"""Where the settings of a project that has none are written: which file, and what is added to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.settings import default_of, read_settings
from pytest_modelbench.store.baselines import BaselineStore
from pytest_modelbench.store.project import nearest_table
from pytest_modelbench.store.tables import FILES, table_in

#: A folder of baselines in a project that has something else by the usual name.
_OTHER_NAME = "modelbench-baselines"
_NEW = "pytest.ini"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The file of a project's settings; ``section`` is empty where it has them already."""

    path: Path
    section: str
    baselines: str  #: the folder, as seen from that of the file
    models: tuple[str, ...] = ()  #: those that are measured without a test

    def lines(self) -> str:
        """What is added to the file."""
        if not self.section:
            return ""
        value = f'"{self.baselines}"' if self.path.suffix == ".toml" else self.baselines
        return f"[{self.section}]\nbaselines = {value}\n"


def settings_file(folder: Path) -> SettingsFile:
    """The file for the project in ``folder``: the one that holds already, else its first that may have settings.

    UsageError for a file on the way that cannot be read.
    """
    if table := nearest_table(folder):
        settings = read_settings(table.values, {}, str(table.path), section=table.section)
        return SettingsFile(table.path, "", settings.baselines, settings.models)
    names = [name for name in ("pyproject.toml", *FILES) if (folder / name).is_file()]
    # In a folder without any, not a pyproject.toml: pip would build the project in another way.
    name = names[0] if names else _NEW
    return SettingsFile(folder / name, _section(name), _baselines(folder))


def _section(name: str) -> str:
    if name == "pyproject.toml":
        return "tool.modelbench"
    return "tool:modelbench" if name.endswith(".cfg") else "modelbench"


def _baselines(folder: Path) -> str:
    """The usual name, unless something else goes by it: a package of baselines to compare with, say."""
    usual = str(default_of("baselines"))
    place = folder / usual
    if place.is_dir():
        others = [one for one in place.iterdir() if not (one.is_dir() or one.name.startswith("."))]
        return _OTHER_NAME if others or (any(place.iterdir()) and not BaselineStore(place).folders()) else usual
    return _OTHER_NAME if place.exists() else usual


def with_lines(path: Path, lines: str) -> str:
    """The text of the file at ``path`` with ``lines`` at its end, all else byte for byte as it is; new if it is none.

    UsageError where that would not be read as it is meant.
    """
    before = _exact_text(path)
    end = "\r\n" if before.count("\r\n") * 2 > before.count("\n") else "\n"
    between = "" if not before else end if before.endswith("\n") else end * 2
    return before + between + lines.replace("\n", end)


def check_readable(path: Path, text: str, scratch: Path) -> None:
    """Raise UsageError where ``text``, written at ``path``, would hold no settings; it is tried in ``scratch``."""
    trial = scratch / path.name
    trial.write_bytes(text.encode("utf-8"))
    try:
        found = table_in(trial)
    except UsageError as error:
        raise UsageError(str(error).replace(str(trial), str(path))) from error
    if found is None:
        raise UsageError(f"{path}: settings at its end would not be read; write them there by hand")


def _exact_text(path: Path) -> str:
    """The text with its line ends as they are; empty if there is no such file."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}; mend it") from error
