"""A branch of git of its own, which sessions commit to without touching the working tree."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_modelbench.core.errors import BaselineError, UnreadableError
from pytest_modelbench.core.locations import BRANCH
from pytest_modelbench.store.locations.location import otherwise
from pytest_modelbench.vcs.branch import Blob, Branch


@dataclass(frozen=True, slots=True)
class BranchLocation:
    """The files of ``branch``, here and as they were last fetched; they are committed here, and pushed on request."""

    branch: Branch
    removal: str = ""

    @property
    def name(self) -> str:
        """``git:`` and the branch."""
        return f"{BRANCH}{self.branch.name}"

    def told(self, name: str) -> str:
        """``git:``, the branch and a file."""
        return f"{self.name}/{name}"

    def names(self) -> list[str]:
        """Its files, sorted; BaselineError where there is no such branch."""
        if not self.branch.exists():
            raise BaselineError(
                f"{self.name}: there is no such branch, here or fetched from {self.branch.remote}; pytest-modelbench "
                f"history-push fetches it, and sessions make it: pytest --modelbench-history {self.name}"
            )
        return sorted(self.branch.files())

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | BaselineError]]:
        """What is in each file."""
        files = self.branch.files()
        there = [name for name in names if name in files]
        yield from zip(there, self._contents([files[name] for name in there], there), strict=True)
        for name in names:
            if name not in files:
                yield name, BaselineError(f"{self.told(name)}: is gone")

    def add(self, files: Mapping[str, bytes]) -> None:
        """Commit files; UsageError for a branch that is of something else."""
        there = self.branch.files()
        known = [name for name in files if name in there]
        for name, data in zip(known, self._contents([there[name] for name in known], known), strict=True):
            if data != files[name]:
                raise otherwise(self.told(name))
        self.branch.change(files, (), f"Keep {_counted(len(files))}")

    def remove(self, names: Collection[str]) -> None:
        """Commit that files are gone."""
        self.branch.change({}, names, f"Take away {_counted(len(names))}, which are in others")

    def _contents(self, blobs: Sequence[Blob], names: Sequence[str]) -> Iterator[bytes | BaselineError]:
        for name, data in zip(names, self.branch.contents([blob.id for blob in blobs]), strict=True):
            yield data if data is not None else UnreadableError(f"{self.told(name)}: git lacks what is in it")


def _counted(files: int) -> str:
    return "1 file" if files == 1 else f"{files} files"
