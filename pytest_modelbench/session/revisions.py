"""What a bisection goes along: commits, each checked out, or versions of a package, each in its own environment."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pytest_modelbench.core.bisection import Step
from pytest_modelbench.core.errors import ModelbenchError, UsageError
from pytest_modelbench.session.checkouts import Checkouts, tree_of
from pytest_modelbench.session.launch import Tree
from pytest_modelbench.vcs.checkout import Checkout
from pytest_modelbench.vcs.range import RangeCommit, brought_by, commits_between, split_range
from pytest_modelbench.vcs.revision import Revision
from pytest_modelbench.workers.versions import Maker, environment_with, versions_between


class Revisions(Protocol):
    """Revisions in order; the first is the one that all others are compared with."""

    steps: Sequence[Step]
    package: str
    notes: Sequence[str]

    def tree(self, at: int) -> AbstractContextManager[Tree]:
        """The code of revision ``at``, for as long as it is measured; ModelbenchError if it cannot be had."""

    def brought(self, at: int) -> str:
        """The range of what revision ``at`` brought, if it is a merge."""


@dataclass(frozen=True, slots=True)
class BenchFiles:
    """Files of the tests, as they are here. They are put where a commit has no such file; ``always``: over its own."""

    paths: tuple[Path, ...]
    always: bool = False

    def put(self, checkout: Checkout) -> None:
        """Into a commit's files; ModelbenchError where they cannot be, as where a link leads out of them."""
        for path in self.paths:
            there = checkout.path_of(path)
            if there is None or not (self.always or not os.path.lexists(there)):
                continue
            try:
                if not there.parent.resolve().is_relative_to(checkout.top.resolve()):
                    raise ModelbenchError(
                        f"{there.parent.name} is a link there, so that {path.name} cannot be put into it"
                    )
                there.parent.mkdir(parents=True, exist_ok=True)
                there.unlink(missing_ok=True)  # a link would be followed
                shutil.copyfile(path, there)
            except OSError as error:
                raise ModelbenchError(f"{path.name} cannot be put there: {error.strerror or error}") from error

    def digest(self) -> str:
        """What is in them."""
        return hashlib.sha256(b"".join(path.read_bytes() for path in self.paths)).hexdigest()


class Commits:
    """The commits of a range, along first parents."""

    package = ""

    def __init__(self, checkouts: Checkouts, wanted: str, files: BenchFiles) -> None:
        self._checkouts, self._files = checkouts, files
        root = checkouts.root
        first, others = commits_between(root, *split_range(wanted))
        self._commits = (first, *others)
        self.steps: Sequence[Step] = tuple(map(_step, self._commits))
        self.notes: Sequence[str] = ()

    @contextmanager
    def tree(self, at: int) -> Iterator[Tree]:
        commit = self.steps[at].id
        with self._checkouts.of(Revision(commit, commit[:10])) as checkout:
            self._files.put(checkout)
            yield tree_of(checkout, commit)

    def brought(self, at: int) -> str:
        return brought_by(self._checkouts.root, self._commits[at])


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

    def brought(self, at: int) -> str:
        return ""


def _step(one: RangeCommit) -> Step:
    return Step(one.id, one.id[:10], one.subject, one.date, one.is_merge)
