"""What can be seen of a project in its folder: nothing of it is imported or run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_modelbench.core.errors import UsageError, did_you_mean
from pytest_modelbench.core.listed_models import MOST_UNASKED, ListedModel
from pytest_modelbench.start.hosts import Hosting, hosting
from pytest_modelbench.start.installing import Installation, installation
from pytest_modelbench.start.models import Candidate, Kind, find_models
from pytest_modelbench.start.modules import read_modules
from pytest_modelbench.start.settings import SettingsFile, settings_file
from pytest_modelbench.store.rootdir import pytest_root, pytest_settings
from pytest_modelbench.vcs.listing import files_below, top_of
from pytest_modelbench.workers.model_names import expanded

if TYPE_CHECKING:
    from _typeshed.importlib import MetaPathFinderProtocol

_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
#: What may stand in a workflow as it is.
_PLAIN_PATH = re.compile(r"[\w.+@ /-]*")


@dataclass(frozen=True, slots=True)
class Seen:
    """A project in ``folder`` of the repository at ``top``.

    ``tests`` is the path of the file for its first tests, ``python_path`` where pytest is told to look for modules.
    """

    folder: Path
    top: Path
    installation: Installation
    models: tuple[Candidate, ...]
    unread: tuple[str, ...]
    hosting: Hosting
    settings: SettingsFile
    tests: Path
    python_path: tuple[str, ...] = ()

    @property
    def below(self) -> str:
        """The folder as seen from the top of the repository; empty if it is the top."""
        path = self.folder.relative_to(self.top).as_posix() if self.folder.is_relative_to(self.top) else "."
        return "" if path == "." else path


def see(folder: Path) -> Seen:
    """What is seen of the project in ``folder``; UsageError where it is another one's, or cannot be read."""
    folder = folder.resolve()
    top = top_of(folder)
    _check_folder(folder, top)
    modules = read_modules(folder, _files(folder, top))
    of_pytest = (pytest_settings(folder) if pytest_root(folder, folder) == folder else None) or {}
    return Seen(
        folder,
        top,
        installation(folder),
        tuple(find_models(modules)),
        modules.unread,
        hosting(top),
        settings_file(folder),
        _test_file(folder, of_pytest),
        tuple(_words(of_pytest.get("pythonpath"))),
    )


def _check_folder(folder: Path, top: Path) -> None:
    if not folder.is_relative_to(top) or any((folder / name).is_file() for name in _PROJECT_FILES):
        return
    for above in folder.parents:
        if not above.is_relative_to(top):
            return
        if found := [name for name in _PROJECT_FILES if (above / name).is_file()]:
            raise UsageError(f"the project's {found[0]} is in {above}: run this there")


def _files(folder: Path, top: Path) -> list[str]:
    """Files of the project, relative to its folder."""
    if not folder.is_relative_to(top):
        return files_below(folder)
    below = folder.relative_to(top).as_posix()
    prefix = "" if below == "." else below + "/"
    return [file.removeprefix(prefix) for file in files_below(top) if file.startswith(prefix)]


def _test_file(folder: Path, settings: Mapping[str, object]) -> Path:
    """Where pytest would find a file of tests, by the project's own settings of it."""
    places = [*_words(settings.get("testpaths")), "tests", "test"]
    place = next((folder / name for name in places if (folder / name).is_dir()), folder / "tests")
    patterns = _words(settings.get("python_files")) or ["test_*.py"]
    names = ("test_modelbench.py", "modelbench_test.py", "tests_modelbench.py", "check_modelbench.py")
    return place / next((name for name in names if any(fnmatch(name, one) for one in patterns)), names[0])


def _words(value: object) -> list[str]:
    return value.split() if isinstance(value, str) else [str(one) for one in value] if isinstance(value, list) else []


def given_models(names: Sequence[str], seen: Seen) -> list[str]:
    """``names``, or those that the settings list, as build_model takes them; patterns become what they match.

    UsageError for one that can be seen to be none, and for more than anybody would wait for.
    """
    found = expanded(names or seen.settings.models, "MODEL" if names else "models", str(seen.folder))
    known = {one.reference for one in seen.models}
    for name in found:
        own = {one for one in known if one.partition(":")[0] == name.partition(":")[0]}
        if own and name not in known and (near := did_you_mean(name, known)):
            raise UsageError(f"{name}: no model of that name was seen.{near}")
    if len(found) > MOST_UNASKED:
        raise UsageError(f"{len(found)} models are more than a test of them would be waited for; name fewer")
    return [ListedModel(name).build_name for name in found]


def import_folder(seen: Seen, models: Iterable[str]) -> str:
    """The folder that modules of ``models`` are imported from, where nothing else sees to that; else empty."""
    origins = {one.reference: one.origin for one in seen.models if one.kind is not Kind.TIMM}
    origin = next((origins[name] for name in models if name in origins), "")
    return "" if seen.installation.editable or origin in seen.python_path else origin


def to_be_installed(seen: Seen, models: Iterable[str]) -> bool:
    """Whether the project has to be installed before this Python finds the modules of ``models``."""
    # The first place is this command's own: pytest will not look there.
    path = [*sys.path[1:], *(str(seen.folder / place) for place in seen.python_path)]
    packages = {name.partition(":")[0].partition(".")[0] for name in models if ":" in name}
    return seen.installation.editable and not all(_is_found(package, path) for package in packages)


def _is_found(package: str, path: Sequence[str]) -> bool:
    return any(_finds(finder, package, path) for finder in sys.meta_path)


def _finds(finder: MetaPathFinderProtocol, package: str, path: Sequence[str]) -> bool:
    try:
        return finder.find_spec(package, path if finder is PathFinder else None) is not None
    except Exception:  # of a finder that somebody else has put there
        return False


def is_plain_path(path: str) -> bool:
    """Whether ``path`` may stand in a workflow as it is."""
    return _PLAIN_PATH.fullmatch(path) is not None
