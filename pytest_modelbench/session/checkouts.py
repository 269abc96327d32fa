"""The code of other commits for as long as it is measured: checked out, and built if the project says how."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.session.launch import Tree
from pytest_modelbench.vcs.checkout import Checkout
from pytest_modelbench.vcs.revision import Revision
from pytest_modelbench.workers.job import Code
from pytest_modelbench.workers.programs import output_of


@dataclass(frozen=True, slots=True)
class Checkouts:
    """Checkouts of commits of the project at ``root``, in each of which the command ``build`` is run, if there is one.

    ``tell`` is told of each build, which may take minutes.
    """

    root: Path
    build: str = ""
    tell: Callable[[str], object] = lambda line: None

    @contextmanager
    def of(self, revision: Revision, python: str = sys.executable) -> Iterator[Checkout]:
        """The files of ``revision``, built with ``python``; ModelbenchError if it cannot be checked out or built."""
        with Checkout(self.root, revision) as checkout:
            if self.build:
                self.tell(f"building {revision.name}: {self.build}")
                # The python of the command is the one that measures.
                path = os.pathsep.join([os.path.dirname(python), os.environ.get("PATH", os.defpath)])
                failed = f"{revision.name} cannot be built in its checkout"
                output_of(["sh", "-c", self.build], failed, folder=checkout.root, variables={"PATH": path})
            yield checkout


def tree_of(checkout: Checkout, commit: str) -> Tree:
    """The code of ``commit``, which is checked out."""
    return Tree(checkout.root, checkout.path_of, code=Code(commit, checkout.prefix))
