"""Worker processes made ready: for a round, and for either side of a pair."""

from __future__ import annotations

import functools
import os
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_modelbench.core.blocks import Enough
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.core.listed_models import is_listed
from pytest_modelbench.core.places import start_of_ids
from pytest_modelbench.core.settings import Settings
from pytest_modelbench.host.cores import quietest_cores
from pytest_modelbench.session.handed import worker_input
from pytest_modelbench.vcs.listing import files_below, top_of
from pytest_modelbench.workers.connection import Connection
from pytest_modelbench.workers.import_path import import_path, project_path
from pytest_modelbench.workers.job import Code, Job, Site
from pytest_modelbench.workers.local import ProcessStart, started
from pytest_modelbench.workers.options import options_to_hand_over, worker_arguments
from pytest_modelbench.workers.projects import distributions, packages

#: What workers are called, as pytest-xdist's are ``gw0``: those of rounds, and the two of a pair.
ROUND, BASE, CANDIDATE = "modelbench", "modelbench-base", "modelbench-candidate"


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


@dataclass(frozen=True, slots=True)
class Contents:
    """What a tree holds that can be imported, and installed: see `workers.projects`."""

    packages: Mapping[str, Sequence[str]]
    projects: Mapping[str, Sequence[str]]


class Launcher:
    """Starts workers on tests by node id; ``paths`` says in which file each is."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._root = config.rootpath.resolve()
        self._known: dict[Path, Contents] = {}
        self._handed: dict[str, dict[str, Any]] = {}
        self.paths: Mapping[str, Path] = {}
        self.aside: Sequence[str] = ()  #: plugins that workers do without
        #: How many blocks a test is asked for in a process.
        self.enough: Callable[[str, int], Enough] = lambda test, process: Enough.AGREEING
        self._id = uuid.uuid4().hex
        self._pair: tuple[int, frozenset[Path]] = (0, frozenset())  #: which pair was started last,
        self._cores: tuple[int, ...] = ()  #: and where both of it measure
        self.best_reference_s: float | None = None  #: told to workers: see `Job`

    @property
    def start_of_ids(self) -> Path:
        """The folder that the tests' ids start from: a worker, which is told of single files, begins them there too."""
        return start_of_ids(self.paths, self._config.rootpath)

    def here(self) -> Tree:
        """The working tree itself."""
        return Tree(self._root, lambda path: path)

    def worker(self, tests: Sequence[str], process: int) -> AbstractContextManager[Connection]:
        """A worker of a round over ``tests``."""
        here = self.here()
        job = self._job(tests, process, here, ROUND)
        site = Site(
            worker_arguments(self._config, modules := self._modules(tests), root=self.start_of_ids, aside=self.aside)
            + _and_no_others(modules),
            sys.path,
            argv=sys.argv,
            worker=ROUND,
            session=self._id,
        )
        enough = {test: asked.value for test in tests if (asked := self.enough(test, process)) is not Enough.AGREEING}
        job = replace(job, best_reference_s=self.best_reference_s, cores=self._choose_cores(), enough=enough)
        return self._start(job, site, sys.executable, Path.cwd())

    def member(
        self,
        tests: Sequence[str],
        pair: int,
        tree: Tree,
        other: Tree,
        *,
        worker: str,
        in_turns: bool = True,
        placing: bool = False,
    ) -> AbstractContextManager[Connection]:
        """One side of a pair over ``tests``: the code in ``tree``, beside that in ``other``, in turns or by itself.

        ``worker`` is what it is called, `BASE` or `CANDIDATE`; ``placing``: it says where in the models the time goes.
        """
        own, beside = self._top_in(tree), self._top_in(other)
        modules = [module for path in self._modules(tests) if (module := tree.path_of(path)) and module.exists()]
        foreign = tree.python != sys.executable
        path = project_path(self._top, sys.path) if foreign else sys.path
        # Both sides are given the same data, which need not be in git, wherever they run: its path is whole.
        job = self._job(tests, pair, tree, worker)
        arguments = worker_arguments(
            self._config,
            modules,
            tree.path_of,
            self.start_of_ids,
            self.aside,
        )
        site = Site(
            # One module that cannot be imported there must not take the others with it.
            arguments=[*arguments, "--continue-on-collection-errors", *_and_no_others(modules)],
            import_path=import_path(self._top, self._contents(self._top).packages, tree.path_of, path),
            argv=sys.argv,
            worker=worker,
            session=self._id,
            import_more=foreign,
            home=os.getcwd(),
            own_root=str(own),
            other_root=str(beside),
            packages=self._contents(own).packages,
            projects=_together(self._contents(self._top), self._contents(own), self._contents(beside)),
            repository=Path(os.path.relpath(self._top)).as_posix(),
        )
        which = (pair, frozenset({tree.root, other.root}))
        if which != self._pair:
            self._pair, self._cores = which, self._choose_cores()
        return self._start(
            replace(job, paired=in_turns, placing=placing, cores=self._cores), site, tree.python, tree.folder
        )

    def _modules(self, tests: Sequence[str]) -> list[Path]:
        """The files of ``tests``; those of listed models have none, and workers make them themselves."""
        return [self.paths[test] for test in tests if not is_listed(test)]

    def _choose_cores(self) -> tuple[int, ...]:
        """Where the next process, or both of a pair, will measure; chosen while none does."""
        return () if self._settings.device.startswith("cuda") else quietest_cores(self._settings.threads)

    @functools.cached_property
    def _top(self) -> Path:
        """The top of the repository: what lies beside pytest's root directory may be under test as well."""
        return top_of(self._root)

    def _top_in(self, tree: Tree) -> Path:
        return (tree.path_of(self._top) or tree.root).resolve()

    def _contents(self, top: Path) -> Contents:
        if top not in self._known:
            files = files_below(top)
            self._known[top] = Contents(packages(files), distributions(top, files))
        return self._known[top]

    def _job(self, tests: Sequence[str], process: int, tree: Tree, worker: str) -> Job:
        options = options_to_hand_over(self._config)
        return Job(tree.code, tests, process, options, self._settings.to_json(), handed=self._handed_to(worker))

    def _handed_to(self, worker: str) -> dict[str, Any]:
        """What plugins hand to workers of this name: asked once, so that all of them measure with the same."""
        if worker not in self._handed:
            own = {"workerid": worker, "workercount": 1, "testrunuid": self._id, "mainargv": sys.argv}
            self._handed[worker] = worker_input(self._config, own)
        return self._handed[worker]

    def _start(self, job: Job, site: Site, python: str, folder: Path) -> AbstractContextManager[Connection]:
        shown = getattr(self._config.option, "capture", "no") == "no"  # there is none with -p no:capture
        return started(job, site, ProcessStart(python, str(folder), shown))


def _and_no_others(modules: Sequence[Path]) -> list[str]:
    """Where there is no file to be collected, nothing is, and not everything."""
    return [] if modules else ["--ignore-glob=*"]


def _together(*trees: Contents) -> dict[str, list[str]]:
    """The projects of all ``trees``: what is installed may be of any of them, and have had another name."""
    names: dict[str, dict[str, None]] = {}
    for tree in trees:
        for folder, given in tree.projects.items():
            names.setdefault(folder, {}).update(dict.fromkeys(given))
    return {folder: list(given) for folder, given in names.items()}


def interpreter(text: str) -> str:
    """The path of the interpreter that ``--modelbench-against-python`` names; UsageError if there is none."""
    path = Path(text).expanduser().absolute()  # not resolved: a virtual environment is known by its link
    path = path / "bin" / "python" if path.is_dir() else path
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise UsageError(
            f"--modelbench-against-python: there is no interpreter {path}; name one, as in path/to/venv/bin/python"
        )
    return str(path)
