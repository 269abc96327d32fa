"""A folder, and the folders in it: copies that were put into one, as artifacts of CI are."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.errors import BaselineError
from pytest_modelbench.store.atomic import make_folder, remove, write_atomically
from pytest_modelbench.store.locations.location import otherwise


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on a disk, which is made when something is added."""

    path: Path
    removal: str = "rm {file}"

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    def told(self, name: str) -> str:
        """The path of a file."""
        return str(self.path / name)

    def names(self) -> list[str]:
        """Paths of its files as seen from it, sorted."""
        if not self.path.is_dir():
            there = os.path.lexists(self.path)
            raise BaselineError(
                f"{self.path}: is no folder; move it away, or name another"
                if there
                else f"{self.path}: there is no such folder; sessions make it: pytest --modelbench-history {self.path}"
            )
        return sorted(
            os.path.relpath(os.path.join(folder, name), self.path)
            for folder, _, names in os.walk(self.path)
            for name in names
        )

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | BaselineError]]:
        """What is in each file."""
        for name in names:
            yield name, _content(self.path / name)

    def add(self, files: Mapping[str, bytes]) -> None:
        """Add files, one after the other."""
        make_folder(self.path)
        for name, data in files.items():
            path = self.path / name
            if not path.exists():
                write_atomically(path, data)
            elif _content(path) != data:
                raise otherwise(str(path))

    def remove(self, names: Collection[str]) -> None:
        """Take away files, one after the other."""
        for name in names:
            if (self.path / name).exists():
                remove(self.path / name)
        for folder in {(self.path / name).parent for name in names} - {self.path}:
            with contextlib.suppress(OSError):  # it holds something else
                folder.rmdir()


def _content(path: Path) -> bytes | BaselineError:
    # One that waits for a writer would do so for ever.
    if path.exists() and not path.is_file():
        return BaselineError(f"{path}: is no file; move it away")
    try:
        return path.read_bytes()
    except OSError as error:
        return BaselineError(f"{path}: cannot be read: {error.strerror or error}; make it readable")
