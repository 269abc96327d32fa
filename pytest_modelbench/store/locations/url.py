"""What fsspec reaches: object stores, hubs, and servers of files."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pytest_modelbench.core.errors import BaselineError, MissingExtraError, UnreadableError
from pytest_modelbench.core.locations import without_secret
from pytest_modelbench.store.locations.location import otherwise

T = TypeVar("T")

#: Packages that fsspec wants for a protocol, and our extra that has it. For others it tells itself.
_EXTRAS = {"s3": ("s3fs", "s3"), "s3a": ("s3fs", "s3"), "gs": ("gcsfs", "gs"), "gcs": ("gcsfs", "gs")}
#: Files that are asked for at once.
_AT_ONCE = 64
#: Nobody waits longer for a server that does not answer: clients of some try again for many minutes.
ANSWER_S = 60.0


class UrlLocation:
    """The files below ``url``. Raises a ModelbenchError for a protocol that nothing here speaks."""

    removal = ""

    def __init__(self, url: str, answer_s: float = ANSWER_S) -> None:
        self.name = without_secret(url)
        self._answer_s = answer_s
        self._system, self._root = self._opened(url)

    def told(self, name: str) -> str:
        """The URL of a file."""
        return f"{self.name.rstrip('/')}/{without_secret(name)}"

    def names(self) -> list[str]:
        """Its files as seen from it, sorted; none where nothing was ever added."""
        start = f"{self._root.rstrip('/')}/"
        return sorted(path.removeprefix(start) for path in self._answer("be listed", self._files))

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | BaselineError]]:
        """What is in each file; BaselineError for all of them where nobody answers."""
        for first in range(0, len(names), _AT_ONCE):
            chosen = names[first : first + _AT_ONCE]
            paths = {name: self._path(name) for name in chosen}
            found = self._answer("be read", self._contents, list(paths.values()))
            for name, path in paths.items():
                yield name, self._read_one(name, path) if path not in found else self._readable(name, found[path])

    def add(self, files: Mapping[str, bytes]) -> None:
        """Add files, one after the other, each under its name once it is whole, as far as the server can do that."""
        for name, data in files.items():
            path = self._path(name)
            if self._answer("be written", self._system.exists, path):
                if self._answer("be read", self._system.cat_file, path) != data:
                    raise otherwise(self.told(name))
            else:
                self._answer("be written", self._write, path, data)

    def remove(self, names: Collection[str]) -> None:
        """Take away files, one after the other."""
        for name in names:
            path = self._path(name)
            if self._answer("be removed", self._system.exists, path):
                self._answer("be removed", self._system.rm_file, path)

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _opened(self, url: str) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        try:
            system, root = self._answer("be reached", url_to_fs, url)
        except ImportError as error:
            package, extra = _EXTRAS.get(url.partition("://")[0].lower(), ("", ""))
            if extra:
                raise MissingExtraError(package, extra) from None
            raise BaselineError(f"{self.name}: cannot be reached: {without_secret(str(error))}") from None
        return system, str(root)

    def _files(self) -> list[str]:
        """The paths of all files below the root. Not `find`, which leaves out what it cannot list."""
        self._system.invalidate_cache()
        files, folders = list[str](), [self._root]
        while folders:
            folder = folders.pop()
            try:
                listed = self._system.ls(folder, detail=True)
            except FileNotFoundError:  # nothing was ever added, or it went in between
                continue
            for one in listed:
                path = str(one["name"]).rstrip("/")
                if path != folder.rstrip("/"):  # as an object store has it, which marks folders by empty objects
                    (folders if one["type"] == "directory" else files).append(path)
        return files

    def _contents(self, paths: list[str]) -> dict[str, bytes | Exception]:
        if len(paths) == 1:  # of which it would not tell the name
            try:
                return {paths[0]: self._system.cat_file(paths[0])}
            except Exception as error:  # whatever clients of servers raise
                return {paths[0]: error}
        try:
            return dict(self._system.cat(paths, on_error="return")) if paths else {}
        except FileNotFoundError:  # one that was folded in between, or whose name reads as a pattern
            return {}

    def _read_one(self, name: str, path: str) -> bytes | BaselineError:
        return self._readable(name, self._answer("be read", self._contents, [path])[path])

    def _readable(self, name: str, found: bytes | Exception) -> bytes | BaselineError:
        if isinstance(found, bytes):
            return found
        return UnreadableError(f"{self.told(name)}: cannot be read: {_cause(found)}")

    def _write(self, path: str, data: bytes) -> None:
        try:
            self._written(path, data)
        except FileNotFoundError:
            self._make_folders()
            self._written(path, data)

    def _make_folders(self) -> None:
        """Make the folders that lead to it, but the first: that is a bucket, which nobody meant to make."""
        first, *folders = self._root.strip("/").split("/")
        path = f"/{first}" if self._root.startswith("/") else first
        for folder in folders:
            path = f"{path}/{folder}"
            with contextlib.suppress(FileExistsError):
                self._system.mkdir(path, create_parents=False)

    def _written(self, path: str, data: bytes) -> None:
        try:
            with self._system.transaction, self._system.open(path, "wb") as file:
                file.write(data)
        except NotImplementedError:  # a hub, which puts a file there whole
            self._system.pipe_file(path, data)

    def _answer(self, doing: str, ask: Callable[..., T], *arguments: object) -> T:
        """What ``ask`` returns, if it does so in time; BaselineError for all that it raises but ImportError."""
        answers: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                answers.append(ask(*arguments))
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(self._answer_s)
        if answers:
            return answers[0]
        if not errors:
            raise BaselineError(f"{self.name}: cannot {doing}: nothing answered within {self._answer_s:.0f} s")
        if isinstance(errors[0], ImportError):
            raise errors[0]
        raise BaselineError(f"{self.name}: cannot {doing}: {_cause(errors[0])}") from errors[0]


def _cause(error: BaseException) -> str:
    said = without_secret(" ".join(str(error).split()))[:300]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
