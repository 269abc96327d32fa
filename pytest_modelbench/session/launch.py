"""Worker processes made ready: for a pass, and for either side of a duet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.workers.origin import import_path, packages, project_path
from pytest_modelbench.workers.process import Worker
from pytest_modelbench.workers.protocol import Job
from pytest_modelbench.workers.worker import plain_options, worker_arguments


@dataclass(frozen=True, slots=True)
class Place:
    """Where a twin's code is, and what runs it. ``path_of`` maps a path of the working tree into it."""

    root: Path
    path_of: Callable[[Path], Path | None]
    python: str = sys.executable

    @property
    def folder(self) -> Path:
        """The folder that its twin runs in, so that relative paths lead to files of its own tree.

        Where this process runs, as seen in that tree: its root, if it has no such folder; this very folder, if that is
        outside of the repository.
        """
        here = Path.cwd()
        there = self.path_of(here)
        if there is None:
            return here
        return there if there.is_dir() else self.root


class Launcher:
    """Starts workers on tests by node id; ``paths`` says in which file each is."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._root = config.rootpath.resolve()
        self.paths: Mapping[str, Path] = {}
        self.calm_s: float | None = None  #: told to workers: see `Job`

    def here(self) -> Place:
        """The working tree itself."""
        return Place(self._root, lambda path: path)

    def worker(self, tests: Sequence[str], process: int) -> Worker:
        """A worker of a pass over ``tests``."""
        job = Job(
            arguments=worker_arguments(self._config, [self.paths[test] for test in tests]),
            options=plain_options(self._config),
            settings=self._settings.to_json(),
            tests=tests,
            process=process,
            import_path=sys.path,
            calm_s=self.calm_s,
        )
        return self._start(job, sys.executable, Path.cwd())

    def twin(self, tests: Sequence[str], process: int, place: Place, other: Place) -> Worker:
        """One twin of a duet over ``tests``: the code at ``place``, beside that at ``other``."""
        modules = [place.path_of(self.paths[test]) for test in tests]
        foreign = place.python != sys.executable
        path = project_path(self._root, sys.path) if foreign else sys.path
        # Both sides are given the same data, which need not be in git, wherever they run.
        data = os.path.abspath(self._settings.data) if self._settings.data else ""
        job = Job(
            arguments=[
                *worker_arguments(
                    self._config, [module for module in modules if module and module.exists()], place.path_of
                ),
                # One module that cannot be imported there must not take the others with it.
                "--continue-on-collection-errors",
            ],
            options=plain_options(self._config),
            settings=replace(self._settings, data=data).to_json(),
            tests=tests,
            process=process,
            import_path=import_path(self._root, place.path_of, path),
            import_more=foreign,
            duet=True,
            home=os.getcwd(),
            own_root=str(place.root.resolve()),
            other_root=str(other.root.resolve()),
            packages=list(packages(self._root)),
        )
        return self._start(job, place.python, place.folder)

    def _start(self, job: Job, python: str, folder: Path) -> Worker:
        return Worker(job, show_output=self._config.option.capture == "no", python=python, folder=str(folder))


def interpreter(text: str) -> str:
    """The path of the interpreter that ``--modelbench-against-python`` names; UsageError if there is none."""
    path = Path(text).expanduser().absolute()  # not resolved: a virtual environment is known by its link
    path = path / "bin" / "python" if path.is_dir() else path
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise UsageError(
            f"--modelbench-against-python: there is no interpreter {path}; name one, as in path/to/venv/bin/python"
        )
    return str(path)
