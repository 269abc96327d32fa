"""A folder, and the folders in it: copies that were put into one, as artifacts of CI are."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_modelbench.core.errors import BaselineError, UnreadableError
from pytest_modelbench.store.atomic import make_folder, remove, remove_left_behind, write_atomically
from pytest_modelbench.store.locations.location import otherwise

#: No writer takes so long, on whichever machine and by whichever clock.
_ABANDONED_S = 24 * 3600.0


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
        """Paths of its files as seen from it, sorted; UnreadableError where it, or a folder in it, cannot be listed."""
        try:
            if self.path.is_dir():
                return sorted(os.path.relpath(path, self.path) for path in _files(self.path))
            there = os.path.lexists(self.path)
        except OSError as error:
            raise _unreadable(error.filename or self.path, error) from error
        raise BaselineError(
            f"{self.path}: is no folder; move it away, or name another"
            if there
            else f"{self.path}: there is no such folder; sessions make it: pytest --modelbench-history {self.path}"
        )

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | BaselineError]]:
        """What is in each file."""
        for name in names:
            yield name, _content(self.path / name)

    def add(self, files: Mapping[str, bytes]) -> None:
        """Add files, one after the other; what killed writers left there long ago goes."""
        make_folder(self.path)
        remove_left_behind(self.path, older_than_s=_ABANDONED_S)
        for name, data in files.items():
            path = self.path / name
            if not os.path.exists(path):
                write_atomically(path, data)
            elif _content(path) != data:
                raise otherwise(str(path))

    def remove(self, names: Collection[str]) -> None:
        """Take away files, one after the other."""
        for name in names:
            try:
                there = (self.path / name).exists()
            except OSError as error:
                raise _unreadable(self.path / name, error) from error
            if there:
                remove(self.path / name)
        for folder in {(self.path / name).parent for name in names} - {self.path}:
            with contextlib.suppress(OSError):  # it holds something else
                folder.rmdir()


def _files(top: Path) -> Iterator[str]:
    """The paths of all files below ``top``, those behind links as well, each folder once: a link may lead upwards."""

    def refused(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # which went in between
            raise error

    seen = set[tuple[int, int]]()
    for folder, below, names in os.walk(top, onerror=refused, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            below.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield from (os.path.join(folder, name) for name in names)


def _content(path: Path) -> bytes | BaselineError:
    try:
        # One that waits for a writer would do so for ever.
        if path.exists() and not path.is_file():
            return BaselineError(f"{path}: is no file; move it away")
        return path.read_bytes()
    except OSError as error:
        return _unreadable(path, error)


def _unreadable(path: Path | str, error: OSError) -> UnreadableError:
    return UnreadableError(f"{path}: cannot be read: {error.strerror or error}; make it readable")
