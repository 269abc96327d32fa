"""What a bisection goes along: commits, each checked out, or versions of a package, each in its own environment."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pytest_modelbench.core.bisection import Step
from pytest_modelbench.core.errors import UsageError
from pytest_modelbench.session.confirming import tree_of
from pytest_modelbench.session.launch import Tree
from pytest_modelbench.vcs.checkout import Checkout
from pytest_modelbench.vcs.range import RangeCommit, commits_between, split_range
from pytest_modelbench.vcs.revision import Revision
from pytest_modelbench.workers.versions import Maker, environment_with, versions_between


class Revisions(Protocol):
    """Revisions in order; the first is the one that all others are compared with."""

    steps: Sequence[Step]
    package: str
    notes: Sequence[str]

    def tree(self, at: int) -> AbstractContextManager[Tree]:
        """The code of revision ``at``, for as long as it is measured; ModelbenchError if it cannot be had."""


@dataclass(frozen=True, slots=True)
class BenchFiles:
    """Files of the tests, as they are here. They are put where a commit has no such file; ``always``: over its own."""

    paths: tuple[Path, ...]
    always: bool = False

    def put(self, checkout: Checkout) -> None:
        """Into a commit's files."""
        for path in self.paths:
            there = checkout.path_of(path)
            if there is not None and (self.always or not there.exists()):
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, there)


class Commits:
    """The commits of a range, along first parents."""

    package = ""

    def __init__(self, root: Path, wanted: str, files: BenchFiles) -> None:
        self._root, self._files = root, files
        first, others = commits_between(root, *split_range(wanted))
        self.steps: Sequence[Step] = tuple(map(_step, (first, *others)))
        self.notes: Sequence[str] = ()

    @contextmanager
    def tree(self, at: int) -> Iterator[Tree]:
        commit = self.steps[at].id
        with Checkout(self._root, Revision(commit, commit[:10])) as checkout:
            self._files.put(checkout)
            yield tree_of(checkout, commit)


class Versions:
    """The versions of an installed package, each over what is installed here, with the working tree's code."""

    def __init__(self, here: Tree, package: str, wanted: str, cache: Path, maker: str = "") -> None:
        good, dots, bad = wanted.partition("..")
        if not (good and dots and bad):
            raise UsageError(f"{wanted!r} is no range of versions; write GOOD..BAD, as in 1.0.20..1.0.31")
        self.package = package
        self.steps: Sequence[Step] = tuple(Step(one, one) for one in versions_between(package, good, bad))
        self.notes: Sequence[str] = (
            (f"each version of {package} is installed over what is installed here, without what it depends on",)
            if not maker
            else ()
        )
        self._here, self._maker = here, Maker(package, cache, maker)

    @contextmanager
    def tree(self, at: int) -> Iterator[Tree]:
        python = environment_with(self._maker, self.steps[at].id)
        yield Tree(self._here.root, self._here.path_of, python)


def _step(one: RangeCommit) -> Step:
    return Step(one.id, one.id[:10], one.subject, one.date, one.is_merge)
