"""Files that are either the old ones or the new ones, whatever happens in between, and one writer at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from pytest_modelbench.core.errors import BaselineError

#: How long another session may hold the lock. It is held while files are read and written, which takes milliseconds.
LOCK_WAIT_S = 60.0
_LOCK_POLL_S = 0.05
#: No writer takes so long.
_ABANDONED_S = 600.0


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write ``content``, text in UTF-8, to ``path`` atomically, also if the machine loses power right after.

    Killed at any moment, it leaves the file as it was; what it leaves beside it, the next one removes. A link is
    followed, and an existing file keeps its permissions. Raises BaselineError naming ``path`` if it cannot be written,
    or is there and may not be.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        target = path.resolve()
        if target.exists() and not os.access(target, os.W_OK):  # which replacing it would not heed
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if target.exists() and not (target.is_file() or target.is_dir()):
            # A device or a pipe, as /dev/stdout: it is written to, and must never be replaced by a file.
            with open(target, "wb") as stream:
                stream.write(data)
            return
        stem = target.stem[:100]
        _remove_abandoned(target.parent, stem)
        # The name does not end in .json, so what a killed process leaves behind is never read as a baseline.
        temporary = target.parent / f".{stem}-{secrets.token_hex(6)}.tmp"
        try:
            _write_new(temporary, data, _mode_of(target))
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_folder(target.parent)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise BaselineError(
            f"{path}: cannot be written: {_cause(error)}; make room or make it writable, then run the same again"
        ) from error


def _remove_abandoned(folder: Path, stem: str) -> None:
    """Remove what writers of this file in ``folder`` left that were killed a while ago."""
    for path in folder.glob(_temporary(glob.escape(stem))):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()


def remove_left_behind(folder: Path, older_than_s: float | None = None) -> None:
    """Remove what killed writers left in ``folder``, so long ago that none writes it; of any age under its lock."""
    for path in folder.glob(_temporary("*")):
        with contextlib.suppress(OSError):
            if older_than_s is None or time.time() - path.stat().st_mtime > older_than_s:
                path.unlink()


def _temporary(stem: str) -> str:
    """A pattern of the names that files are written under before they are whole."""
    return f".{stem}-{'[0-9a-f]' * 12}.tmp"


def remove(path: Path) -> None:
    """Remove ``path``. Raises BaselineError naming it if it cannot be removed."""
    try:
        os.unlink(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise BaselineError(f"{path}: cannot be removed: {_cause(error)}; make its folder writable") from error


def make_folder(path: Path) -> None:
    """Make ``path`` a folder. Raises BaselineError naming it if it cannot be made."""
    try:
        made = [one for one in (path, *path.parents) if not one.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for one in made:
            _sync_folder(one.parent)
    except OSError as error:
        raise BaselineError(
            f"{path}: cannot be made a folder: {_cause(error)}; make room for it or name another folder"
        ) from error


@contextlib.contextmanager
def locked(folder: Path, wait_s: float = LOCK_WAIT_S) -> Iterator[None]:
    """The only holder of ``folder``'s lock, among all processes, inside the block.

    The lock is on the folder's own descriptor: no lock file is left behind, and a killed holder lets go. Raises
    BaselineError naming ``folder`` if it does not exist or another process holds the lock for longer than ``wait_s``.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BaselineError(f"{folder}: cannot be opened: {_cause(error)}; it must be a readable folder") from error
    try:
        _wait_for_lock(folder, descriptor, wait_s)
        yield
    finally:
        os.close(descriptor)  # and with it the lock


def _wait_for_lock(folder: Path, descriptor: int, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise BaselineError(
                    f"{folder}: another session has been writing here for {wait_s:.0f} s; wait for it or end it, "
                    "then run the same again"
                ) from None
        except OSError as error:
            raise BaselineError(
                f"{folder}: cannot be locked: {_cause(error)}; keep baselines on a file system that has flock"
            ) from error
        time.sleep(_LOCK_POLL_S)


def _mode_of(path: Path) -> int | None:
    """Permissions of the file at ``path``, or None if there is none."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return None


def _write_new(path: Path, data: bytes, mode: int | None) -> None:
    # Not tempfile: its files are private to the user, and a new baseline should follow the umask like any other file.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself last. Some file systems cannot sync a folder and say so with EINVAL."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def _cause(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
