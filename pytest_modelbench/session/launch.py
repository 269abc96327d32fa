"""Worker processes made ready: for a round, and for either side of a pair."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.places import start_of_ids
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.workers.job import Code, Job, Site
from pytest_modelbench.workers.local import LocalWorker, ProcessStart
from pytest_modelbench.workers.origin import import_path, packages, project_path
from pytest_modelbench.workers.worker import plain_options, worker_arguments


@dataclass(frozen=True, slots=True)
class Tree:
    """Where some code lies on this machine, and what runs it. ``path_of`` maps a path of the working tree into it."""

    root: Path
    path_of: Callable[[Path], Path | None]
    python: str = sys.executable
    code: Code = field(default_factory=Code)

    @property
    def folder(self) -> Path:
        """The folder that its worker runs in, so that relative paths lead to files of its own tree.

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
        self.best_reference_s: float | None = None  #: told to workers: see `Job`

    @property
    def start_of_ids(self) -> Path:
        """The folder that the tests' ids start from: a worker, which is told of single files, begins them there too."""
        return start_of_ids(self.paths, self._config.rootpath)

    def here(self) -> Tree:
        """The working tree itself."""
        return Tree(self._root, lambda path: path)

    def worker(self, tests: Sequence[str], process: int) -> LocalWorker:
        """A worker of a round over ``tests``."""
        here = self.here()
        job = self._job(tests, process, here, self._settings)
        modules = [self.paths[test] for test in tests]
        site = Site(worker_arguments(self._config, modules, root=self.start_of_ids), sys.path)
        return self._start(replace(job, best_reference_s=self.best_reference_s), site, sys.executable, Path.cwd())

    def member(self, tests: Sequence[str], pair: int, tree: Tree, other: Tree) -> LocalWorker:
        """One side of a pair over ``tests``: the code in ``tree``, beside that in ``other``."""
        modules = [tree.path_of(self.paths[test]) for test in tests]
        foreign = tree.python != sys.executable
        path = project_path(self._root, sys.path) if foreign else sys.path
        # Both sides are given the same data, which need not be in git, wherever they run: its path is whole.
        job = self._job(tests, pair, tree, self._settings)
        arguments = worker_arguments(
            self._config,
            [module for module in modules if module and module.exists()],
            tree.path_of,
            self.start_of_ids,
        )
        site = Site(
            # One module that cannot be imported there must not take the others with it.
            arguments=[*arguments, "--continue-on-collection-errors"],
            import_path=import_path(self._root, tree.path_of, path),
            import_more=foreign,
            home=os.getcwd(),
            own_root=str(tree.root.resolve()),
            other_root=str(other.root.resolve()),
            packages=list(packages(self._root)),
        )
        return self._start(replace(job, paired=True), site, tree.python, tree.folder)

    def _job(self, tests: Sequence[str], process: int, tree: Tree, settings: Settings) -> Job:
        return Job(tree.code, tests, process, plain_options(self._config), settings.to_json())

    def _start(self, job: Job, site: Site, python: str, folder: Path) -> LocalWorker:
        return LocalWorker(job, site, ProcessStart(python, str(folder), self._config.option.capture == "no"))


def interpreter(text: str) -> str:
    """The path of the interpreter that ``--modelbench-against-python`` names; UsageError if there is none."""
    path = Path(text).expanduser().absolute()  # not resolved: a virtual environment is known by its link
    path = path / "bin" / "python" if path.is_dir() else path
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise UsageError(
            f"--modelbench-against-python: there is no interpreter {path}; name one, as in path/to/venv/bin/python"
        )
    return str(path)
