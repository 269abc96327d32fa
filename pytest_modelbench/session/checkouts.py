"""The code of other commits for as long as it is measured: checked out, and built if the project says how."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.locations import without_secret
from pytest_modelbench.core.printable import printable
from pytest_modelbench.session.launch import Tree
from pytest_modelbench.vcs.checkout import Checkout
from pytest_modelbench.vcs.git import about_no_repository
from pytest_modelbench.vcs.revision import Revision
from pytest_modelbench.workers.job import Code
from pytest_modelbench.workers.programs import output_of

#: Beside the files of a checkout, for as long as that lasts: what is called python there is the one that measures.
_PROGRAMS = "modelbench-programs"


@dataclass(frozen=True, slots=True)
class Checkouts:
    """Checkouts of commits of the project at ``root``, at whose top the command ``build`` is run, if there is one.

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
                name = revision.name if revision.name != revision.commit else f"commit {revision.commit[:10]}"
                self.tell(printable(without_secret(f"modelbench: building {name}: {self.build}")))
                programs = _programs(checkout.top.parent / _PROGRAMS, python)
                variables = about_no_repository(os.environ) | {
                    "PATH": os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)]),
                    "GIT_TERMINAL_PROMPT": "0",  # nobody is there to type a password
                }
                failed = f"{name} cannot be built"
                output_of(["sh", "-c", self.build], failed, folder=checkout.top, variables=variables)
            yield checkout


def _programs(folder: Path, python: str) -> Path:
    """A new folder in which ``python`` goes by its common names. Scripts: a link would not know its environment."""
    folder.mkdir()
    for name in ("python", "python3"):
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.quote(python)} "$@"\n', encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def tree_of(checkout: Checkout, commit: str) -> Tree:
    """The code of ``commit``, which is checked out."""
    return Tree(checkout.root, checkout.path_of, code=Code(commit, checkout.prefix))
